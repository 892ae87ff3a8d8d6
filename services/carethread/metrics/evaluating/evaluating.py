"""One Measure counted over one state of the facts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from carethread.core.clock import from_micros
from carethread.core.ports.analytics import Answer, Glimpse
from carethread.metrics.evaluating.asking import Asked
from carethread.metrics.evaluating.counting import Counted, counting, observing, read
from carethread.metrics.evaluating.periods import Days, quoted, zones
from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.shipped import standard

_PARAMETER = re.compile(r"\$([a-z]\w*)", re.ASCII)
_SPANS = re.compile(r"\bspans\b")


@dataclass(frozen=True, slots=True)
class Units:
    """Which units are counted: conditions on `unit`, what the parameters of the SQL stand for, and the relation `spans`
    (see `periods.Zones.spans`), for SQL that has to choose among what happened in the period."""

    wanted: Sequence[str]
    parameters: Mapping[str, object]
    spans: str


def units(facts: Glimpse, days: Days, wanted: Sequence[str]) -> Units:
    """Those of these days, each by the days of its department, that fulfil the conditions too."""
    zoned = zones(facts)
    start, end = zoned.widest(days)
    now = from_micros(facts.marks.time).replace(tzinfo=None)
    utc_start, utc_end = days.within(UTC)
    moments = {"start": start, "end": end, "now": now, "utc_start": utc_start, "utc_end": utc_end}
    return Units([*wanted, *zoned.narrowed(days)], moments, zoned.spans(days))


def conditions(asked: Asked, subjects: Sequence[str] | None) -> list[str]:
    """What a call asks of the units that are counted; `subjects` are the people that it names, None: it names none."""
    named = {"department": asked.department, "practitioner": asked.practitioner}
    found = [f"unit.{column} = {quoted(id_)}" for column, id_ in named.items() if id_]
    if subjects is not None:
        found.append(f"unit.subject IN ({', '.join(map(quoted, subjects))})" if subjects else "FALSE")
    return found


def evaluate(facts: Glimpse, definition: Definition, counted: Units, *, people: bool) -> list[Counted]:
    """By group what there is of each population and stratum. Raises Invalid for SQL that is wrong, TooCostly, Busy."""
    rows = run(facts, counting(definition, standard(), counted.wanted, people), counted)
    values = observing(definition, standard(), counted.wanted)
    return read(definition, rows, run(facts, values, counted) if values else [], people)


def run(facts: Glimpse, sql: str, counted: Units) -> list[tuple[object, ...]]:
    """The rows of a statement over units."""
    return answer(facts, sql, counted).rows


def answer(facts: Glimpse, sql: str, counted: Units) -> Answer:
    """The rows of a statement over units, with the names of their columns."""
    used = set(_PARAMETER.findall(sql))
    if _SPANS.search(sql):
        sql = f"WITH spans AS (\n{counted.spans}\n), {sql.removeprefix('WITH ')}"
    return facts.query(sql, {name: value for name, value in counted.parameters.items() if name in used})
