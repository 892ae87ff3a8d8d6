"""One Measure counted over one state of the facts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date
from math import isfinite

from carethread.core.clock import from_micros
from carethread.core.errors import Invalid
from carethread.core.fhir.validation.primitives import CONTROL
from carethread.core.ports.analytics import Answer, Glimpse
from carethread.metrics.evaluating.asking import Asked
from carethread.metrics.evaluating.counting import Counted, relation
from carethread.metrics.evaluating.describing import describe
from carethread.metrics.evaluating.everybody import everybody
from carethread.metrics.evaluating.periods import Days, Zones, quoted, zones
from carethread.metrics.evaluating.reading import read
from carethread.metrics.evaluating.tallying import tallied
from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.shipped import comes_along, standard

_PARAMETER = re.compile(r"\$([a-z]\w*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Units:
    """Which units of a Measure are counted, whose SQL was looked at: conditions on `unit`, what the parameters of the
    SQL stand for, and the relations that are made for SQL that names them: `spans` (see `periods.Zones.spans`), for SQL
    that has to choose among what happened in the period, and `zones` (see `periods.Zones.places`)."""

    wanted: Sequence[str]
    parameters: Mapping[str, object]
    made: Mapping[str, str]


def units(
    facts: Glimpse,
    definition: Definition,
    days: Days,
    wanted: Sequence[str],
    buckets: Mapping[date, Days] | None = None,
) -> Units:
    """Those of these days, each by the days of its department, that fulfil the conditions too. `buckets` are the parts
    of these days that SQL tells apart, each by its name; None: there is but one. Raises as `describe` does, so that no
    statement has SQL in it that was not looked at by itself."""
    return _looked_at(facts, definition, _those(facts, zones(facts), days, wanted, buckets))


def judge(facts: Glimpse, definition: Definition) -> None:
    """Look at a Measure of which nothing is counted. Raises as `describe` does."""
    today = from_micros(facts.marks.time).date()
    _looked_at(facts, definition, _those(facts, Zones({}), Days(today, today), (), None))


def _those(
    facts: Glimpse, zoned: Zones, days: Days, wanted: Sequence[str], buckets: Mapping[date, Days] | None
) -> Units:
    start, end = zoned.widest(days)
    now = from_micros(facts.marks.time).replace(tzinfo=None)
    utc_start, utc_end = days.within(UTC)
    moments = {"start": start, "end": end, "now": now, "utc_start": utc_start, "utc_end": utc_end}
    made = {"spans": zoned.spans(buckets or {days.first: days}), "zones": zoned.places()}
    return Units([*wanted, *zoned.narrowed(days)], moments, made)


def _looked_at(facts: Glimpse, definition: Definition, found: Units) -> Units:
    beside = _beside(definition.sql, found)
    describe(facts, definition, named("\n".join((definition.sql, *beside.values())), found), found.wanted, beside)
    return found


def conditions(asked: Asked, subjects: Sequence[str] | None) -> list[str]:
    """What a call asks of the units that are counted; `subjects` are the people that it names, None: it names none."""
    named = {"department": asked.department, "practitioner": asked.practitioner}
    found = [f"unit.{column} = {quoted(id_)}" for column, id_ in named.items() if id_]
    if subjects is not None:
        found.append(f"unit.subject IN ({', '.join(map(quoted, subjects))})" if subjects else "FALSE")
    return found


def evaluate(facts: Glimpse, definition: Definition, counted: Units, *, people: bool) -> list[Counted]:
    """By group what there is of each population and stratum. Raises Invalid for SQL that is wrong, TooCostly, Busy."""
    return evaluate_each(facts, definition, counted, "", (None,), people=people)[0]


def evaluate_each(
    facts: Glimpse,
    definition: Definition,
    counted: Units,
    bucket: str,
    buckets: Sequence[date | None],
    *,
    people: bool,
) -> list[list[Counted]]:
    """As `evaluate`, for each of these buckets; `bucket` is SQL of that which a unit is in."""
    known = everybody(definition, standard())
    if known is not None:
        known = replace(known, sql=facts.kept(known.sql, named(known.sql, counted)))
    rows = tallied(
        lambda sql: run(facts, sql, counted),
        definition,
        known,
        counted.wanted,
        parts=people,
        likeness=people and not comes_along(definition.sql),
        bucket=bucket,
    )
    return [_finite(each) for each in read(definition, rows, parts=people, buckets=buckets)]


def _finite(found: list[Counted]) -> list[Counted]:
    """Raises Invalid for a number, or a name of a stratum, that no report can tell."""
    for place, group in enumerate(found):
        cells = [group.whole, *(cell for strata in group.strata.values() for cell in strata.values())]
        if not all(cell.value is None or isfinite(cell.value) for cell in cells):
            said = "The SQL observes what is no finite number: where nothing is observed it says NULL, as nullif does."
            raise Invalid(said, code="value", expression=f"Measure.group[{place}]")
        for column, strata in group.strata.items():
            if any(CONTROL.search(name) for name in strata):
                said = f"The column {column} has text with a control character, which FHIR cannot tell."
                raise Invalid(said, code="value", expression=f"Measure.group[{place}]")
    return found


def run(facts: Glimpse, sql: str, counted: Units) -> list[tuple[object, ...]]:
    """The rows of a statement over units."""
    return answer(facts, sql, counted).rows


def answer(facts: Glimpse, sql: str, counted: Units) -> Answer:
    """The rows of a statement over units, with the names of their columns."""
    sql = spelled(sql, counted)
    return facts.query(sql, named(sql, counted))


def names_spans(sql: str) -> bool:
    """Whether SQL chooses among what happened in the period."""
    return _names("spans", sql)


def spelled(sql: str, counted: Units) -> str:
    """A statement over units with the relations in front that are made for it."""
    made = "".join(f"{relation(*each)}, " for each in _beside(sql, counted).items())
    return f"WITH {made}{sql.removeprefix('WITH ')}" if made else sql


def _beside(sql: str, counted: Units) -> dict[str, str]:
    """The relations that are made for SQL which names them."""
    return {name: made for name, made in counted.made.items() if _names(name, sql)}


def _names(relation: str, sql: str) -> bool:
    return re.search(rf"\b{relation}\b", sql, re.IGNORECASE) is not None


def named(sql: str, counted: Units) -> dict[str, object]:
    """The parameters that SQL names."""
    used = set(_PARAMETER.findall(sql))
    return {name: value for name, value in counted.parameters.items() if name in used}
