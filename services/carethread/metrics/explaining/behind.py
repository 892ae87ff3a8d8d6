"""The units that one number of a report was counted from, and what of them who asks is told.

Where numbers of few people are not told to who asks, what stands behind one is looked at only where it is told, in this
report and today; then units are told by their references alone, and where lists could be laid beside each other, not at
all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carethread.core.context import Context
from carethread.core.ports.analytics import Answer, Glimpse
from carethread.core.service import Runtime
from carethread.metrics.answering.answering import Question, analytics_of, is_told_all, wanted_units
from carethread.metrics.evaluating.counting import DEPARTMENT, bare, relations, scored_populations
from carethread.metrics.evaluating.evaluating import Units, answer
from carethread.metrics.explaining.picking import Picked
from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.shipped import standard
from carethread.metrics.measures.tables import read_by
from carethread.metrics.suppressing.cells import Hidden
from carethread.metrics.suppressing.crossing import listed
from carethread.metrics.suppressing.masking import masked, refuse_list
from carethread.metrics.suppressing.months import months, suppressed
from carethread.metrics.suppressing.seeing import hides


@dataclass(frozen=True, slots=True)
class Behind:
    """`total` units are counted now, of which `rows` are a page, in one order, each by its columns. `is_bare`: only
    their references are told; `is_listed`: units are told at all. `statement` over `counted` finds them; `by` are the
    canonicals of the Library and of the views, `as_of` the moment of the facts in microseconds."""

    total: int
    rows: Sequence[Mapping[str, Any]]
    is_bare: bool
    is_listed: bool
    counted: Units
    statement: str
    by: Sequence[str]
    as_of: int


def behind(
    runtime: Runtime, asks: Question, number: Picked, context: Context, *, count: int, offset: int = 0
) -> Behind:
    """What stands behind a number: `count` units at most, from the one at `offset` on.

    Raises Forbidden for numbers of few people, Invalid for SQL that is wrong, TooCostly, Busy before there are facts.
    """
    with analytics_of(runtime).look() as facts:
        counted = wanted_units(facts, asks)
        is_bare = hides(runtime, asks.definition) and not is_told_all(facts, asks, counted, context.principal)
        if is_bare:
            _refuse_few(facts, asks, number)
        total, units = _units(facts, asks.definition, counted, number, count, offset)
        by = [*asks.measure.get("library", ())[:1], *read_by(facts, asks.definition)]
        as_of = facts.marks.time
    columns = ("resource",) if is_bare else units.columns
    is_listed = not is_bare or _may_be_listed(asks.definition, number)
    shown = units.dicts() if is_listed else ()
    return Behind(
        total=total,
        rows=[{name: row[name] for name in columns if name in row} for row in shown],
        is_bare=is_bare,
        is_listed=is_listed,
        counted=counted,
        statement=f"{_before(asks.definition, counted, number)}\nSELECT unit.* FROM unit WHERE {number.where}",
        by=by,
        as_of=as_of,
    )


def _refuse_few(facts: Glimpse, asks: Question, number: Picked) -> None:
    """Raise Forbidden for a number that is not told, in this report or today."""
    counted, hidden = masked(facts, asks.definition, asks.wanted)
    is_known = number.stratifier < 0 or number.stratum in counted[number.place].strata.get(number.column, {})
    level = hidden.get((number.column, number.stratum), Hidden.NOTHING) if is_known else Hidden.ALL
    beside = number.population not in scored_populations(number.group)
    if number.reported is None or level is Hidden.ALL or (level >= Hidden.BESIDE and beside):
        raise suppressed("Few people stand behind this number: it is for staff who treat them.", "population")
    refuse_list(asks.definition, asks.wanted.days)
    if number.column in standard() and len(months(asks.wanted.days)) > 1:
        raise suppressed("A stratum of several months is explained month by month.", "stratum")


def _may_be_listed(definition: Definition, number: Picked) -> bool:
    """Whether it is told who they are: of departments, and not of other strata, for lists of men and of young people
    laid beside each other tell of young men."""
    return (number.place, number.population) in listed(definition.groups) and number.column in ("", DEPARTMENT)


def _units(
    facts: Glimpse, definition: Definition, counted: Units, number: Picked, count: int, offset: int
) -> tuple[int, Answer]:
    before = _before(definition, counted, number)
    total = answer(facts, f"{before}\nSELECT count(*) FROM unit WHERE {number.where}", counted).rows[0][0]
    order = 'unit.resource, unit."at", COLUMNS(*)'  # all columns: several units of a resource may be of one moment
    page = f"ORDER BY {order} LIMIT {count} OFFSET {offset}"
    return int(total), answer(facts, f"{before}\nSELECT unit.* FROM unit WHERE {number.where}\n{page}", counted)


def _before(definition: Definition, counted: Units, number: Picked) -> str:
    parted = number.stratifier >= 0
    return relations(definition, standard(), counted.wanted) if parted else bare(definition, counted.wanted)
