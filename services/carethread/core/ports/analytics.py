"""The engine that runs SQL over published facts, and the files that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from carethread.core.facts.manifest import File, Manifest, Prepared, Published
from carethread.core.facts.relation import Relation

REBUILDING = "rebuild-"
"""With what the names of folders begin that a rebuild needs while it runs."""

NO_PARAMETERS: Mapping[str, object] = {}
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query found: Python's values, times naive and in UTC."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Marks:
    """Up to where events are in: the moment (microseconds) up to which the facts are whole, and by service and type the
    greatest `ce_sequence`."""

    time: int
    sources: Mapping[str, Mapping[str, int]]


class Glimpse(Protocol):
    """One state of the facts, which does not change, for as many queries as belong together."""

    @property
    def marks(self) -> Marks: ...

    @property
    def views(self) -> Mapping[str, str]:
        """The tables that there are, each with the canonical and version of the ViewDefinition that made it."""
        ...

    def query(self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS) -> Answer:
        """Run one SELECT; `$name` in it is a parameter.

        Raises Invalid where it is wrong or something else, TooCostly where it takes too long or too much memory, Busy
        where there is no room for it now.
        """
        ...

    def columns(
        self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS, beside: Mapping[str, str] = NOTHING
    ) -> Mapping[str, str]:
        """The columns of SQL that is a SELECT by itself, with their types in SQL (`BOOLEAN`), in other SQL that reads
        from it: of one name (`n`) the second is `n_1`. `beside` has the SQL of relations that it may name. Raises as
        `query` does."""
        ...

    def kept(self, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS) -> str:
        """What gives the rows of a SELECT of ours in the FROM of later queries, so that they are computed once, not in
        each: they raise what it does."""
        ...


class Analytics(Protocol):
    """The published facts."""

    def look(self, *, leisure: bool = False) -> AbstractContextManager[Glimpse]:
        """The newest state, for all queries of one answer: they have a deadline together, after which each raises
        TooCostly. `leisure`: nobody waits for the answer, so that it is far away. Raises Busy before there is one."""
        ...

    def check(self, sql: str) -> None:
        """Raise Invalid unless SQL by itself is one SELECT that reads and changes nothing; whether it names what is
        there is not looked at."""
        ...


class Shelf(Protocol):
    """A folder with the files of facts, and the manifest that lists those that count. One process writes at a time."""

    def hold(self) -> AbstractContextManager[object]:
        """Keep all others from writing. Raises Busy where one does."""
        ...

    def manifest(self) -> Manifest | None:
        """What is listed; None before the first time. Raises Busy for a manifest that cannot be read."""
        ...

    def put(self, manifest: Manifest) -> None:
        """List these files from now on; after a crash it is this manifest or the one before."""
        ...

    def write(self, relation: Relation, rows: Iterable[str], *, delta: int = 0, gone: Sequence[str] = ()) -> File:
        """A new file, of rows as text. `delta`: its number, as one of later rows; `gone` are resources without any."""
        ...

    def fold(self, name: str, table: Published) -> File:
        """A new file with all rows of a table."""
        ...

    def merge(self, name: str, table: Published) -> File:
        """A new delta in the place of all that a table has."""
        ...

    def rows(self, table: Published, ids: Sequence[str]) -> list[tuple[Any, ...]]:
        """The rows of resources in a table, by its columns. Raises Busy where a file of it is not there any more, or is
        damaged."""
        ...

    def prepare(self, prepared: Prepared) -> None:
        """Keep for who publishes what was made without holding the shelf."""
        ...

    def prepared(self) -> Prepared | None:
        """What was prepared last, if all of its files are there."""
        ...

    def touch(self, paths: Sequence[str]) -> None:
        """Files that are not listed yet are still wanted."""
        ...

    def sweep(self, listed: set[str], older_than: float) -> int:
        """Remove files that are not listed, and were not touched since a moment (seconds); how many."""
        ...
