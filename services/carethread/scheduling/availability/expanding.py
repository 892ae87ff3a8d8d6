"""The slots that follow from a template, and whether a time lies within its hours. Pure.

A slot keeps the wall's clock: 9 o'clock is 9 o'clock on either side of a change of the clocks. What would touch an hour
that does not exist is left out, and of an hour that comes twice the first one counts, so none is doubled; each is as
long as the rule says. How local times come to be unambiguous: https://peps.python.org/pep-0495/. A public holiday is a
day of the wall's clock too: nothing of it is open, on whichever day the hours began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from carethread.core.clock import from_micros, to_micros
from carethread.core.fhir.search.dates import EARLIEST, LATEST
from carethread.scheduling.availability.template import MIDNIGHT, Rule, Span, Template, meets

MINUTE = 60_000_000
"""In microseconds."""

_DAY = timedelta(1)
_FIRST, _LAST = EARLIEST + 4 * MIDNIGHT * MINUTE, LATEST - 4 * MIDNIGHT * MINUTE
"""Within these any zone has a date for a time, and for the days around it."""
_TICK = timedelta(microseconds=1)


class Wanted(NamedTuple):
    """A slot that a template asks for; moments in microseconds."""

    id: str
    begin: int
    end: int
    rule: Rule


def slots(template: Template, schedule: str, begin: int, end: int) -> list[Wanted]:
    """The slots of a Schedule, given by its id, that begin in [begin, end), in order."""
    begin, before = max(begin, template.begin, _FIRST), min(end, template.end, _LAST)
    if begin >= before:
        return []
    family = _family(schedule)
    starts = {id(rule): rule.starts() for rule in template.rules}
    found = []
    day, last = _wall(template, begin).date() - _DAY, _wall(template, before - 1).date() + _DAY
    while day <= last:
        closed = template.closed(day), template.closed(day + _DAY)
        for rule in template.rules:
            for minute in starts[id(rule)] if rule.on(day) else ():
                if any(closed[minute // MIDNIGHT : (minute + rule.length - 1) // MIDNIGHT + 1]):
                    continue
                span = _span(template, day, minute, rule.length)
                if (
                    span
                    and begin <= span[0] < before
                    and span[1] <= template.end
                    and not meets(template.absences, span)
                ):
                    found.append(Wanted(_id(family, span[0]), *span, rule))
        day += _DAY
    return sorted(found, key=lambda wanted: wanted.begin)


def slot_id(schedule: str, begin: int) -> str:
    """The id of the slot of a Schedule that begins at a moment: made again it is the same."""
    return _id(_family(schedule), begin)


def _family(schedule: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"https://carethread.dev/fhir/Schedule/{schedule}")


def _id(family: UUID, begin: int) -> str:
    return str(uuid5(family, str(begin)))


def horizon_end(template: Template, now: int) -> int:
    """The local midnight up to which slots are made."""
    today = from_micros(now).astimezone(template.zone).date()
    return _midnight(template, today + timedelta(template.horizon))


def next_midnight(template: Template, now: int) -> int:
    """When the next day begins, and the horizon with it."""
    return _midnight(template, from_micros(now).astimezone(template.zone).date() + _DAY)


def outside(template: Template, begin: int, end: int) -> str:
    """Why a time is not open: `holiday`, `absence`, `hours` or `period` (the Schedule's planning horizon); else empty.

    It is open where the hours that hold it join, be they of several rules. Where the clock is set back meanwhile, it is
    open too where it would be if nobody had: so the slot is that began before.
    """
    if not max(template.begin, _FIRST) <= begin < end <= min(template.end, _LAST):
        return "period"
    why = _shut(template, _even(template, begin, end - 1))
    if why:
        start, stop = _wall(template, begin).replace(tzinfo=None), _wall(template, end - 1).replace(tzinfo=None)
        unmoved = start + (end - 1 - begin) * _TICK
        if stop < unmoved:
            why = _shut(template, [(start, unmoved)]) and why
    return "absence" if why != "holiday" and meets(template.absences, (begin, end)) else why


def rule_at(template: Template, begin: int) -> Rule | None:
    """The rule in whose hours a moment lies, whether or not the day is a holiday."""
    wall = _wall(template, begin)
    for rule in template.rules:
        for day, minute in ((wall.date(), _minutes(wall)), (wall.date() - _DAY, _minutes(wall) + MIDNIGHT)):
            if rule.on(day) and any(start <= minute < end for start, end in rule.stretches()):
                return rule
    return None


def _shut(template: Template, times: Iterable[tuple[datetime, datetime]]) -> str:
    """Why the wall's clock is not in the hours all the time: `holiday` or `hours`; else empty."""
    parts = [part for first, last in times for part in _by_day(first, last)]
    if any(template.closed(day) for day, *_ in parts):
        return "holiday"
    return "" if all(_covered(template, *part) for part in parts) else "hours"


def _covered(template: Template, day: date, first: int, last: int) -> bool:
    for start, end in template.hours(day):
        if start <= first < end:
            first = end
    return first >= last


def _even(template: Template, first: int, last: int) -> Iterator[tuple[datetime, datetime]]:
    """The first and the last moment of a time by the wall's clock, in parts in which nobody moves it."""
    start, stop = _wall(template, first), _wall(template, last)
    if stop.utcoffset() == start.utcoffset() or last // MINUTE == first // MINUTE:
        yield start.replace(tzinfo=None), stop.replace(tzinfo=None)
    else:
        middle = (first + last) // 2 // MINUTE * MINUTE
        middle = middle if middle > first else middle + MINUTE
        yield from _even(template, first, middle - 1)
        yield from _even(template, middle, last)


def _by_day(start: datetime, stop: datetime) -> Iterator[tuple[date, int, int]]:
    """The days that a time touches, each with the minutes from which and up to which it does."""
    for day in (start.date() + timedelta(n) for n in range((stop.date() - start.date()).days + 1)):
        first = _minutes(start) if day == start.date() else 0
        last = _minutes(stop) + 1 if day == stop.date() else MIDNIGHT
        yield day, first, last


def _span(template: Template, day: date, minute: int, length: int) -> Span | None:
    """The slot at a local time in microseconds; None where some of it does not exist on the wall's clock."""
    wall = datetime(day.year, day.month, day.day, tzinfo=template.zone) + timedelta(minutes=minute)
    begin = wall.astimezone(UTC)
    end = begin + timedelta(minutes=length)
    last = wall.replace(tzinfo=None) + timedelta(minutes=length) - _TICK
    if (end - _TICK).astimezone(template.zone).replace(tzinfo=None) > last:
        return None
    return to_micros(begin), to_micros(end)


def _midnight(template: Template, day: date) -> int:
    return to_micros(datetime(day.year, day.month, day.day, tzinfo=template.zone))


def _wall(template: Template, moment: int) -> datetime:
    return from_micros(moment).astimezone(template.zone)


def _minutes(wall: datetime) -> int:
    return wall.hour * 60 + wall.minute
