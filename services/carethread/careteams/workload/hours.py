"""When somebody works, by their PractitionerRoles, and how much of a time lies outside of that. Pure.

Hours are PractitionerRole.availableTime without what is `notAvailable`, at the local times of a zone; those of several
roles of one person add up. Who has named no hours has none that something could be outside of.
Source: http://hl7.org/fhir/R4/practitionerrole-definitions.html#PractitionerRole.availableTime.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from carethread.core.clock import from_micros, to_micros
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Resource
from carethread.core.zones import DAYS

MINUTE = 60_000_000
_LONGEST = 400
"""Days of a span that are looked at."""

Span = tuple[int, int]


def known(roles: Iterable[Resource]) -> bool:
    """Whether anybody has said when they work."""
    return any(role.get("availableTime") for role in roles)


def outside(span: Span, roles: Iterable[tuple[Resource, tzinfo]]) -> int:
    """How many microseconds of a span lie outside of the hours of the roles together."""
    open_ = merged(part for role, zone in roles for part in _of_role(role, zone, span))
    begin, end = span
    return (end - begin) - sum(min(end, b) - max(begin, a) for a, b in open_ if a < end and b > begin)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans that overlap or touch become one; in order."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif begin < end:
            found.append((begin, end))
    return found


def _of_role(role: Resource, zone: tzinfo, span: Span) -> Iterator[Span]:
    closed = merged(_closed(role, zone))
    for begin, end in merged(_open(role, zone, span)):
        for shut, opens in closed:
            if shut < end and opens > begin:
                if begin < shut:
                    yield begin, shut
                begin = max(begin, opens)
        if begin < end:
            yield begin, end


def _open(role: Resource, zone: tzinfo, span: Span) -> Iterator[Span]:
    first = from_micros(span[0]).astimezone(zone).date() - timedelta(days=1)
    days = (span[1] - span[0]) // (86_400 * 1_000_000) + 4
    for day in (first + timedelta(days=number) for number in range(min(days, _LONGEST))):
        for hours in role.get("availableTime", ()):
            if not hours.get("daysOfWeek") or DAYS[day.weekday()] in hours["daysOfWeek"]:
                yield _on(day, hours, zone)


def _on(day: date, hours: Mapping[str, Any], zone: tzinfo) -> Span:
    """The hours of one day; those that end before they begin go on past midnight."""
    begin = time(0) if hours.get("allDay") else _time(hours.get("availableStartTime"), time(0))
    end = time(0) if hours.get("allDay") else _time(hours.get("availableEndTime"), time(0))
    next_day = day + timedelta(days=1) if end <= begin else day
    return _moment(day, begin, zone), _moment(next_day, end, zone)


def _closed(role: Resource, zone: tzinfo) -> Iterator[Span]:
    for each in role.get("notAvailable", ()):
        during = each.get("during", {})
        begin, end = (date_range(during.get(name, ""), zone) for name in ("start", "end"))
        if begin or end:
            yield begin[0] if begin else 0, end[1] if end else 2**62


def _time(text: object, otherwise: time) -> time:
    try:
        return time.fromisoformat(text) if isinstance(text, str) else otherwise
    except ValueError:  # a leap second
        return otherwise


def _moment(day: date, at: time, zone: tzinfo) -> int:
    return to_micros(datetime.combine(day, at, zone))
