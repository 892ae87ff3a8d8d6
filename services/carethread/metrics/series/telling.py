"""What of a series is told to whoever asks: all of it, or where small numbers are not told, whole months that are over,
each as `$evaluate-measure` tells it. This is the one place where a series meets the rules of what is not told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from carethread.core.context import Principal
from carethread.core.ports import Resource
from carethread.core.ports.analytics import Glimpse
from carethread.core.service import Runtime
from carethread.metrics.answering.reporting import Head, extension_of_department
from carethread.metrics.evaluating.asking import Asked
from carethread.metrics.evaluating.counting import DEPARTMENT, Cell, Counted
from carethread.metrics.evaluating.evaluating import conditions, evaluate, units
from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.shipped import standard
from carethread.metrics.series.buckets import By
from carethread.metrics.series.counting import Point, empty, narrowed, series
from carethread.metrics.suppressing.cells import WHOLE, Hidden, Place, hidden
from carethread.metrics.suppressing.masking import masked
from carethread.metrics.suppressing.months import suppressed
from carethread.metrics.suppressing.seeing import hides, treats

Told = tuple[Point, Mapping[Place, Hidden]]
"""A point, and what of it is not told."""


def is_masked(runtime: Runtime, facts: Glimpse, definition: Definition, wanted: Asked, principal: Principal) -> bool:
    """Whether who asks is not told small numbers of what they ask for."""
    if not hides(runtime, definition):
        return False
    return not treats(facts, definition, units(facts, definition, wanted.days, conditions(wanted, None)), principal)


def points(
    runtime: Runtime, facts: Glimpse, definition: Definition, wanted: Asked, by: By, principal: Principal
) -> list[Told]:
    """The points of a series. Raises Forbidden for what is not told, Invalid for SQL that is wrong, TooCostly, Busy."""
    if not is_masked(runtime, facts, definition, wanted, principal):
        return [(each, {}) for each in series(facts, definition, wanted.days, by, conditions(wanted, None))]
    if by != "month":  # days and weeks could be subtracted from months
        raise suppressed("Where small numbers are not told, a series is by month.", "by")
    return [_month(facts, definition, wanted, each) for each in empty(facts, definition, wanted.days, by)]


def _month(facts: Glimpse, definition: Definition, wanted: Asked, point: Point) -> Told:
    if not point.over:
        return point, {WHOLE: Hidden.ALL}
    counted, not_told = masked(facts, definition, replace(wanted, days=point.days))
    return Point(point.days, counted, over=True), not_told


def by_department(
    runtime: Runtime, facts: Glimpse, definition: Definition, wanted: Asked, principal: Principal
) -> tuple[Sequence[Counted], Mapping[Place, Hidden]]:
    """What was counted of a period, parted by department, and what of it is not told. Raises what `points` does."""
    parted = narrowed(definition, (DEPARTMENT,))
    if not is_masked(runtime, facts, definition, wanted, principal):
        return evaluate(facts, parted, units(facts, parted, wanted.days, ()), people=False), {}
    if not definition.is_parted_by(DEPARTMENT):
        raise suppressed("Where small numbers are not told, this measure is not told by department.", DEPARTMENT)
    return masked(facts, parted, wanted)


def hidden_of(definition: Definition, point: Point) -> Mapping[Place, Hidden]:
    """What is not told of a month that is counted by itself and parted by department."""
    if point.over:
        return hidden(definition.groups, point.counted, list(standard()))
    strata = {(column, v): Hidden.ALL for each in point.counted for column, of in each.strata.items() for v in of}
    return {WHOLE: Hidden.ALL, **strata}


def of_department(point: Point, department: str, found: Mapping[Place, Hidden]) -> Told:
    """What of a point that is parted by department is of one: told as its stratum is, for the others are told too."""
    counted = [Counted(each.strata[DEPARTMENT].get(department, _none(each.whole)), {}) for each in point.counted]
    nobody = Hidden.NOTHING if point.over or not found else Hidden.ALL
    level = found.get((DEPARTMENT, department), nobody)
    return Point(point.days, counted, point.over), {WHOLE: level} if level else {}


def _none(cell: Cell) -> Cell:
    return Cell(dict.fromkeys(cell.counts, 0), None, dict.fromkeys(cell.people, 0))


def told_by_department(runtime: Runtime, definition: Definition, points: Sequence[Point], by: By) -> list[Told]:
    """Points that are parted by department, each with what of its departments is not told to whoever asks; none where
    nothing is."""
    if not hides(runtime, definition):
        return [(each, {}) for each in points]
    if by != "month" or not definition.is_parted_by(DEPARTMENT):
        return []
    return [(each, hidden_of(definition, each)) for each in points]


def told_to_all(runtime: Runtime, definition: Definition, point: Point, by: By, department: str) -> Told:
    """A department's part of a point, as a report has it that anybody may read."""
    if not hides(runtime, definition):
        return of_department(point, department, {})
    if by != "month" or not definition.is_parted_by(DEPARTMENT):
        return of_department(point, department, {})[0], {WHOLE: Hidden.ALL}
    return of_department(point, department, hidden_of(definition, point))


def head(point: Point, now: int, as_of: int, counted_by: Sequence[str], department: str = "") -> Head:
    """What the report of a point says of itself; `now` and `as_of` are in microseconds."""
    where = {"reference": f"Organization/{department}"}
    narrowed = [extension_of_department(where)] if department else []
    about = {"reporter": where} if department else {}
    return Head("summary", f"{point.days.first}", f"{point.days.last}", now, as_of, counted_by, narrowed, about)


def bundle(reports: Sequence[Resource], ids: Iterator[str]) -> Resource:
    """A Bundle of reports that are not stored."""
    found: list[Resource] = [{"fullUrl": f"urn:uuid:{next(ids)}", "resource": each} for each in reports]
    return {"resourceType": "Bundle", "type": "collection", "entry": found}
