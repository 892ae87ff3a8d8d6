"""Facts of plain resources, in memory: what a measure's SQL finds, without a database or files.

Tables have the columns and types that published ones have. Making an engine takes longer than asking it, so one is kept
for each set of views, and filled anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any

from carethread.adapters.analytics.bounds import Bounds
from carethread.adapters.analytics.sandbox import Sandbox, connect, lock
from carethread.core.facts.derived import DERIVED
from carethread.core.facts.relation import Relation, quoted
from carethread.core.ports.analytics import NO_PARAMETERS, NOTHING, Answer, Marks
from carethread.metrics.facts.shipped import shipped
from carethread.metrics.facts.subjects import Subject

NOW = 1_900_000_000_000_000
"""Microseconds: 2030-03-17T17:46:40Z, up to which the facts of a test are whole."""


@dataclass
class _Holds:
    """What is in the tables, whoever looks at them; None: nobody knows."""

    used: set[str] = field(default_factory=set)
    told: list[Mapping[str, Any]] | None = field(default_factory=list)


class Filled:
    """Facts as `core.ports.analytics.Glimpse` tells of them."""

    def __init__(self, subjects: tuple[Subject, ...]) -> None:
        self.marks = Marks(NOW, {})
        self._subjects = {subject.type: subject for subject in subjects}
        self._relations = {each.name: each for subject in subjects for each in subject.relations}
        self.views = {name: each.view for name, each in self._relations.items()}
        self._connection = connect(Bounds(threads=1, memory=512))
        for name in self._relations:
            self._empty(name)
        for name, derived in DERIVED.items():
            if derived.of in self._relations:
                self._connection.execute(f"CREATE VIEW {name} AS {derived.sql}")
        lock(self._connection, [])
        self._sandbox = Sandbox(self._connection, Bounds(seconds=60))
        self._holds = _Holds()

    def fill(self, resources: Iterable[Mapping[str, Any]]) -> None:
        """Have these resources' rows and no others; what is told again stays."""
        told = list(resources)
        if told != self._holds.told:
            self._holds.told = None
            self._fill(told)
            self._holds.told = deepcopy(told)

    def _fill(self, resources: Iterable[Mapping[str, Any]]) -> None:
        for name in self._holds.used:
            self._empty(name)
        rows: dict[str, list[Sequence[Any]]] = {}
        for resource in resources:
            subject = self._subjects.get(resource["resourceType"])
            for view in subject.views if subject else ():
                rows.setdefault(view.name, []).extend(view.rows(resource))  # type: ignore[arg-type]
        for name, found in rows.items():
            self._insert(self._relations[name], found)
        self._holds.used = set(rows)

    def _empty(self, name: str) -> None:
        """Make a table anew: statistics of rows that were deleted stay, and DuckDB 2.0.0 may fail to plan by them."""
        columns = ", ".join(f"{quoted(column)} {kind}" for column, kind in self._relations[name].columns)
        self._connection.execute(f"CREATE OR REPLACE TABLE {quoted(name)} ({columns})")

    def _insert(self, relation: Relation, rows: Sequence[Sequence[Any]]) -> None:
        for start in range(0, len(rows), 500):
            some = rows[start : start + 500]
            line = ", ".join(f"TRY_CAST(? AS {kind})" for _, kind in relation.columns)
            values = [_value(cell) for cell in chain.from_iterable(some)]
            sql = f"INSERT INTO {quoted(relation.name)} VALUES {', '.join([f'({line})'] * len(some))}"
            self._connection.execute(sql, values)

    def run(self, sql: str) -> None:
        """Change what is in the tables, beside what was told."""
        self._connection.execute(sql)
        self._holds.told = None

    def query(self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS) -> Answer:
        return self._sandbox.query(sql, parameters)

    def columns(
        self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS, beside: Mapping[str, str] = NOTHING
    ) -> Mapping[str, str]:
        return self._sandbox.columns(sql, parameters, beside)

    def kept(self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS) -> str:
        return f"({sql})"


def _value(cell: Any) -> Any:
    if cell == "":
        return None
    if isinstance(cell, list):
        return [_value(each) for each in cell]
    return cell if cell is None or isinstance(cell, bool | int | str) else str(cell)


@cache
def _engine(subjects: tuple[Subject, ...]) -> Filled:
    return Filled(subjects)


@contextmanager
def facts_of(resources: Iterable[Mapping[str, Any]], subjects: tuple[Subject, ...] = ()) -> Iterator[Filled]:
    """The facts of resources, by the views that are shipped, or by those of `subjects`. One at a time is open."""
    engine = _engine(subjects or shipped())
    engine.fill(resources)
    yield copy(engine)  # what is kept of a look is of this one only
