"""Windows of a week in which somebody has time: `mon,wed 09:00-12:00`, by the wall's clock of a zone. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from carethread.core.clock import from_micros, to_micros
from carethread.core.errors import Malformed
from carethread.core.zones import DAYS, zone_named

Span = tuple[int, int]
"""From a moment up to another, in microseconds."""

_MIDNIGHT = 24 * 60
_SHAPE = re.compile(r"(?:([a-z]{3}(?:,[a-z]{3})*) )?(\d\d):(\d\d)-(\d\d):(\d\d)")
_WHEN = {"MORN": "06:00-12:00", "NOON": "12:00-14:00", "AFT": "12:00-18:00", "EVE": "18:00-22:00"}
"""Parts of a day, of those of http://hl7.org/fhir/event-timing that are part of one."""

_HOURS = 2
"""For how long from a `timeOfDay` on somebody has time."""


@dataclass(frozen=True, slots=True)
class Window:
    """Some days of the week, and the time of day in minutes."""

    days: frozenset[int]
    start: int
    end: int


def zone_of(name: str) -> tzinfo:
    """The zone of a name. Raises Malformed."""
    if zone := zone_named(name):
        return zone
    raise Malformed("zone is a time zone of the IANA's, such as Europe/London.", code="value", expression="zone")


def window_of(text: str, name: str) -> Window:
    """The window that a parameter's text describes. Raises Malformed."""
    match = _SHAPE.fullmatch(text.strip())
    days = match[1].split(",") if match and match[1] else DAYS
    if match and set(days) <= set(DAYS):
        start, end = int(match[2]) * 60 + int(match[3]), int(match[4]) * 60 + int(match[5])
        if int(match[3]) < 60 and int(match[5]) < 60 and start < end <= _MIDNIGHT:
            return Window(frozenset(map(DAYS.index, days)), start, end)
    raise Malformed(
        f"{name} is a time of day, with days of the week where not all are meant, such as 'mon,wed 09:00-12:00'; "
        "it starts before it ends, at 24:00 at the latest.",
        code="value",
        expression=name,
    )


def texts_of(timing: dict[str, Any]) -> Iterator[str]:
    """The windows of a Timing, as texts: its days of the week, at its times of day or parts of the day."""
    repeat = timing.get("repeat", {})
    said = {name: [each for each in repeat.get(name, ()) if each] for name in ("dayOfWeek", "timeOfDay", "when")}
    days = ",".join(said["dayOfWeek"])  # null stands where one has extensions only
    hours = [_from(time) for time in said["timeOfDay"]]
    hours += [_WHEN[each] for each in said["when"] if each in _WHEN]
    if unknown := next((each for each in said["when"] if each not in _WHEN), None):
        raise Malformed(
            f"Timing.repeat.when '{unknown}' is no part of a day that can be looked for; there are {', '.join(_WHEN)}.",
            code="not-supported",
            expression="timing",
        )
    if days or hours:
        yield from (f"{days} {each}".strip() for each in hours or ["00:00-24:00"])


def _from(time: str) -> str:
    hour, minute = int(time[:2]), int(time[3:5])
    end = min((hour + _HOURS) * 60 + minute, _MIDNIGHT)
    return f"{hour:02d}:{minute:02d}-{end // 60:02d}:{end % 60:02d}"


def spans(windows: Iterable[Window], zone: tzinfo, begin: int, end: int) -> list[Span]:
    """When the windows are open within a span, in order, those that meet made one."""
    found: list[Span] = []
    day = from_micros(begin).astimezone(zone).date() - timedelta(1)
    last = from_micros(end).astimezone(zone).date()
    wanted = list(windows)
    while day <= last:
        for window in wanted:
            if day.weekday() in window.days:
                opens = max(_moment(day, window.start, zone), begin)
                shuts = min(_moment(day, window.end, zone), end)
                if opens < shuts:
                    found.append((opens, shuts))
        day += timedelta(1)
    merged: list[Span] = []
    for opens, shuts in sorted(found):
        if merged and opens <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(shuts, merged[-1][1])
        else:
            merged.append((opens, shuts))
    return merged


def _moment(day: Any, minute: int, zone: tzinfo) -> int:
    wall = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minute)
    return to_micros(wall.astimezone(UTC))


def inside(open_spans: Sequence[Span], begin: int, end: int) -> bool:
    """Whether a time lies within one of the spans, which are disjoint and in order."""
    place = bisect_right(open_spans, (begin, 2**63)) - 1
    return place >= 0 and end <= open_spans[place][1]


def next_open(open_spans: Sequence[Span], moment: int) -> int | None:
    """The first moment from this one on that is open; None where there is none."""
    place = bisect_right(open_spans, moment, key=lambda span: span[1])
    return max(moment, open_spans[place][0]) if place < len(open_spans) else None
