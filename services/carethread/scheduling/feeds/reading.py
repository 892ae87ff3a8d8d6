"""A calendar read from the store: the Appointments of an actor within a window, with what their parts are called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, Principal, restrict
from carethread.core.fhir import json
from carethread.core.fhir.elements import extension, keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.merges import survivor
from carethread.core.moments import DAY
from carethread.core.ports import Key, Resource, Session
from carethread.core.service import Runtime
from carethread.scheduling.availability.template import AVAILABILITY
from carethread.scheduling.feeds.visits import Visit, name_of, visit

DAYS_BACK, DAYS_AHEAD = 90, 400
MOST = 5000
"""Appointments of one calendar; of more, the latest."""

_ROLES = 50
_NAMED = ("Practitioner", "PractitionerRole", "Location", "HealthcareService")


def window(now: int) -> tuple[int, int]:
    """From when until when a calendar goes, in microseconds; the same all day, in UTC."""
    today = now - now % DAY
    return today - DAYS_BACK * DAY, today + (DAYS_AHEAD + 1) * DAY


def visits(runtime: Runtime, session: Session, actor: str, context: Context) -> list[Visit]:
    """The calendar of `Practitioner/1`, `Location/1` or `Patient/1`, in order of begin.

    A person who has died or is no longer active has an empty one, which clears what programs have kept.
    """
    now = to_micros(context.clock())
    actors = _references(runtime, session, actor)
    if not actors:
        return []
    begin, end = window(now)
    params = [
        ("actor", ",".join(actors)),
        ("date", f"ge{instant(begin)}"),
        ("date", f"lt{instant(end)}"),
        ("_sort", "-date"),
    ]
    reader = replace(context, principal=Principal(f"calendar of {actor}"))
    query = restrict(parse_query("Appointment", params, base=runtime.base_url, now=now), reader)
    found = [(stored, json.parse_object(stored.body)) for stored in session.search(query, MOST).matches]
    appointments = [appointment for _, appointment in found]
    zones = _zones(session, appointments, runtime.base_url)
    names = _names(session, appointments, runtime.base_url)
    made = [
        visit(stored, appointment, actors, names, zone, runtime.base_url, now)
        for (stored, appointment), zone in zip(found, zones, strict=True)
    ]
    return sorted((each for each in made if each), key=lambda each: (each.begin, each.id))


def _references(runtime: Runtime, session: Session, actor: str) -> list[str]:
    """As what an Appointment may name the actor; nothing for a person to whom nothing is told any more."""
    kind, _, id_ = actor.partition("/")
    if kind == "Patient":
        ids = session.kin([id_])
        return [f"Patient/{each}" for each in ids] if _is_here(runtime, session, ids) else []
    if kind != "Practitioner":
        return [actor]
    query = parse_query("PractitionerRole", [("practitioner", actor), ("_sort", "_id")], base=runtime.base_url)
    return [actor, *(f"PractitionerRole/{role.id}" for role in session.search(query, _ROLES).matches)]


def _is_here(runtime: Runtime, session: Session, ids: Sequence[str]) -> bool:
    """Whether a person, under all ids, lives and is active; who is not known here may be."""
    known = list(_read(session, [("Patient", id_) for id_ in ids]).values())
    if any(patient.get("deceasedBoolean") or "deceasedDateTime" in patient for patient in known):
        return False
    return all(patient.get("active", True) for patient in known if not survivor(patient, runtime.base_url))


def _zones(session: Session, appointments: Sequence[Resource], base_url: str) -> list[str]:
    """The zone of the Schedule of each one's first Slot; empty where none is said."""
    first = [next((key for key in keys_at(each, "slot", base_url) if key[0] == "Slot"), None) for each in appointments]
    slots = _read(session, (key for key in first if key))
    schedules = {key: keys_at(slot, "schedule", base_url)[:1] for key, slot in slots.items()}
    read = _read(session, (key for keys in schedules.values() for key in keys))
    zone = {key: zone_of(schedule) for key, schedule in read.items()}
    return [next((zone.get(key, "") for key in schedules.get(slot, ())), "") if slot else "" for slot in first]


def zone_of(schedule: Resource) -> str:
    """The IANA zone in which a Schedule's availability is told; empty without one."""
    zone = extension(extension(schedule, AVAILABILITY), "zone")
    return next((str(value) for name, value in zone.items() if name.startswith("value")), "")


def _names(session: Session, appointments: Sequence[Resource], base_url: str) -> dict[Key, str]:
    keys = {key for each in appointments for key in keys_at(each, "participant.actor", base_url) if key[0] in _NAMED}
    found = _read(session, keys)
    persons = {key: keys_at(role, "practitioner", base_url) for key, role in found.items() if key[0] == _NAMED[1]}
    found |= _read(session, (key for keys in persons.values() for key in keys))
    names = {key: name_of(resource) for key, resource in found.items()}
    return names | {role: names.get(key, "") for role, keys in persons.items() for key in keys}


def _read(session: Session, keys: Iterable[Key]) -> dict[Key, Resource]:
    """What lives under the keys."""
    wanted = set(keys)
    found = session.current(wanted) if wanted else {}
    return {key: json.parse_object(stored.body) for key, stored in found.items() if not stored.deleted}
