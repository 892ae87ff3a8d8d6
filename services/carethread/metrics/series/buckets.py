"""The days, weeks or months of a period, and in SQL which of them a unit is in: by the calendar of its department.

A week begins on Monday (ISO 8601). The first and the last bucket are cut off where the period begins and ends. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal

from carethread.metrics.evaluating.periods import Days, Zones, moment, quoted

By = Literal["day", "week", "month"]

_DAY = timedelta(days=1)


def _month(day: date) -> date:
    return day.replace(day=1)


def _next_month(day: date) -> date:
    return _month(_month(day) + timedelta(days=31))


_STARTS: Mapping[By, Callable[[date], date]] = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(days=day.weekday()),
    "month": _month,
}
_NEXT: Mapping[By, Callable[[date], date]] = {
    "day": lambda day: day + _DAY,
    "week": lambda day: day + timedelta(days=7),
    "month": _next_month,
}
BUCKETS: tuple[By, ...] = tuple(_STARTS)


def start_of(day: date, by: By) -> date:
    """The first day of the bucket that a day is in."""
    return _STARTS[by](day)


def buckets(days: Days, by: By) -> Iterator[Days]:
    """The parts of a period, in order."""
    start = days.first
    while start <= days.last:
        following = _NEXT[by](start_of(start, by))
        yield Days(start, min(following - _DAY, days.last))
        start = following


def before(day: date, by: By, count: int) -> Days:
    """So many whole buckets that end before the one that a day is in."""
    end = start = start_of(day, by)
    for _ in range(count):
        start = start_of(start - _DAY, by)
    return Days(start, end - _DAY)


def bucket(zones: Zones, days: Days, by: By) -> str:
    """SQL of the first day (DATE) of the bucket that `unit.at` is in, for units of these days."""
    start, end = zones.widest(days)
    whens = "".join(
        f" WHEN unit.department IN ({', '.join(map(quoted, sorted(ids)))}) THEN {_local(zone, start, end)}"
        for zone, ids in zones.departments.items()
    )
    local = f"CASE{whens} ELSE unit.at END" if whens else "unit.at"
    return f"CAST(date_trunc('{by}', {local}) AS DATE)"


def _local(zone: tzinfo, start: datetime, end: datetime) -> str:
    """SQL of the time that clocks show: what UTC shows, and the offset of the part of the period that it is in."""
    *earlier, (_, last) = offsets(zone, start, end)
    whens = "".join(f" WHEN unit.at < {moment(until)} THEN {_shifted(seconds)}" for until, seconds in earlier)
    return f"CASE{whens} ELSE {_shifted(last)} END" if whens else _shifted(last)


def _shifted(seconds: int) -> str:
    return f"unit.at + INTERVAL '{seconds}' SECOND"


def offsets(zone: tzinfo, start: datetime, end: datetime) -> list[tuple[datetime, int]]:
    """By how many seconds the clocks of a zone are ahead of UTC, each with until when: from one moment to another, both
    naive and in UTC."""
    found = []
    at = start
    while at < end:
        following = min(at + _DAY, end)
        if _offset(zone, at) != _offset(zone, following):
            following = _change(zone, at, following)
            found.append((following, _offset(zone, at)))
        at = following
    return [*found, (end, _offset(zone, end))]


def _change(zone: tzinfo, early: datetime, late: datetime) -> datetime:
    """The first second of the offset that holds at `late`."""
    low, high = 0, int((late - early).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        same = _offset(zone, early + timedelta(seconds=middle)) == _offset(zone, early)
        low, high = (middle, high) if same else (low, middle)
    return early + timedelta(seconds=high)


def _offset(zone: tzinfo, at: datetime) -> int:
    offset = at.replace(tzinfo=UTC).astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0
