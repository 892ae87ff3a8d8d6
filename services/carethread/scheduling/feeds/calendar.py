"""Visits as an iCalendar (RFC 5545): https://www.rfc-editor.org/rfc/rfc5545.

A UID is the Appointment's and never changes, the SEQUENCE counts its versions, and the DTSTAMP is when the version was
written: the same visits make the same calendar.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from icalendar import Calendar, Event

from carethread.core.clock import from_micros
from carethread.scheduling.feeds.visits import Visit
from carethread.scheduling.feeds.zones import vtimezone

MEDIA_TYPE = "text/calendar;charset=utf-8"
_PRODUCT = "-//CareThread//Calendar feeds//EN"
_ANY_DAY = date(2026, 1, 1)
_EVERY = timedelta(minutes=15)
"""How often programs are asked to look again (RFC 7986 section 5.7)."""


def calendar(visits: Sequence[Visit], host: str) -> bytes:
    """The calendar; `host` makes the UIDs those of this installation."""
    made = Calendar()
    made.add("prodid", _PRODUCT)
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("method", "PUBLISH")
    made.calendar_name = "Appointments"
    made.add("refresh-interval", _EVERY, parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", "PT15M")
    days = [from_micros(moment).date() for each in visits for moment in (each.begin, each.end)] or [_ANY_DAY]
    known = {zone: found for zone in sorted({each.zone for each in visits}) if (found := _zone(zone))}
    for zone in known:
        made.add_component(vtimezone(zone, min(days), max(days)))
    for visit in visits:
        made.add_component(_event(visit, known.get(visit.zone), host))
    if not visits:  # a calendar has one component at least
        made.add_component(vtimezone("Etc/UTC", _ANY_DAY, _ANY_DAY))
    return bytes(made.to_ical())


def _zone(name: str) -> ZoneInfo | None:
    """The zone; None where UTC says the same moment as well: for UTC, and for a name that is not known here."""
    try:
        return None if name in ("", "UTC") else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _event(visit: Visit, zone: ZoneInfo | None, host: str) -> Event:
    event = Event()
    event.add("uid", f"{visit.id}@{host}")
    event.add("sequence", visit.version - 1)
    event.add("dtstamp", _whole(visit.updated))
    event.add("last-modified", _whole(visit.updated))
    for name, moment in (("dtstart", visit.begin), ("dtend", visit.end)):
        event.add(name, _local(_whole(moment), zone))
    event.add("summary", visit.summary)
    if visit.location:
        event.add("location", visit.location)
    if visit.description:
        event.add("description", visit.description)
    event.add("status", visit.status)
    event.add("transp", "TRANSPARENT" if visit.status == "CANCELLED" else "OPAQUE")
    event.add("class", "PRIVATE")
    return event


def _local(moment: datetime, zone: ZoneInfo | None) -> datetime:
    """The local time; where that comes twice, it means the first, so that the second is told in UTC."""
    local = moment.astimezone(zone) if zone else moment
    return moment if local.fold else local


def _whole(micros: int) -> datetime:
    """Whole seconds, the finest that iCalendar has."""
    return from_micros(micros).replace(microsecond=0)
