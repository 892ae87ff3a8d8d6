"""The moments of a recurrence rule, in a zone's local time: https://www.rfc-editor.org/rfc/rfc5545#section-3.3.10.

A rule from outside has an end and costs little: nothing below days, at most `MOST` occurrences within `YEARS`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from carethread.core.clock import from_micros, to_micros
from carethread.core.errors import Invalid
from carethread.scheduling.series.rule import days_of, rule_of, wrong

MOST = 104
YEARS = 2

_UNTIL = re.compile(r"\d{8}(T\d{6}Z?)?", re.ASCII)


def occurrences(rule: str, start: datetime, zone: ZoneInfo, without: Collection[date] = ()) -> list[int]:
    """The moments, in microseconds, at which something recurs that begins at a local time (without a zone).

    `without` are local days that are left out, and count for COUNT all the same (as EXDATE does). Raises Invalid for a
    rule that is none, has no end, or has too many occurrences, and for a day to leave out on which nothing recurs.
    """
    read = rule_of(rule)
    last = start + timedelta(days=366 * YEARS)
    if len(read.ends) != 1:
        raise wrong("A rule has one end: COUNT or UNTIL.")
    count = _count(read.ends["COUNT"]) if "COUNT" in read.ends else MOST + 1
    until = _until(read.ends["UNTIL"], zone) if "UNTIL" in read.ends else last
    if count > MOST + 1 or until > last:
        raise _too_many()
    locals_ = (datetime.combine(day, start.time()) for day in days_of(read, start.date(), until.date()))
    found = list(islice((local for local in locals_ if local <= until), count))
    if len(found) > MOST or ("COUNT" in read.ends and 0 < len(found) < count):
        raise _too_many()
    if idle := sorted({*without} - {local.date() for local in found}):
        days = ", ".join(day.isoformat() for day in idle)
        raise Invalid(f"The rule has no occurrence on {days}.", code="value", expression="except")
    found = [local for local in found if local.date() not in without]
    if not found:
        raise wrong("The rule has no occurrence.")
    return [moment_of(local, zone) for local in found]


def shifted(moment: int, by: timedelta, zone: ZoneInfo) -> int:
    """A moment moved by local time: nine o'clock stays nine o'clock when the clocks change in between.

    Raises Invalid where it leaves the calendar.
    """
    try:
        return moment_of(from_micros(moment).astimezone(zone).replace(tzinfo=None) + by, zone)
    except OverflowError as error:
        raise Invalid("That moves it beyond the calendar.", code="value", expression="start") from error


def moment_of(local: datetime, zone: ZoneInfo) -> int:
    """The moment of a local time, in microseconds."""
    return to_micros(local.replace(tzinfo=zone).astimezone(UTC))


def _too_many() -> Invalid:
    return wrong(f"A series has at most {MOST} occurrences within {YEARS} years.")


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,3}", text, re.ASCII):
        raise wrong(f"COUNT is a number from 1 to {MOST}.")
    return int(text)


def _until(text: str, zone: ZoneInfo) -> datetime:
    """The last local time: a day is meant whole, and a time in UTC is taken to the zone."""
    if _UNTIL.fullmatch(text):
        try:
            found = datetime.fromisoformat(text.removesuffix("Z"))
            if text.endswith("Z"):
                return found.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
            return found if "T" in text else datetime.combine(found, datetime.max.time())
        except (ValueError, OverflowError):  # no day of the calendar
            pass
    raise wrong("UNTIL is a day or a time such as 20261231 or 20261231T170000Z.")
