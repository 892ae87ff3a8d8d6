"""A measure counted for each bucket of a period.

One statement counts all of them where a unit is one whatever the period: each point then is what `$evaluate-measure`
gives for its bucket. Of shipped measures it is known that it is so: where their SQL chooses among what happened in the
period, it does in each bucket (`spans`). Where a stratum is that of the period's end, and where the SQL is the
practice's own, each bucket is counted by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from carethread.core.clock import from_micros
from carethread.core.ports.analytics import Glimpse
from carethread.metrics.evaluating.counting import DEPARTMENT, Counted, stratifiers
from carethread.metrics.evaluating.evaluating import evaluate, evaluate_each, names_spans, units
from carethread.metrics.evaluating.periods import Days, zones
from carethread.metrics.evaluating.reading import read
from carethread.metrics.measures.definition import Definition, Stratifier
from carethread.metrics.measures.shipped import comes_along, standard
from carethread.metrics.series.buckets import By, bucket, buckets, start_of

_TOGETHER, _TOGETHER_CHOSEN = timedelta(days=366), timedelta(days=184)
"""Days that one statement counts at most, so that its memory is bounded: a year, and half of one where it has to choose
among what happened in each bucket."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was counted in one bucket, by group. `over`: the bucket is, as far as the facts reach, wherever."""

    days: Days
    counted: Sequence[Counted]
    over: bool


def narrowed(definition: Definition, columns: Collection[str]) -> Definition:
    """The Measure with these of its stratifiers only; its department is one whether it says so or not."""
    groups = tuple(
        replace(
            group,
            stratifiers=tuple(
                each
                for each in ({each.column: each for each in (_BY_DEPARTMENT, *group.stratifiers)}).values()
                if each.column in columns
            ),
        )
        for group in definition.groups
    )
    return replace(definition, groups=groups)


_BY_DEPARTMENT = Stratifier(DEPARTMENT, {}, DEPARTMENT)


def at_once(definition: Definition) -> bool:
    """Whether one statement counts all buckets."""
    return comes_along(definition.sql) and not any(each.column in standard() for each in stratifiers(definition))


def series(facts: Glimpse, definition: Definition, days: Days, by: By, wanted: Sequence[str]) -> list[Point]:
    """The points of a period, those of nobody too, with how many people stand behind each.

    Raises Invalid for SQL that is wrong, TooCostly, Busy.
    """
    parts = list(buckets(days, by))
    found: list[list[Counted]] = []
    if at_once(definition):
        zoned = zones(facts)
        for some in _together(definition, parts):
            named = {start_of(part.first, by): part for part in some}
            all_ = Days(some[0].first, some[-1].last)
            asked = units(facts, definition, all_, wanted, named)
            found += evaluate_each(facts, definition, asked, bucket(zoned, all_, by), list(named), people=True)
    else:
        found = [evaluate(facts, definition, units(facts, definition, part, wanted), people=True) for part in parts]
    over = is_over(facts)
    return [Point(part, each, over(part)) for part, each in zip(parts, found, strict=True)]


def _together(definition: Definition, parts: Sequence[Days]) -> list[list[Days]]:
    """The buckets of each statement."""
    most = _TOGETHER_CHOSEN if names_spans(definition.sql) else _TOGETHER
    found: list[list[Days]] = []
    for part in parts:
        if found and part.last - found[-1][0].first < most:
            found[-1].append(part)
        else:
            found.append([part])
    return found


def empty(facts: Glimpse, definition: Definition, days: Days, by: By) -> list[Point]:
    """The points of a period without anybody."""
    over = is_over(facts)
    (counted,) = read(definition, (), parts=True)
    return [Point(part, counted, over(part)) for part in buckets(days, by)]


def is_over(facts: Glimpse) -> Callable[[Days], bool]:
    """Tells of days whether all of them that happened, wherever, is among the facts."""
    zoned = zones(facts)
    as_of = from_micros(facts.marks.time).replace(tzinfo=None)
    return lambda days: zoned.widest(days)[1] <= as_of
