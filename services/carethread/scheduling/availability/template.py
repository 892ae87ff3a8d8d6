"""A Schedule's weekly template: when who works, in local time, and what its slots are like.

It is an extension of ours, `availability`, on Schedule (fhir_profiles/StructureDefinition/availability.json). Local
times are minutes since midnight on the wall's clock; what they mean on a day is `expanding`'s matter.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

from carethread.core.fhir.search.dates import EARLIEST, LATEST
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.scheduling.availability.holidays import is_holiday

AVAILABILITY = PROFILES + "availability"
MASTER = PROFILES + "schedule-master"

MIDNIGHT = 24 * 60
"""The end of a day, in minutes."""

_DAY = timedelta(1)

Span = tuple[int, int]
"""From a moment up to another, in what unit is said where it stands."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The hours of some days of the week, from `start` up to `end`, cut into slots of `length` minutes each.

    An `end` behind midnight is on the day after. In breaks nothing is open, and after one the cutting begins anew.
    It is in force from day `first` to day `last`, which are days on which the hours begin; of every so many `weeks` in
    one, counted from that of `first`, Monday to Sunday.
    """

    days: frozenset[int]
    start: int
    end: int
    length: int
    capacity: int = 1
    service_types: Sequence[Resource] = ()
    modalities: Sequence[str] = ()
    place: Resource | None = None
    breaks: Sequence[Span] = ()
    first: date = date.min
    last: date = date.max
    weeks: int = 1

    def on(self, day: date) -> bool:
        """Whether its hours begin on the day."""
        return day.weekday() in self.days and self.first <= day <= self.last and self._of_week(day)

    def _of_week(self, day: date) -> bool:
        return self.weeks == 1 or (_week(day) - _week(self.first)) % self.weeks == 0

    def with_other(self, other: Rule, later: int) -> date | None:
        """The first day of this rule with one of the other so many days later."""
        begin = max(self.first.toordinal(), other.first.toordinal() - later)
        end = min(self.last.toordinal(), other.last.toordinal() - later)
        for near in range(begin, min(begin + 7 * self.weeks, end + 1)):
            if self.on(date.fromordinal(near)):
                found = range(near, end + 1, 7 * self.weeks)[: other.weeks]
                if met := next((each for each in found if other.on(date.fromordinal(each + later))), 0):
                    return date.fromordinal(met)
        return None

    def stretches(self) -> Iterator[Span]:
        """The hours without the breaks, in minutes."""
        start = self.start
        for pause, resume in sorted(self.breaks):
            yield start, pause
            start = resume
        yield start, self.end

    def starts(self) -> list[int]:
        """When its slots start, in minutes."""
        return [
            minute
            for start, end in self.stretches()
            for minute in range(start, end - self.length + 1, self.length)
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Template:
    """What a Schedule says of its availability.

    `horizon`: for how many days from today on slots are made. `absences` are disjoint spans in order, `begin` and `end`
    the Schedule's planning horizon, all in microseconds.
    """

    zone: tzinfo
    rules: Sequence[Rule]
    horizon: int = 90
    absences: Sequence[Span] = ()
    holidays: frozenset[date] = frozenset()
    lists: Sequence[str] = ()
    begin: int = EARLIEST
    end: int = LATEST

    def closed(self, day: date) -> bool:
        """Whether the day is a public holiday here."""
        return day in self.holidays or any(is_holiday(name, day) for name in self.lists)

    def hours(self, day: date) -> list[Span]:
        """When it is open on a day, in order, in minutes; what begins the day before goes on until then."""
        own = [span for rule in self.rules if rule.on(day) for span in rule.stretches()]
        over = [rule for rule in self.rules if rule.end > MIDNIGHT and rule.on(day - _DAY)]
        return sorted([*own, *((start - MIDNIGHT, end - MIDNIGHT) for rule in over for start, end in rule.stretches())])

    def weekly(self) -> int:
        """How many slots a week has at most."""
        return sum(len(rule.days) * len(rule.starts()) for rule in self.rules)


def _week(day: date) -> int:
    """The number of a week, which begins on Monday."""
    return (day.toordinal() - 1) // 7


def disjoint(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order, those that meet made one."""
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return tuple(merged)


def meets(spans: Sequence[Span], span: Span) -> bool:
    """Whether a span has something in common with one of disjoint ones in order."""
    place = bisect_right(spans, span[0], key=lambda each: each[1])
    return place < len(spans) and spans[place][0] < span[1]


def master_of(schedule: Resource) -> str:
    """Who decides on the slots: `carethread`, `ehr`, or empty where it is not said: then they are taken as they come.

    Where there is an availability and nothing else is said, it is `carethread`.
    """
    extensions = {each.get("url"): each for each in schedule.get("extension", ())}
    if MASTER in extensions:
        return str(extensions[MASTER].get("valueCode", ""))
    return "carethread" if AVAILABILITY in extensions else ""
