"""Public holidays by the names of their lists: tables of how each falls, none of dates.

A one-off holiday is given in a template as a date. Sources: 5 U.S.C. 6103, which has the nearest working day for a
weekend's; https://www.gov.uk/bank-holidays, which have the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import cache

Falls = Callable[[int], date]
"""The day on which a holiday falls in a year."""


def _on(month: int, day: int) -> Falls:
    return lambda year: date(year, month, day)


def _nth(month: int, weekday: int, nth: int) -> Falls:
    """The nth such weekday of a month (Monday is 0); -1: the last."""

    def falls(year: int) -> date:
        if nth < 0:
            last = date(year + month // 12, month % 12 + 1, 1) - timedelta(1)
            return last - timedelta((last.weekday() - weekday) % 7)
        first = date(year, month, 1)
        return first + timedelta((weekday - first.weekday()) % 7 + 7 * (nth - 1))

    return falls


def easter(year: int) -> date:
    """Easter Sunday, by the anonymous computus of 1876."""
    century, rest = divmod(year, 100)
    moon = (19 * (year % 19) + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    sunday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    days = moon + sunday - 7 * ((year % 19 + 11 * moon + 22 * sunday) // 451) + 114
    return date(year, days // 31, days % 31 + 1)


def _from_easter(days: int) -> Falls:
    return lambda year: easter(year) + timedelta(days)


_MONDAY, _THURSDAY, _SATURDAY, _SUNDAY = 0, 3, 5, 6
_NEW_YEAR, _CHRISTMAS, _BOXING_DAY = _on(1, 1), _on(12, 25), _on(12, 26)
_GOOD_FRIDAY, _EASTER_MONDAY = _from_easter(-2), _from_easter(1)
_EARLY_MAY, _SPRING = _nth(5, _MONDAY, 1), _nth(5, _MONDAY, -1)
_SUMMER = _nth(8, _MONDAY, -1)

_FALLS: Mapping[str, Sequence[Falls]] = {
    "us-federal": (
        _NEW_YEAR,
        _nth(1, _MONDAY, 3),
        _nth(2, _MONDAY, 3),
        _nth(5, _MONDAY, -1),
        _on(6, 19),
        _on(7, 4),
        _nth(9, _MONDAY, 1),
        _nth(10, _MONDAY, 2),
        _on(11, 11),
        _nth(11, _THURSDAY, 4),
        _CHRISTMAS,
    ),
    "england-and-wales": (
        _NEW_YEAR, _GOOD_FRIDAY, _EASTER_MONDAY, _EARLY_MAY, _SPRING, _SUMMER, _CHRISTMAS, _BOXING_DAY,
    ),
    "scotland": (
        _NEW_YEAR, _on(1, 2), _GOOD_FRIDAY, _EARLY_MAY, _SPRING, _nth(8, _MONDAY, 1), _on(11, 30), _CHRISTMAS,
        _BOXING_DAY,
    ),
    "northern-ireland": (
        _NEW_YEAR, _on(3, 17), _GOOD_FRIDAY, _EASTER_MONDAY, _EARLY_MAY, _SPRING, _on(7, 12), _SUMMER, _CHRISTMAS,
        _BOXING_DAY,
    ),
}  # fmt: skip

LISTS = tuple(_FALLS)
"""The names of the lists."""


def is_holiday(name: str, day: date) -> bool:
    """Whether the day is a holiday of the list, or the working day that stands for one at a weekend."""
    return day in _days(name, day.year)


@cache
def _days(name: str, year: int) -> frozenset[date]:
    """The holidays of a year; one of the next year may be kept at the end of this."""
    kept: set[date] = set()
    for each in (year, min(year + 1, date.max.year)):
        fallen = sorted(falls(each) for falls in _FALLS[name])
        kept.update(fallen)
        for day in fallen:
            kept.add(_nearest(day) if name == "us-federal" else _next_free(day, kept))
    return frozenset(day for day in kept if day.year == year)


def _nearest(day: date) -> date:
    """Friday for a Saturday, Monday for a Sunday."""
    return day + timedelta({_SATURDAY: -1, _SUNDAY: 1}.get(day.weekday(), 0))


def _next_free(day: date, taken: set[date]) -> date:
    """For a day at a weekend the next working day that is no holiday itself."""
    if day.weekday() < _SATURDAY:
        return day
    while day.weekday() >= _SATURDAY or day in taken:
        day += timedelta(1)
    return day
