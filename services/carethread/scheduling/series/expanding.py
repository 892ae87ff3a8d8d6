"""The moments of a recurrence rule, in a zone's local time: https://www.rfc-editor.org/rfc/rfc5545#section-3.3.10.

A rule from outside has an end and costs little: nothing below days, at most `MOST` occurrences within `YEARS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from carethread.core.clock import from_micros, to_micros
from carethread.core.errors import Invalid

MOST = 104
YEARS = 2

_PARTS = frozenset(
    [
        "FREQ",
        "INTERVAL",
        "COUNT",
        "UNTIL",
        "BYDAY",
        "BYMONTHDAY",
        "BYMONTH",
        "BYSETPOS",
        "BYWEEKNO",
        "BYYEARDAY",
        "WKST",
    ]
)
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_LONGEST_RULE = 500


def occurrences(rule: str, start: datetime, zone: ZoneInfo) -> list[int]:
    """The moments, in microseconds, at which something recurs that begins at a local time (without a zone).

    Raises Invalid for a rule that is none, has no end, or has too many occurrences.
    """
    parts = _parts(rule)
    last = start + timedelta(days=366 * YEARS)
    count = _number(parts, "COUNT") if "COUNT" in parts else MOST + 1
    until = _until(parts["UNTIL"], zone) if "UNTIL" in parts else last
    if "COUNT" not in parts and "UNTIL" not in parts:
        raise _wrong("A rule has an end: COUNT or UNTIL.")
    if count > MOST + 1 or until > last:
        raise _wrong(f"A series has at most {MOST} occurrences within {YEARS} years.")
    found = list(islice(_expanded(parts, start, until), count))
    if len(found) > MOST:
        raise _wrong(f"A series has at most {MOST} occurrences within {YEARS} years.")
    if not found:
        raise _wrong("The rule has no occurrence.")
    return [to_micros(local.replace(tzinfo=zone).astimezone(from_micros(0).tzinfo)) for local in found]


def shifted(moment: int, by: timedelta, zone: ZoneInfo) -> int:
    """A moment moved by local time: nine o'clock stays nine o'clock when the clocks change in between."""
    local = from_micros(moment).astimezone(zone).replace(tzinfo=None) + by
    return to_micros(local.replace(tzinfo=zone).astimezone(from_micros(0).tzinfo))


def _parts(rule: str) -> dict[str, str]:
    text = rule.strip().upper().removeprefix("RRULE:")
    pairs = [part.partition("=") for part in text.split(";") if part]
    parts = {name: value for name, _, value in pairs}
    if len(text) > _LONGEST_RULE or len(parts) != len(pairs) or not parts.keys() <= _PARTS:
        raise _wrong(f"A rule is made of {', '.join(sorted(_PARTS))}, each once, such as FREQ=WEEKLY;COUNT=10.")
    if parts.get("FREQ") not in _FREQUENCIES:
        raise _wrong(f"FREQ is one of {', '.join(_FREQUENCIES)}.")
    return parts


def _expanded(parts: dict[str, str], start: datetime, until: datetime) -> Iterator[datetime]:
    """The local times, as dateutil finds them.

    It looks for the next one up to the year 9999, which takes seconds where there is none. The calendar repeats after
    400 years, weekdays too: so it is asked as late as there are years.
    """
    from dateutil.rrule import rrulestr  # some 20 ms, for those who make a series only

    later = (9999 - YEARS - 1 - start.year) // 400 * 400
    kept = ";".join(f"{name}={value}" for name, value in parts.items() if name not in ("COUNT", "UNTIL"))
    try:
        rule = rrulestr(kept, dtstart=start.replace(year=start.year + later))
        rule = rule.replace(until=until.replace(year=until.year + later))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise _wrong("A part of the rule has a value that it cannot have.") from error
    return (local.replace(year=local.year - later) for local in rule)


def _number(parts: dict[str, str], name: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,3}", parts[name]):
        raise _wrong(f"{name} is a number from 1 to {MOST}.")
    return int(parts[name])


def _until(text: str, zone: ZoneInfo) -> datetime:
    """The last local time: a day is meant whole, and a time in UTC is taken to the zone."""
    for form, whole_day in (("%Y%m%d", True), ("%Y%m%dT%H%M%S", False), ("%Y%m%dT%H%M%SZ", False)):
        try:
            found = datetime.strptime(text, form)  # noqa: DTZ007  # local, or made so below
        except ValueError:
            continue
        if form.endswith("Z"):
            return found.replace(tzinfo=from_micros(0).tzinfo).astimezone(zone).replace(tzinfo=None)
        return found + timedelta(days=1, microseconds=-1) if whole_day else found
    raise _wrong("UNTIL is a day or a time such as 20261231 or 20261231T170000Z.")


def _wrong(text: str) -> Invalid:
    return Invalid(text, code="value", expression="rule")
