"""The local days of a recurrence rule: https://www.rfc-editor.org/rfc/rfc5545#section-3.3.10.

Of each period (a day, week, month or year) that the rule is about, the days that all its parts allow. Days are looked
at one by one up to a last one, so a rule costs as little where it never comes true as where it always does. Pure.
"""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby

from carethread.core.errors import Invalid

FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
"""In the order of date.weekday()."""

_LONGEST = 500
_MOST_INTERVAL = 1000
_SIGNED = {"BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYSETPOS": 366}
"""Lists of numbers that count from the beginning, or where negative from the end, and how far."""

_PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTH", *_SIGNED, "WKST")
_NOT_WITH = {
    "BYMONTHDAY": ("WEEKLY",),
    "BYYEARDAY": ("DAILY", "WEEKLY", "MONTHLY"),
    "BYWEEKNO": ("DAILY", "WEEKLY", "MONTHLY"),
}
"""Which parts have no meaning with which FREQ."""

_NUMBER = re.compile(r"[+-]?\d{1,4}", re.ASCII)
_DAY = re.compile(rf"([+-]?\d{{1,2}})?({'|'.join(DAYS)})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule says, but when it ends. `days` are weekdays, each with its number within the period; 0: every one.

    `lists` are those of BYMONTH and `_SIGNED` that are given; `ends` the texts of COUNT and UNTIL.
    """

    frequency: str
    interval: int = 1
    days: Sequence[tuple[int, int]] = ()
    lists: Mapping[str, Sequence[int]] = field(default_factory=dict)
    week_start: int = 0
    ends: Mapping[str, str] = field(default_factory=dict)


def rule_of(text: str) -> Rule:
    """Read a rule. Raises Invalid, naming the part that is wrong and what it may be."""
    text = text.strip().upper().removeprefix("RRULE:")
    pairs = [part.partition("=") for part in text.split(";") if part]
    parts = {name: value for name, _, value in pairs}
    if len(text) > _LONGEST or len(parts) != len(pairs) or not parts.keys() <= set(_PARTS):
        raise wrong(f"A rule is made of {', '.join(sorted(_PARTS))}, each once, such as FREQ=WEEKLY;COUNT=10.")
    frequency = parts.get("FREQ", "")
    if frequency not in FREQUENCIES:
        raise wrong(f"FREQ is one of {', '.join(FREQUENCIES)}.")
    if lost := next((name for name in parts if frequency in _NOT_WITH.get(name, ())), None):
        raise wrong(f"{lost} does not go with FREQ={frequency}.")
    lists = {name: _numbers(parts[name], name, most) for name, most in _SIGNED.items() if name in parts}
    if "BYMONTH" in parts:
        lists["BYMONTH"] = _numbers(parts["BYMONTH"], "BYMONTH", 12, signed=False)
    if "BYSETPOS" in lists and not (len(lists) > 1 or "BYDAY" in parts):
        raise wrong("BYSETPOS chooses among the days of another part, such as BYDAY; add one.")
    interval = _numbers(parts.get("INTERVAL", "1"), "INTERVAL", _MOST_INTERVAL, signed=False)
    if len(interval) > 1:
        raise wrong(f"INTERVAL is a number from 1 to {_MOST_INTERVAL}.")
    start = parts.get("WKST", "MO")
    if start not in DAYS:
        raise wrong(f"WKST is one of {', '.join(DAYS)}.")
    days = _weekdays(parts["BYDAY"], frequency, "BYWEEKNO" in parts) if "BYDAY" in parts else ()
    ends: Mapping[str, str] = {name: parts[name] for name in ("COUNT", "UNTIL") if name in parts}
    return Rule(frequency, interval[0], days, lists, DAYS.index(start), ends)


def days_of(rule: Rule, start: date, last: date) -> Iterator[date]:
    """The days of the rule from the one on which it starts to the last, which are at least a year from the ends of the
    calendar."""
    allowed = [test for test in (*_lists(rule, start), _weekday(rule, start)) if test]
    period, end = _PERIODS[rule.frequency], last + timedelta(366)  # the last period as a whole
    first = start - timedelta(366)  # and the first
    number = period(start, rule.week_start)
    spans = (first + timedelta(days) for days in range((end - first).days))
    for found, span in groupby(spans, lambda day: period(day, rule.week_start)):
        if found < number or (found - number) % rule.interval:
            continue
        days = [day for day in span if all(test(day) for test in allowed)]
        if positions := rule.lists.get("BYSETPOS"):
            chosen = {each - 1 if each > 0 else len(days) + each for each in positions}
            days = [day for place, day in enumerate(days) if place in chosen]
        yield from (day for day in days if start <= day <= last)


def wrong(text: str) -> Invalid:
    """What is said of a rule that is none."""
    return Invalid(text, code="value", expression="rule")


_PERIODS: Mapping[str, Callable[[date, int], int]] = {
    "DAILY": lambda day, start: day.toordinal(),
    "WEEKLY": lambda day, start: (day.toordinal() - 1 - start) // 7,
    "MONTHLY": lambda day, start: day.year * 12 + day.month,
    "YEARLY": lambda day, start: day.year,
}
"""The number of the period that a day is in, where weeks start on a weekday."""


def _lists(rule: Rule, start: date) -> Iterator[Callable[[date], bool]]:
    """Whether the lists of numbers allow a day; where none is about days, the day is that of the start."""
    lists = dict(rule.lists)
    if not rule.days and not lists.keys() & {"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"}:
        if rule.frequency == "YEARLY":
            lists.setdefault("BYMONTH", (start.month,))
        if rule.frequency in ("YEARLY", "MONTHLY"):
            lists["BYMONTHDAY"] = (start.day,)
    if months := lists.get("BYMONTH"):
        yield lambda day: day.month in months
    if numbers := lists.get("BYMONTHDAY"):
        yield lambda day: not _either(day.day, monthrange(day.year, day.month)[1]).isdisjoint(numbers)
    if of_year := lists.get("BYYEARDAY"):
        yield lambda day: not _either(_of_year(day), _long(day.year)).isdisjoint(of_year)
    if weeks := lists.get("BYWEEKNO"):
        yield lambda day: not _either(*_week(day, rule.week_start)).isdisjoint(weeks)


def _weekday(rule: Rule, start: date) -> Callable[[date], bool] | None:
    """Whether the weekdays allow a day; None where any is."""
    days = rule.days
    if not days and (rule.frequency == "WEEKLY" or "BYWEEKNO" in rule.lists):
        days = [(0, start.weekday())]
    if not days:
        return None
    monthly = rule.frequency == "MONTHLY" or "BYMONTH" in rule.lists

    def allows(day: date) -> bool:
        place, length = (day.day, monthrange(day.year, day.month)[1]) if monthly else (_of_year(day), _long(day.year))
        numbers = {0, (place - 1) // 7 + 1, -((length - place) // 7 + 1)}
        return any(weekday == day.weekday() and number in numbers for number, weekday in days)

    return allows


def _either(place: int, length: int) -> set[int]:
    """The numbers of a place, from the beginning and from the end."""
    return {place, place - length - 1}


def _of_year(day: date) -> int:
    return day.toordinal() - date(day.year, 1, 1).toordinal() + 1


def _long(year: int) -> int:
    return 366 if isleap(year) else 365


def _week(day: date, week_start: int) -> tuple[int, int]:
    """The number of a day's week, and how many weeks its year has: the first has four days of the year at least."""
    middle = day - timedelta((day.weekday() - week_start) % 7 - 3)
    first = date(middle.year, 1, 1).toordinal()
    return (middle.toordinal() - first) // 7 + 1, (_long(middle.year) - 1 - (middle.toordinal() - first) % 7) // 7 + 1


def _numbers(text: str, name: str, most: int, *, signed: bool = True) -> list[int]:
    found = [int(each) if _NUMBER.fullmatch(each) else 0 for each in text.split(",")]
    if not all(1 <= (abs(each) if signed else each) <= most for each in found):
        counted = f"a number from 1 to {most}" + (
            f", or from -1 to -{most} where it counts from the end" if signed else ""
        )
        raise wrong(f"{name} is {counted}.")
    return found


def _weekdays(text: str, frequency: str, by_week: bool) -> list[tuple[int, int]]:
    """Weekdays with their numbers, which they have within a month or year only."""
    most = {"MONTHLY": 5, "YEARLY": 0 if by_week else 53}.get(frequency, 0)
    found = []
    for each in text.split(","):
        match = _DAY.fullmatch(each)
        number = int(match[1]) if match and match[1] else 0
        if match is None or abs(number) > most or (match[1] and not number):
            numbered = f", each with a number from 1 to {most} or -1 to -{most} before it or none" if most else ""
            raise wrong(f"BYDAY is days of {', '.join(DAYS)} here{numbered}.")
        found.append((number, DAYS.index(match[2])))
    return found
