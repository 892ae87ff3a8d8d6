"""Who is who: a PractitionerRole is somebody's, and a person may have had several Patient ids before they were merged.

Whoever takes one of them takes the person. What a role takes is entered for its Practitioner too, and entered anew when
the role becomes another's; of a person all ids are looked at. And whoever takes one slot of a room takes the room.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import FOREVER, Occupied, Resource, Session, Timer
from carethread.core.service import Runtime
from carethread.interactions.standing import any_merged, present
from carethread.scheduling.rules import Aliases, busy_rows, is_room, takers

ROLE, PATIENT = "PractitionerRole", "Patient"

ROLE_TIMER = "role"
"""The kind of timer that enters anew what a PractitionerRole takes; its key is the role's id."""

_AT_ONCE = 500


def behind(session: Session, named: Iterable[str], base_url: str) -> Aliases:
    """The Practitioners of the roles among the actors."""
    roles = {(ROLE, each.partition("/")[2]) for each in named if each.startswith(f"{ROLE}/")}
    found = present(session, roles) if roles else {}
    return {
        f"{ROLE}/{id_}": [f"{kind}/{other}" for kind, other in keys_at(role, "practitioner", base_url)]
        for (_, id_), role in found.items()
    }


def held_behind(session: Session, named: Iterable[str], base_url: str) -> Aliases:
    """As `behind`; should a role become another's meanwhile, that is heeded after this transaction (`role_kept`)."""
    roles = {each for each in named if each.startswith(f"{ROLE}/")}
    if roles:
        session.calendar.lock(roles)
    return behind(session, roles, base_url)


def merged(session: Session, named: Iterable[str]) -> Aliases:
    """The other ids of the patients among the actors."""
    ids = {each.partition("/")[2] for each in named if each.startswith(f"{PATIENT}/")}
    if not ids or not any_merged(session, ids):
        return {}
    return {
        f"{PATIENT}/{id_}": [f"{PATIENT}/{other}" for other in session.kin([id_]) if other != id_]
        for id_ in sorted(ids)
    }


def rooms(session: Session, named: Iterable[str], base_url: str) -> Aliases:
    """The Schedules of the rooms that the Slots are of, those among what is named."""
    slots = {("Slot", each.partition("/")[2]) for each in named if each.startswith("Slot/")}
    found = present(session, slots) if slots else {}
    plans = {key: keys_at(slot, "schedule", base_url) for key, slot in found.items()}
    schedules = present(session, {plan for each in plans.values() for plan in each}) if plans else {}
    taken = {key for key, schedule in schedules.items() if is_room(schedule, base_url)}
    return {
        f"Slot/{id_}": [f"Schedule/{plan}" for _, plan in each]
        for (_, id_), each in plans.items()
        if taken.intersection(each)
    }


def locked(session: Session, named: Iterable[str], base_url: str) -> Aliases:
    """Keep all others from taking the actors, whoever is meant by them, and say who that is.

    Roles come first, for all in one order: whose they are is known only then.
    """
    named = set(named)
    found = {**held_behind(session, named, base_url), **merged(session, named), **rooms(session, named, base_url)}
    others = {other for others in found.values() for other in others}
    session.calendar.lock({*others, *(each for each in named if not each.startswith("Slot/"))})
    return found


def taking(session: Session, appointments: Mapping[str, Resource], base_url: str) -> list[Occupied]:
    """What Appointments, by their ids, take now: to be entered."""
    named = {each for one in appointments.values() for each in takers(one, base_url)}
    known = {**held_behind(session, named, base_url), **rooms(session, named, base_url)}
    return [row for id_, one in appointments.items() for row in busy_rows(one, id_, base_url, known)]


def role_kept(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have entered anew what these roles take from now on, for they may be another's now."""
    now = to_micros(context.clock())
    roles = {f"{ROLE}/{id_}" for id_ in ids}
    session.calendar.lock(roles)  # who takes one of them is done by now, or will see whose they are
    for actor in {row.actor for row in session.calendar.busy(roles, now, FOREVER)}:
        session.timers.set(ROLE_TIMER, actor.partition("/")[2], now)


def role_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Enter anew what a role takes."""
    rows = session.calendar.busy([f"{ROLE}/{timer.key}"], to_micros(context.clock()), FOREVER)
    ids = sorted({row.appointment for row in rows})
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        found = session.current((("Appointment", id_) for id_ in some), lock=True)
        there = {id_: json.parse_object(one.body) for (_, id_), one in found.items() if not one.deleted}
        session.calendar.occupy(taking(session, there, runtime.base_url), instead=some)
