"""Time, injected: a clock is a function that returns an aware datetime in UTC.

Stored times are integers: microseconds since 1970-01-01T00:00:00Z. FHIR instants are written in UTC with milliseconds
(http://hl7.org/fhir/R4/datatypes.html#instant).
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


def from_micros(micros: int) -> datetime:
    """The aware datetime of microseconds since the epoch."""
    return _EPOCH + timedelta(microseconds=micros)


@lru_cache(64)  # the versions of one unit have one time, which is written several times for each
def instant(micros: int) -> str:
    """A FHIR instant with milliseconds: `2026-11-22T08:00:00.123Z`."""
    return from_micros(micros).strftime("%Y-%m-%dT%H:%M:%S.") + f"{micros // 1000 % 1000:03d}Z"


def http_date(micros: int) -> str:
    """An HTTP date (RFC 9110 section 5.6.7): `Sun, 22 Nov 2026 08:00:00 GMT`."""
    moment = from_micros(micros)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[moment.month - 1]
    return f"{day}, {moment.day:02d} {month} {moment.year} {moment:%H:%M:%S} GMT"
