"""Dates, times and their precision: what is left out of a date is unknown, not zero.

Comparing two values that agree as far as both go, and of which one goes further, is undecided: `None`.
Source: http://hl7.org/fhirpath/N1, sections 4.1.5 to 4.1.7, 6.2 and 6.7.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_TIME = re.compile(r"(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?")
_ZONE = re.compile(r"Z|([+-])(\d\d):(\d\d)")

_MINUTE = 60_000_000
"""Microseconds of a minute."""

_WIDEST_OFFSET = timedelta(hours=28)
"""Times further apart than any two offsets are in order whatever the unknown offset is."""

_EPOCH_YEAR = 2000
"""A leap year, to give a time of day a date to be computed on."""


@dataclass(frozen=True, slots=True)
class Temporal:
    """A Date, DateTime or Time as far as it is known.

    `parts` are year, month, day, hour, minute and microseconds of the minute (a Time starts at the hour); seconds and
    their fraction are one precision. `digits` is how many digits of the fraction were written, `zone` the offset from
    UTC in minutes, None when unknown.
    """

    kind: str
    parts: tuple[int, ...]
    digits: int = 0
    zone: int | None = None

    @staticmethod
    def parse_literal(text: str) -> Temporal | None:
        """Read what follows `@` in an expression; None when it is no date."""
        if text.startswith("T"):
            return parse_time(text[1:])
        return parse_datetime(text) if "T" in text else parse_date(text)

    def __str__(self) -> str:
        if self.kind == "Time":
            return _clock_text(self.parts, self.digits)
        text = "-".join(f"{part:0{4 if i == 0 else 2}}" for i, part in enumerate(self.parts[:3]))
        if len(self.parts) > 3:
            text += "T" + _clock_text(self.parts[3:], self.digits)
        return text + _zone_text(self.zone)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Temporal) and compare(self, other) == 0

    def __hash__(self) -> int:
        return hash(_in_utc(self).parts)


def parse_date(text: str) -> Temporal | None:
    """Read `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; None when it is no date."""
    match = _DATE.fullmatch(text)
    return _valid(Temporal("Date", tuple(int(part) for part in match.groups() if part))) if match else None


def parse_datetime(text: str) -> Temporal | None:
    """Read a date, perhaps with a time and an offset; None when it is no date-time."""
    date_text, _, rest = text.partition("T")
    date = _DATE.fullmatch(date_text)
    if date is None:
        return None
    parts = tuple(int(part) for part in date.groups() if part)
    if not rest:
        return _valid(Temporal("DateTime", parts))
    time = _TIME.match(rest)
    if time is None or len(parts) < 3:
        return None
    zone_text = rest[time.end() :]
    zone_match = _ZONE.fullmatch(zone_text)
    if zone_text and zone_match is None:
        return None
    return _valid(Temporal("DateTime", parts + _clock_parts(time), len(time.group(4) or ""), _minutes(zone_match)))


def parse_time(text: str) -> Temporal | None:
    """Read `hh`, `hh:mm` or `hh:mm:ss.fff`; None when it is no time."""
    match = _TIME.fullmatch(text)
    return _valid(Temporal("Time", _clock_parts(match), len(match.group(4) or ""))) if match else None


def of_instant(moment: datetime, kind: str) -> Temporal:
    """The Date, DateTime or Time of an aware datetime, to the millisecond."""
    offset = moment.utcoffset() or timedelta()
    micro = moment.second * 1_000_000 + moment.microsecond // 1000 * 1000
    date = (moment.year, moment.month, moment.day)
    clock = (moment.hour, moment.minute, micro)
    if kind == "Date":
        return Temporal("Date", date)
    if kind == "Time":
        return Temporal("Time", clock, 3)
    return Temporal("DateTime", date + clock, 3, int(offset.total_seconds() // 60))


def compare(left: Temporal, right: Temporal) -> int | None:
    """-1, 0 or 1; None when precision, or an offset that only one side has, leaves it open, or one is a time of day."""
    if (left.kind == "Time") != (right.kind == "Time"):
        return None
    if left.zone is not None and right.zone is not None:
        if left.zone != right.zone:
            left, right = _in_utc(left), _in_utc(right)
    elif left.zone != right.zone and len(left.parts) > 3 and len(right.parts) > 3:
        distance = _moment(left) - _moment(right)
        return None if abs(distance) <= _WIDEST_OFFSET else 1 if distance > timedelta() else -1
    return _compare_parts(left.parts, right.parts)


def _compare_parts(left: tuple[int, ...], right: tuple[int, ...]) -> int | None:
    for a, b in zip(left, right, strict=False):
        if a != b:
            return -1 if a < b else 1
    return 0 if len(left) == len(right) else None


def _in_utc(value: Temporal) -> Temporal:
    if not value.zone or len(value.parts) < 4:
        return value
    try:
        moved = _moment(value) - timedelta(minutes=value.zone)
    except OverflowError:
        return value
    return replace(value, parts=_parts(moved, value), zone=0)


def shifted(value: Temporal, amount: Decimal, unit: str) -> Temporal | None:
    """The value moved by whole calendar units (year, month, week, day, hour, minute, second, millisecond).

    A unit finer than the value's precision counts as far as it fills whole units of that precision. None when the
    result leaves the years 1 to 9999.
    """
    if unit in ("second", "millisecond"):
        micro = int(amount * (1_000_000 if unit == "second" else 1000))
    else:
        amount = Decimal(int(amount))
        micro = 0
    if value.kind != "Time" and (unit in ("year", "month") or len(value.parts) < 3):
        return _shifted_by_months(value, _months(amount, unit, len(value.parts)))
    days = {"week": 7, "day": 1}.get(unit, 0) * int(amount)
    micro += {"hour": 60, "minute": 1}.get(unit, 0) * int(amount) * _MINUTE
    try:
        moved = _moment(value) + timedelta(days=days, microseconds=micro)
    except OverflowError:
        return None
    digits = max(value.digits, 3) if micro % 1_000_000 else value.digits
    return replace(value, parts=_parts(moved, value), digits=digits)


def _months(amount: Decimal, unit: str, precision: int) -> int:
    per_month = {"week": Decimal(30) / 7, "day": Decimal(30), "hour": Decimal(720), "minute": Decimal(43_200)}
    if unit == "year":
        return int(amount) * 12
    months = int(amount) if unit == "month" else int(amount / per_month.get(unit, Decimal(2_592_000)))
    return int(Decimal(months) / 12) * 12 if precision == 1 else months


def _shifted_by_months(value: Temporal, months: int) -> Temporal | None:
    month = value.parts[1] if len(value.parts) > 1 else 1
    total = value.parts[0] * 12 + month - 1 + months
    year, month = total // 12, total % 12 + 1
    if not 1 <= year <= 9999:
        return None
    date: tuple[int, ...] = (year, month)
    if len(value.parts) > 2:
        date += (min(value.parts[2], calendar.monthrange(year, month)[1]),)
    return replace(value, parts=(date + value.parts[3:])[: len(value.parts)])


def _moment(value: Temporal) -> datetime:
    parts = value.parts if value.kind != "Time" else (_EPOCH_YEAR, 1, 1, *value.parts)
    year, month, day, hour, minute, micro = (*parts, *(0, 1, 1, 0, 0, 0)[len(parts) :])
    return datetime(year, month, day, hour, minute, micro // 1_000_000, micro % 1_000_000, tzinfo=UTC)


def _parts(moment: datetime, like: Temporal) -> tuple[int, ...]:
    micro = moment.second * 1_000_000 + moment.microsecond
    parts = (moment.year, moment.month, moment.day, moment.hour, moment.minute, micro)
    return (parts[3:] if like.kind == "Time" else parts)[: len(like.parts)]


def _clock_parts(match: re.Match[str]) -> tuple[int, ...]:
    hour, minute, second, fraction = match.groups()
    if minute is None:
        return (int(hour),)
    if second is None:
        return (int(hour), int(minute))
    return (int(hour), int(minute), int(second) * 1_000_000 + int((fraction or "0").ljust(6, "0")[:6]))


def _clock_text(parts: tuple[int, ...], digits: int) -> str:
    text = ":".join(f"{part:02}" for part in parts[:2])
    if len(parts) > 2:
        text += f":{parts[2] // 1_000_000:02}"
        if digits:
            text += "." + f"{parts[2] % 1_000_000:06}".ljust(digits, "0")[:digits]
    return text


def _minutes(match: re.Match[str] | None) -> int | None:
    if match is None:
        return None
    sign, hours, minutes = match.groups()
    return 0 if sign is None else (-1 if sign == "-" else 1) * (int(hours) * 60 + int(minutes))


def _zone_text(zone: int | None) -> str:
    if zone is None:
        return ""
    return "Z" if zone == 0 else f"{'-' if zone < 0 else '+'}{abs(zone) // 60:02}:{abs(zone) % 60:02}"


def _valid(value: Temporal) -> Temporal | None:
    try:
        _moment(value)
    except ValueError:
        return None
    return value if value.zone is None or abs(value.zone) <= 14 * 60 else None
