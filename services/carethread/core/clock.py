"""Time, injected: a clock is a function that returns an aware datetime in UTC.

Stored times are integers: microseconds since 1970-01-01T00:00:00Z. FHIR instants are written in UTC with milliseconds
(http://hl7.org/fhir/R4/datatypes.html#instant). What lies outside the years 1 to 9999 of UTC cannot be written: a
period without an end, or an end in another zone's last hours. It is the first or the last moment that can be.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

Clock = Callable[[], datetime]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def system_clock() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)


def to_micros(moment: datetime) -> int:
    """Microseconds since the epoch of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


_FIRST = to_micros(datetime(1, 1, 1, tzinfo=UTC))
_LAST = to_micros(datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))


def from_micros(micros: int) -> datetime:
    """The aware datetime of microseconds since the epoch, or the nearest that there is."""
    return _EPOCH + timedelta(microseconds=min(max(micros, _FIRST), _LAST))


@lru_cache(64)  # the versions of one unit have one time, which is written several times for each
def instant(micros: int) -> str:
    """A FHIR instant with milliseconds: `2026-11-22T08:00:00.123Z`."""
    return from_micros(micros).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def period_of(begin: int, end: int) -> dict[str, str]:
    """A FHIR Period (http://hl7.org/fhir/R4/datatypes.html#Period) from one moment to another, both in microseconds."""
    return {"start": instant(begin), "end": instant(end)}


def http_date(micros: int) -> str:
    """An HTTP date (RFC 9110 section 5.6.7): `Sun, 22 Nov 2026 08:00:00 GMT`."""
    moment = from_micros(micros)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[moment.month - 1]
    return f"{day}, {moment.day:02d} {month} {moment.year:04d} {moment:%H:%M:%S} GMT"
