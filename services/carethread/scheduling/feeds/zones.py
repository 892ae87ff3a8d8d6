"""A time zone as a VTIMEZONE: its changes within a span, each told as the local time before it.

Source: RFC 5545 section 3.6.5.

`icalendar` can make one, and tells a change to summer time by the local time after it, so that by the letter the change
is an hour late.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=256)
def vtimezone(name: str, first: date, last: date) -> Timezone:
    """The zone for events from the day `first` to the day `last`. Raises ZoneInfoNotFoundError, ValueError."""
    zone = ZoneInfo(name)
    begin = datetime.combine(first, time(), UTC) - _DAY
    made = Timezone()
    made.add("tzid", name)
    made.add_component(_part(begin, begin, zone))
    for before, after in _changes(zone, begin, datetime.combine(last, time(), UTC) + 2 * _DAY):
        made.add_component(_part(before, after, zone))
    return made


def _changes(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The last second before each change, and the first after it. A zone never changes twice within a day."""
    while begin < end:
        if begin.astimezone(zone).utcoffset() != (begin + _DAY).astimezone(zone).utcoffset():
            low, high = begin, begin + _DAY
            while high - low > _SECOND:
                middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
                if middle.astimezone(zone).utcoffset() == begin.astimezone(zone).utcoffset():
                    low = middle
                else:
                    high = middle
            yield low, high
        begin += _DAY


def _part(before: datetime, after: datetime, zone: ZoneInfo) -> TimezoneStandard | TimezoneDaylight:
    """What holds from a change on."""
    old, new = (moment.astimezone(zone).utcoffset() or timedelta() for moment in (before, after))
    part = TimezoneDaylight() if new > old else TimezoneStandard()
    part.DTSTART = after.replace(tzinfo=None) + old
    part.TZOFFSETFROM = old
    part.TZOFFSETTO = new
    part.add("tzname", after.astimezone(zone).tzname())
    return part
