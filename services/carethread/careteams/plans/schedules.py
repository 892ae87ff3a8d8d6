"""When an activity is to be done, and how often: windows of time, each with a number of times.

A Timing that repeats gives windows of its period, one after the other, from its bounds (or the plan's begin) on; only
whole ones count. Source: http://hl7.org/fhir/R4/datatypes.html#Timing. Moments are microseconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from carethread.careteams.plans.spans import OPEN, later
from carethread.core.fhir.search.dates import date_range
from carethread.core.lengths import FIXED, MONTHS
from carethread.core.ports import Resource

MOST = 1000
"""Windows of an activity that are looked at, the last that have ended."""

_FARTHEST = 10_000_000
"""More windows than any activity has."""

_LONGEST: Mapping[str, int] = {
    **{unit: 200 * 366 * FIXED["d"] // length for unit, length in FIXED.items()},
    **{unit: 200 * 12 // length for unit, length in MONTHS.items()},
}
"""How many units a period may be long: two hundred years. What comes less often than that is never due."""

_CODES: Mapping[str, tuple[int, int, str]] = {
    "QD": (1, 1, "d"), "BID": (2, 1, "d"), "TID": (3, 1, "d"), "QID": (4, 1, "d"), "AM": (1, 1, "d"),
    "PM": (1, 1, "d"), "BED": (1, 1, "d"), "QOD": (1, 2, "d"), "Q1H": (1, 1, "h"), "Q2H": (1, 2, "h"),
    "Q3H": (1, 3, "h"), "Q4H": (1, 4, "h"), "Q6H": (1, 6, "h"), "Q8H": (1, 8, "h"), "WK": (1, 1, "wk"),
    "MO": (1, 1, "mo"),
}  # fmt: skip
"""Frequency, period and unit of the codes of a Timing (http://hl7.org/fhir/R4/valueset-timing-abbreviation.html)."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `begin` up to `end` something is to be done so many times."""

    begin: int
    end: int
    times: int = 1


@dataclass(frozen=True, slots=True)
class Schedule:
    """Either the `listed` windows, or those that repeat: `times` in each period of so many units, from `begin` on.

    `limit` is where it ends, `count` how many times there are in all (0: no end). `once`: it is to be done one time,
    and being done early or late is being done.
    """

    listed: Sequence[Window] = ()
    once: bool = False
    begin: int = 0
    limit: int = OPEN
    times: int = 1
    period: Decimal = Decimal(0)
    unit: str = ""
    count: int = 0

    def window(self, number: int) -> Window | None:
        """The window of a number from 0 on; None behind the last."""
        if not self.unit:
            return self.listed[number] if number < len(self.listed) else None
        times = min(self.times, self.count - number * self.times) if self.count else self.times
        begin = later(self.begin, number * self.period, self.unit)
        end = later(self.begin, (number + 1) * self.period, self.unit)
        return Window(begin, end, times) if times > 0 and begin < end <= self.limit else None

    def ended(self, now: int) -> int:
        """How many windows have ended by now."""
        if not self.unit:
            return sum(window.end <= now for window in self.listed)
        return bisect_left(range(_FARTHEST), True, key=lambda number: self._goes_on(number, now))

    def _goes_on(self, number: int, now: int) -> bool:
        window = self.window(number)
        return window is None or window.end > now


def schedule_of(detail: Resource, begin: int) -> Schedule | None:
    """When an activity is to be done by its details, in a plan that begins at a moment; None where they do not say."""
    if "scheduledPeriod" in detail:
        start, end = (date_range(detail["scheduledPeriod"].get(name, "")) for name in ("start", "end"))
        return Schedule((Window(start[0] if start else begin, end[1] if end else OPEN),), once=True)
    timing = detail.get("scheduledTiming", {})
    if "event" in timing:
        spans = sorted(span for event in timing["event"] if (span := date_range(event)))
        return Schedule(tuple(Window(low, max(high, low + FIXED["d"])) for low, high in spans))
    return _repeating(timing, begin)


def _repeating(timing: Resource, begin: int) -> Schedule | None:
    repeat: dict[str, Any] = timing.get("repeat", {})
    often = _often(repeat) or _CODES.get(
        next((str(c.get("code")) for c in timing.get("code", {}).get("coding", ())), "")
    )
    if often is None:
        return None
    times, period, unit = often
    bounds = repeat.get("boundsPeriod", {})
    start, end = (date_range(bounds.get(name, "")) for name in ("start", "end"))
    first, limit = start[0] if start else begin, end[1] if end else OPEN
    length = repeat.get("boundsDuration") or repeat.get("boundsRange", {}).get("high")
    if length and abs(amount := Decimal(str(length.get("value", 0)))) <= _LONGEST.get(length.get("code", ""), 0):
        limit = later(first, amount, length["code"])
    return Schedule(
        begin=first, limit=limit, times=times, period=Decimal(period), unit=unit, count=repeat.get("count", 0)
    )


def _often(repeat: Mapping[str, Any]) -> tuple[int, Decimal | int, str] | None:
    """How many times in how many units of time."""
    days, times = len(repeat.get("dayOfWeek", ())), repeat.get("frequency", 1)
    period, unit = Decimal(str(repeat.get("period", 0))), repeat.get("periodUnit", "")
    if days and (not period or (period == 1 and unit == "d")):
        return days * times, 1, "wk"
    if 0 < period <= _LONGEST.get(unit, 0):
        if unit in MONTHS and period % 1:
            return None
        return (max(times, days) if unit == "wk" else times), period, unit
    hours = len(repeat.get("timeOfDay", ())) or len(repeat.get("when", ()))
    return (hours, 1, "d") if hours else None
