"""What is in the way of an Appointment: all of it, not the first. Nothing is changed, and nothing is locked.

Who books looks here before, and the write rule (`booking`) decides on slots, seats and actors once more, with locks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Conflict, Invalid, Issue
from carethread.core.fhir import json
from carethread.core.fhir.elements import at, keys_at
from carethread.core.ports import Key, Resource, Session, Stored
from carethread.scheduling.availability.expanding import outside
from carethread.scheduling.availability.reading import template_of
from carethread.scheduling.availability.template import Template
from carethread.scheduling.rules import EXCLUSIVE, HOLD_UNTIL, MODALITY, actors, busy_rows, capacity, extension, moment

_DAY = 86_400_000_000
_OPEN = ("free", "busy-tentative")

KINDS: Mapping[str, str] = {
    "slot": "conflict",
    "capacity": "conflict",
    "overlap": "conflict",
    "duplicate": "duplicate",
    "unknown": "not-found",
    "past": "business-rule",
    "hours": "business-rule",
    "absence": "business-rule",
    "modality": "business-rule",
    "time": "business-rule",
}
"""The kinds of conflicts, each with its code of http://hl7.org/fhir/R4/valueset-issue-type.html."""

_FOR_NOW = ("slot", "capacity", "overlap", "duplicate")
"""Kinds that are due to another Appointment, and so may pass: 409, not 422."""

FIRM = frozenset({"slot", "capacity", "unknown", "time"})
"""Kinds that nobody can pass over: a seat is taken once, whoever asks; its Slot's capacity is what to change."""


GONE = Issue("not-found", "This appointment is not available any more; ask $find for others.", "Appointment", "fatal")
"""What IHE's scheduling profile wants said of it first: https://profiles.ihe.net/ITI/Scheduling/ITI-117.html."""


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
        """Whose the Schedule is."""
        return list(json.parse(self.schedule).get("actor", ())) if self.schedule else []


@dataclass(frozen=True, slots=True)
class Conflicting:
    """One thing that is in the way: of which kind, what it is, and the element that it is about."""

    kind: str
    text: str
    where: str

    def issue(self, severity: str = "error") -> Issue:
        return Issue(KINDS[self.kind], self.text, self.where, severity, self.kind)


def refusal(found: Sequence[Conflicting]) -> Conflict | Invalid:
    """The error that says all of it."""
    issues = [each.issue() for each in found]
    if any(each.kind in _FOR_NOW for each in found):
        return Conflict(issues=[GONE, *issues])
    return Invalid(issues=issues)


def conflicts(look: Look, appointment: Resource, id_: str, places: Sequence[Place]) -> list[Conflicting]:
    """All that is in the way of an Appointment over these places; what stands under its own id is not."""
    return [*by_itself(look, appointment, places), *duplicates(look, appointment, id_), *taken(look, appointment, id_)]


def by_itself(look: Look, appointment: Resource, places: Sequence[Place]) -> Iterator[Conflicting]:
    """What is in the way whoever else there is: past, outside its Slots or somebody's hours, by another way."""
    begin, end = moment(appointment.get("start")), moment(appointment.get("end"))
    now = to_micros(look.context.clock())
    if begin >= end:
        yield Conflicting("time", "An appointment starts before it ends.", "Appointment.end")
        return
    if begin < now:
        yield Conflicting("past", "It starts in the past; choose a time to come.", "Appointment.start")
    spans: dict[Key, list[tuple[int, int]]] = {}
    for place in places:
        spans.setdefault(place.key, []).append((moment(place.slot["start"]), moment(place.slot["end"])))
    for key, each in spans.items():
        if begin < min(each)[0] or max(end for _, end in each) < end:
            yield Conflicting("time", f"It goes beyond its Slots of {_name(key)}.", "Appointment.start")
    for key, body in {place.key: place.schedule for place in places}.items():
        template = _template(body) if body else None
        if why := template and outside(template, begin, end):
            kind = "absence" if why in ("absence", "holiday") else "hours"
            yield Conflicting(kind, _OUTSIDE[why].format(_name(key)), "Appointment.start")
    yield from _modalities(appointment, places)


_OUTSIDE = {
    "absence": "{} has an absence at this time.",
    "holiday": "It is a public holiday of {}.",
    "hours": "It is outside the hours of {}.",
    "period": "It is outside the planning horizon of {}.",
}


def _name(key: Key) -> str:
    return f"{key[0]}/{key[1]}"


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
            text = f"Slot/{place.slot['id']} is of the Schedule of {' and '.join(map(_name, whose))}, who is not named."
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


def duplicates(look: Look, appointment: Resource, id_: str) -> Iterator[Conflicting]:
    """Another visit of the same patient for the same service on the same day (UTC); one that is only held is none."""
    services = _services(appointment)
    begin = moment(appointment.get("start"))
    patients = {actor for actor in actors(appointment, look.base_url) if actor.startswith("Patient/")}
    if not services or not patients:
        return
    day = begin - begin % _DAY
    now = to_micros(look.context.clock())
    rows = look.session.calendar.busy(patients, day, day + _DAY)
    others = {row.appointment: row.actor for row in rows if row.appointment != id_ and row.stands(now)}
    found = look.session.current([("Appointment", other) for other in others])
    for (_, other), stored in sorted(found.items()):
        visit = None if stored.deleted else json.parse(stored.body)
        if visit and not extension(visit, HOLD_UNTIL) and services & _services(visit):
            text = f"{others[other]} has Appointment/{other} for the same service on the same day."
            yield Conflicting("duplicate", text, _participant(look, appointment, others[other]))


def _services(appointment: Resource) -> set[tuple[str, str]]:
    return {
        (coding.get("system", ""), coding["code"])
        for coding in at(appointment, "serviceType.coding")
        if isinstance(coding, dict) and "code" in coding
    }


def taken(look: Look, appointment: Resource, id_: str) -> list[Conflicting]:
    """Slots that are closed or full, and actors who are taken at the time. Holds that are over do not count."""
    now = to_micros(look.context.clock())
    rows = busy_rows({**appointment, "status": "booked"}, id_, look.base_url)
    slots = [row.actor.removeprefix("Slot/") for row in rows if row.actor.startswith("Slot/")]
    people = [row for row in rows if not row.actor.startswith("Slot/")]
    calendar = look.session.calendar
    found: list[Conflicting] = []
    stored = look.read([("Slot", slot) for slot in slots])
    beside: set[str] = set()
    for slot in slots:
        where = f"Appointment.slot[{_place(look, appointment, slot)}]"
        resource = json.parse(stored["Slot", slot].body) if ("Slot", slot) in stored else None
        seats = capacity(resource)
        held = look.session.claimed("slot", [slot, *(f"{slot}#{number}" for number in range(1, seats))])
        holders = {holder.removeprefix("Appointment/") for holder in held.values()}
        standing = {row.appointment for row in calendar.taken(holders) if row.stands(now)} if holders else set()
        beside |= standing
        if id_ in holders:
            continue
        if len(standing) >= seats:
            kind, text = ("capacity", f"all {seats} seats are taken") if seats > 1 else ("slot", "is taken")
            found.append(Conflicting(kind, f"Slot/{slot}: {text}." if seats > 1 else f"Slot/{slot} {text}.", where))
        elif resource and resource["status"] not in _OPEN and not holders:
            found.append(Conflicting("slot", f"Slot/{slot} is {resource['status']}.", where))
    if people:
        begin, end = people[0].begin, people[0].end
        for other in calendar.busy([row.actor for row in people], begin, end):
            if other.appointment == id_ or not other.stands(now):
                continue
            if other.appointment in beside and not other.actor.startswith("Patient/"):
                continue
            text = f"{other.actor} is taken at this time by Appointment/{other.appointment}; choose another time."
            found.append(Conflicting("overlap", text, _participant(look, appointment, other.actor)))
    return found


def _place(look: Look, appointment: Resource, slot: str) -> int:
    return [id_ for _, id_ in keys_at(appointment, "slot", look.base_url)].index(slot)


def _participant(look: Look, appointment: Resource, actor: str) -> str:
    """The element that names the actor."""
    for number, participant in enumerate(appointment.get("participant", ())):
        if actor in (f"{kind}/{id_}" for kind, id_ in keys_at(participant, "actor", look.base_url)):
            return f"Appointment.participant[{number}].actor"
    return "Appointment.participant"
