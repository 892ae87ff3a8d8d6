"""A FHIR date as the range of instants it can mean: from inclusive, to exclusive, in microseconds since 1970 UTC.

`2024-03` is all of March; `10:15:30` is that second; `10:15:30.25` is ten milliseconds of it.
Source: http://hl7.org/fhir/R4/search.html#date, http://hl7.org/fhir/R4/datatypes.html#dateTime.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

EARLIEST = -62_135_596_800_000_000
"""The first instant of year 1: the start of a period that has none."""

LATEST = 253_402_300_800_000_000
"""The end of year 9999: the end of a period that has none."""

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_DATE_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_YEAR_MONTH = re.compile(r"(\d{4})(?:-(\d\d))?", re.ASCII)


@lru_cache(maxsize=8192)
def date_range(text: str, zone: tzinfo = UTC) -> tuple[int, int] | None:
    """The range that a date, dateTime or instant means; `zone` applies where the text names none.

    None when the text is no date. Seconds may be left out, as a search value may.
    """
    try:
        if len(text) > 10:
            return _of_datetime(text, zone)
        if len(text) == 10:
            return _of_day(date.fromisoformat(text), zone) if text[4] == text[7] == "-" else None
        return _of_month(text, zone)
    except (ValueError, OverflowError):
        return None


def moment(text: object) -> int:
    """Microseconds of a FHIR instant; 0 where it is none."""
    span = date_range(text) if isinstance(text, str) else None
    return span[0] if span else 0


def asked_range(text: str) -> tuple[int, int] | None:
    """The `date_range` of a URL's parameter, where a plus sign that was not percent-encoded has become a blank.

    None also for what begins or ends outside the years 1 to 9999 of UTC: no answer could write it.
    """
    span = date_range(text.replace(" ", "+"))
    return span if span and span[0] >= EARLIEST and span[1] <= LATEST else None


def instant(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


def _of_datetime(text: str, zone: tzinfo) -> tuple[int, int] | None:
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return None
    day, minute, second, fraction, offset = match.groups()
    leap = second == "60"
    moment = datetime.fromisoformat(f"{day}T{minute}:{'59' if leap else second or '00'}{offset or ''}")
    low = instant(moment if offset else moment.replace(tzinfo=zone))
    if second is None:
        return low, low + 60 * _SECOND
    if fraction is None or leap:
        return low, low + _SECOND
    digits = fraction[:6]
    width: int = 10 ** (6 - len(digits))
    low += int(digits) * width
    return low, low + width


def _of_day(day: date, zone: tzinfo) -> tuple[int, int]:
    return _midnight(day, zone), LATEST if day == date.max else _midnight(day + timedelta(1), zone)


def _of_month(text: str, zone: tzinfo) -> tuple[int, int] | None:
    match = _YEAR_MONTH.fullmatch(text)
    if match is None:
        return None
    year, month = int(match[1]), match[2]
    first = date(year, int(month or 1), 1)
    if month is None or first.month == 12:
        return _midnight(first, zone), LATEST if year == 9999 else _midnight(date(year + 1, 1, 1), zone)
    return _midnight(first, zone), _midnight(date(year, first.month + 1, 1), zone)


def _midnight(day: date, zone: tzinfo) -> int:
    if zone is UTC:
        return (day.toordinal() - _EPOCH_DAY) * _DAY
    return instant(datetime(day.year, day.month, day.day, tzinfo=zone))
