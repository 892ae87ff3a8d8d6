"""What is in the way of an Appointment: all of it, not the first. Nothing is changed, and nothing is locked.

Who books looks here before, and the write rule (`booking`) decides on slots, seats and actors once more, with locks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from carethread.core.clock import from_micros, to_micros
from carethread.core.context import Context
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.elements import at, extension, keys_at
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Key, Resource, Session, Stored
from carethread.scheduling.availability.expanding import outside
from carethread.scheduling.availability.reading import template_of
from carethread.scheduling.availability.template import Template
from carethread.scheduling.booking.aliases import behind, merged, rooms
from carethread.scheduling.booking.conflicting import Conflicting
from carethread.scheduling.booking.occupancy import (
    SEAT,
    beside,
    beyond,
    closed,
    crowded,
    full,
    is_open,
    is_slot,
    name,
    named_by,
    overlaps,
    participant,
    seats,
    slot_place,
)
from carethread.scheduling.joining import actors_of
from carethread.scheduling.rules import EXCLUSIVE, HOLD_UNTIL, MODALITY, actors, busy_rows, capacity, takers


class Look(Protocol):
    """A transaction that one may look at."""

    @property
    def session(self) -> Session: ...

    @property
    def context(self) -> Context: ...

    @property
    def base_url(self) -> str: ...

    def read(self, keys: Iterable[Key]) -> dict[Key, Stored]:
        """Resources as they stand."""
        ...


class Place(NamedTuple):
    """A Slot and its Schedule, each as stored; the Schedule is None where it is not here."""

    slot: Resource
    schedule: bytes | None
    key: Key

    @property
    def actors(self) -> list[Resource]:
        """Whose the Schedule is, and the Slot's own place."""
        return actors_of(self.slot, json.parse(self.schedule)) if self.schedule else []


def conflicts(look: Look, appointment: Resource, id_: str, places: Sequence[Place]) -> list[Conflicting]:
    """All that is in the way of an Appointment over these places; what stands under its own id is not."""
    alone = by_itself(look, appointment, places)
    return [*alone, *duplicates(look, appointment, id_, places), *taken(look, appointment, id_)]


def by_itself(look: Look, appointment: Resource, places: Sequence[Place]) -> Iterator[Conflicting]:
    """What is in the way whoever else there is: past, outside its Slots or somebody's hours, by another way."""
    begin, end = moment(appointment.get("start")), moment(appointment.get("end"))
    now = to_micros(look.context.clock())
    if begin >= end:
        yield Conflicting("time", "An appointment starts before it ends.", "Appointment.end")
        return
    if begin < now:
        yield Conflicting("past", "It starts in the past; choose a time to come.", "Appointment.start")
    yield from beyond(appointment, ((place.key, place.slot) for place in places))
    yield from crowded(appointment, (place.slot for place in places), look.base_url)
    yield from _closed(places)
    for key, body in {place.key: place.schedule for place in places}.items():
        template = _template(body) if body else None
        if why := template and outside(template, begin, end):
            kind = "absence" if why in ("absence", "holiday") else "hours"
            yield Conflicting(kind, _OUTSIDE[why].format(name(key)), "Appointment.start")
    yield from _modalities(appointment, places)


def _closed(places: Sequence[Place]) -> Iterator[Conflicting]:
    """Slots whose Schedule is not here any more, or not in use."""
    for number, place in enumerate(places):
        id_, where = place.slot["id"], f"Appointment.slot[{number}]"
        if place.schedule is None:
            yield Conflicting("unknown", f"The Schedule of Slot/{id_} is not here; choose another Slot.", where)
        elif not _is_active(place.schedule):
            yield Conflicting("hours", f"{name(place.key)}, of Slot/{id_}, is not active.", where)


@lru_cache(1000)
def _is_active(schedule: bytes) -> bool:
    """Whether a Schedule as it is stored is in use."""
    return json.restore(schedule).get("active") is not False


_OUTSIDE = {
    "absence": "{} has an absence at this time.",
    "holiday": "It is a public holiday of {}.",
    "hours": "It is outside the hours of {}.",
    "period": "It is outside the planning horizon of {}.",
}


@lru_cache(1000)
def _template(schedule: bytes) -> Template | None:
    """The template of a Schedule as it is stored: it is read for each booking, and changes seldom.

    One that was told as history may be wrong; it says nothing then.
    """
    try:
        return template_of(json.parse(schedule))
    except Invalid:
        return None


def strangers(look: Look, asked: Mapping[str, Any], places: Sequence[Place]) -> Iterator[Conflicting]:
    """Slots of the Schedules of others than the people whom an Appointment that is asked for names."""
    named = set(keys_at(dict(asked), "participant.actor", look.base_url))
    for number, place in enumerate(places):
        whose = keys_at({"actor": place.actors}, "actor", look.base_url)
        kinds = {kind for kind, _ in whose if kind in EXCLUSIVE}
        if any(kind in kinds for kind, _ in named) and not named.intersection(whose):
            text = f"Slot/{place.slot['id']} is of the Schedule of {' and '.join(map(name, whose))}, who is not named."
            yield Conflicting("time", text, f"Appointment.slot[{number}]")


def _modalities(appointment: Resource, places: Sequence[Place]) -> Iterator[Conflicting]:
    wanted = extension(appointment, MODALITY).get("valueCode")
    for number, place in enumerate(places):
        offered = [each.get("valueCode") for each in place.slot.get("extension", ()) if each.get("url") == MODALITY]
        if wanted and offered and wanted not in offered:
            yield Conflicting(
                "modality",
                f"Slot/{place.slot['id']} is for {' or '.join(map(str, offered))}, not {wanted}.",
                f"Appointment.slot[{number}]",
            )


def duplicates(look: Look, appointment: Resource, id_: str, places: Sequence[Place]) -> Iterator[Conflicting]:
    """Another visit of the same patient for the same service on the same day; one that is only held is none.

    The day is one of the zone of the Schedule, or of UTC where it says none.
    """
    services = _services(appointment)
    patients = {actor for actor in actors(appointment, look.base_url) if actor.startswith("Patient/")}
    if not services or not patients:
        return
    span = _day(moment(appointment.get("start")), _zone(places))
    now = to_micros(look.context.clock())
    aliases = merged(look.session, patients)
    everybody = {*patients, *(other for others in aliases.values() for other in others)}
    rows = look.session.calendar.busy(everybody, *span)
    others = {row.appointment: row.actor for row in rows if row.appointment != id_ and row.stands(now)}
    found = look.session.current([("Appointment", other) for other in others])
    for (_, other), stored in sorted(found.items()):
        visit = None if stored.deleted else json.parse(stored.body)
        if visit and not extension(visit, HOLD_UNTIL) and services & _services(visit):
            who = others[other]
            text = f"{who} has Appointment/{other} for the same service on the same day."
            yield Conflicting("duplicate", text, participant(appointment, named_by(aliases, who), look.base_url))


def _zone(places: Iterable[Place]) -> tzinfo:
    templates = (_template(place.schedule) for place in places if place.schedule)
    return next((template.zone for template in templates if template), UTC)


def _day(at: int, zone: tzinfo) -> tuple[int, int]:
    """From midnight to midnight, which may be 23 or 25 hours."""
    day = from_micros(at).astimezone(zone).date()
    begin, end = (datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=1)))
    return to_micros(begin.astimezone(UTC)), to_micros(end.astimezone(UTC))


def _services(appointment: Resource) -> set[tuple[str, str]]:
    return {
        (coding.get("system", ""), coding["code"])
        for coding in at(appointment, "serviceType.coding")
        if isinstance(coding, dict) and "code" in coding
    }


def taken(look: Look, appointment: Resource, id_: str) -> list[Conflicting]:
    """Slots that are closed or full, and actors who are taken at the time. Holds that are over do not count."""
    session, named, base = look.session, takers(appointment, look.base_url), look.base_url
    aliases = {**behind(session, named, base), **merged(session, named), **rooms(session, named, base)}
    now = to_micros(look.context.clock())
    rows = busy_rows({**appointment, "status": "booked"}, id_, look.base_url, aliases)
    slots = [row.actor.removeprefix("Slot/") for row in rows if is_slot(row)]
    calendar = look.session.calendar
    found: list[Conflicting] = []
    stored = look.read([("Slot", slot) for slot in slots])
    for slot in slots:
        where = slot_place(appointment, slot, look.base_url)
        resource = json.parse(stored["Slot", slot].body) if ("Slot", slot) in stored else None
        count = capacity(resource)
        held = look.session.claimed(SEAT, seats(slot, count))
        holders = {holder.removeprefix("Appointment/") for holder in held.values()}
        if id_ in holders:
            continue
        standing = {row.appointment for row in calendar.taken(holders) if row.stands(now)} if holders else ()
        if len(standing) >= count:
            found.append(full(slot, resource, where))
        elif resource and not holders and not is_open(resource):
            found.append(closed(slot, resource, where))
    if people := [row for row in rows if not is_slot(row)]:
        others = [
            other
            for other in calendar.busy({row.actor for row in people}, people[0].begin, people[0].end)
            if other.appointment != id_ and other.stands(now)
        ]
        sharing = beside(rows, calendar.taken({other.appointment for other in others})) if others else ()
        found += overlaps(appointment, others, sharing, aliases, look.base_url)
    return found
