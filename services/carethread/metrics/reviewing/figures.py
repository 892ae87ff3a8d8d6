"""A measure in the month of a review beside the months before, as its chart tells it.

This is the one place where a review meets series, charts and goals. What is not told of a month is no point of the
chart either, so that neither the usual nor a limit tells it. Pure but for the counting.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from carethread.core.clock import from_micros
from carethread.core.fhir.elements import at
from carethread.core.ports import Resource
from carethread.core.ports.analytics import Glimpse
from carethread.core.service import Runtime
from carethread.metrics.evaluating.counting import DEPARTMENT, size
from carethread.metrics.evaluating.periods import Days, quoted
from carethread.metrics.measures.definition import Definition, Group, title_of
from carethread.metrics.reviewing.asking import Review
from carethread.metrics.series.buckets import before
from carethread.metrics.series.counting import narrowed, series
from carethread.metrics.series.telling import Told, told_to_all
from carethread.metrics.signals.charting import charted, sample
from carethread.metrics.signals.charts import Limit, Sample
from carethread.metrics.signals.goals import Target
from carethread.metrics.signals.rules import Signal, holding, signals
from carethread.metrics.signals.standing import LOOKED_AT
from carethread.metrics.suppressing.cells import WHOLE, Hidden, tells_score
from carethread.metrics.suppressing.seeing import hides

SHOWN = 13
"""Months that are shown: that of the review, and a year before it."""

_NOT_TOLD = Sample(None, 0.0)


@dataclass(frozen=True, slots=True)
class Value:
    """One month: its number (None: of nobody, or not told), what that is of, and what the chart judges it by."""

    day: date
    number: float | None
    size: int
    masked: bool
    limit: Limit | None


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a measure, of the group at that `place`: the months that are shown, the last of them that of the
    review. `usual` is the centre of the chart, None without one; `signal` is to be seen in the month of the review,
    `since` its first month; `better` is 1 where more is better, -1 where less is, else 0."""

    measure: str
    title: str
    place: int
    part: str
    kind: str
    group: Group
    values: Sequence[Value]
    usual: float | None
    signal: Signal | None
    since: date | None
    better: int
    goal: Target | None

    @property
    def now(self) -> Value:
        return self.values[-1]

    @property
    def is_of_nobody(self) -> bool:
        """Whether there is nothing to show of a whole year."""
        return all(each.number is None and not each.masked for each in self.values)

    @property
    def met(self) -> bool | None:
        """Whether the goal is; None without one, or without a number."""
        return self.goal.met(self.now.number) if self.goal else None

    @property
    def good(self) -> bool | None:
        """Whether what the signal tells is for the better; None without one, or where neither side is."""
        if self.signal is None or not self.better:
            return None
        return (self.signal.side == "above") == (self.better > 0)


def months(runtime: Runtime, facts: Glimpse, definition: Definition, review: Review) -> list[Told]:
    """The months that are charted: the last that are over, by which signals are raised too, so that there is one usual
    of a number whatever month is looked at; where that is longer ago, those up to it. Where small numbers are not told,
    all departments are counted, for whether one's number is told hangs on the others.

    Raises Invalid for SQL that is wrong, TooCostly, Busy.
    """
    department = review.department
    parted = narrowed(definition, (DEPARTMENT,))
    days = before(from_micros(facts.marks.time).date(), "month", LOOKED_AT)
    if not days.first <= review.days.first <= days.last:
        days = before(review.days.last + timedelta(days=1), "month", LOOKED_AT)
    wanted = [] if hides(runtime, definition) else [f"unit.department = {quoted(department)}"]
    points = series(facts, parted, days, "month", wanted)
    return [told_to_all(runtime, definition, each, "month", department) for each in points if each.over]


def of_month(definition: Definition) -> Definition:
    """The measure as it is reported of a department: not parted any more."""
    return replace(definition, groups=tuple(replace(each, stratifiers=()) for each in definition.groups))


def figures(
    measure: Resource, definition: Definition, told: Sequence[Told], month: Days, goal: Target | None
) -> Iterator[Figure]:
    """The numbers of a measure in a month: one for each of its groups. A goal is of a measure that has one."""
    notation = set(at(measure, "improvementNotation.coding.code"))
    better = 1 if "increase" in notation else -1 if "decrease" in notation else 0
    kind = next((str(code) for code in at(measure, "type.coding.code")), "")
    for i, group in enumerate(definition.groups):
        parts = [
            (not tells_score(group, hidden.get(WHOLE, Hidden.NOTHING)), point.counted[i].whole)
            for point, hidden in told
        ]
        samples = [_NOT_TOLD if masked else sample(group, cell) for masked, cell in parts]
        made = charted(group, samples)
        limits = made.limits if made else [None] * len(samples)
        known = [
            Value(point.days.first, said.value, 0 if masked else size(cell.counts) or 0, masked, limit)
            for (point, _), (masked, cell), said, limit in zip(told, parts, samples, limits, strict=True)
        ]
        values = [each for each in known if each.day <= month.first]
        until = replace(made, limits=made.limits[: len(values)]) if made else None
        seen = next((each for each in signals(until) if holding(until, each)), None) if until else None
        last = seen if seen and seen.last == len(values) - 1 else None
        yield Figure(
            measure=str(measure["id"]),
            title=title_of(measure),
            place=i,
            part=group.called(i) if len(definition.groups) > 1 else "",
            kind=kind,
            group=group,
            values=values[-SHOWN:],
            usual=made.centre if made else None,
            signal=last,
            since=values[last.since].day if last else None,
            better=better,
            goal=goal if i == 0 else None,
        )
