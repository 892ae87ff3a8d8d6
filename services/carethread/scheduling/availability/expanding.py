"""The slots that follow from a template, and whether a time lies within its hours. Pure.

A slot keeps the wall's clock: 9 o'clock is 9 o'clock on either side of a change of the clocks. What would touch an hour
that does not exist is left out, and of an hour that comes twice the first one counts, so none is doubled; each is as
long as the rule says. How local times come to be unambiguous: https://peps.python.org/pep-0495/.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from carethread.core.clock import from_micros, to_micros
from carethread.scheduling.availability.template import MIDNIGHT, Rule, Span, Template, meets

MINUTE = 60_000_000
"""In microseconds."""

_DAY = timedelta(1)
_TICK = timedelta(microseconds=1)


class Wanted(NamedTuple):
    """A slot that a template asks for; moments in microseconds."""

    id: str
    begin: int
    end: int
    rule: Rule


def slots(template: Template, schedule: str, begin: int, end: int) -> list[Wanted]:
    """The slots of a Schedule, given by its id, that begin in [begin, end), in order."""
    begin, before = max(begin, template.begin), min(end, template.end)
    if begin >= before:
        return []
    family = _family(schedule)
    starts = {id(rule): rule.starts() for rule in template.rules}
    found = []
    for day in _days(template, begin, before):
        for rule in template.rules:
            if rule.on(day):
                for minute in starts[id(rule)]:
                    span = _span(template, day, minute, rule.length)
                    if (
                        span
                        and begin <= span[0] < before
                        and span[1] <= template.end
                        and not meets(template.absences, span)
                    ):
                        found.append(Wanted(_id(family, span[0]), *span, rule))
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

    It is open where the hours that hold it join, be they of several rules.
    """
    if not template.begin <= begin < end <= template.end:
        return "period"
    start, stop = _wall(template, begin), _wall(template, end - 1)
    days = [start.date() + timedelta(n) for n in range((stop.date() - start.date()).days + 1)]
    if any(template.closed(day) for day in days):
        return "holiday"
    if meets(template.absences, (begin, end)):
        return "absence"
    for day in days:
        first = _minutes(start) if day == start.date() else 0
        last = _minutes(stop) + 1 if day == stop.date() else MIDNIGHT
        if not _covered(template, day, first, last):
            return "hours"
    return ""


def rule_at(template: Template, begin: int) -> Rule | None:
    """The rule in whose hours a moment lies, whether or not the day is a holiday."""
    wall = _wall(template, begin)
    for rule in template.rules:
        if rule.on(wall.date()) and any(start <= _minutes(wall) < end for start, end in rule.stretches()):
            return rule
    return None


def _covered(template: Template, day: date, first: int, last: int) -> bool:
    for start, end in sorted(s for rule in template.rules if rule.on(day) for s in rule.stretches()):
        if start <= first < end:
            first = end
    return first >= last


def _days(template: Template, begin: int, end: int) -> Iterator[date]:
    """The local days that a span touches, without holidays."""
    day, last = _wall(template, begin).date(), _wall(template, end - 1).date()
    while day <= last:
        if not template.closed(day):
            yield day
        day += _DAY


def _span(template: Template, day: date, minute: int, length: int) -> Span | None:
    """The slot at a local time in microseconds; None where some of it does not exist on the wall's clock."""
    wall = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=template.zone)
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
