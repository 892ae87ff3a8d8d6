"""Slots without a seat, and people who are taken: when one Appointment is in the way of another. Pure.

`booking` decides by it with locks, `conflicts` tells it without. A seat of a slot is a claim that the database lets
exist once; a slot has as many as its capacity.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Key, Occupied, Resource
from carethread.scheduling.booking.conflicting import Conflicting
from carethread.scheduling.rules import Aliases, actors, busy_rows, capacity

SEAT = "slot"
"""The kind of claim; its key is a seat (`7d1`, `7d1#1`, ...), its holder the Appointment's reference."""

OPEN = ("free", "busy-tentative")
"""Statuses in which a Slot can be booked."""


def seats(slot: str, count: int) -> list[str]:
    """The keys of a slot's seats; `#` stands in no id."""
    return [slot, *(f"{slot}#{number}" for number in range(1, count))]


def slot_of(seat: str) -> str:
    """The slot that a seat is of."""
    return seat.partition("#")[0]


def full(slot: str, resource: Resource | None, where: str) -> Conflicting:
    """What is in the way where no seat is left."""
    if (count := capacity(resource)) > 1:
        return Conflicting("capacity", f"Slot/{slot}: all {count} seats are taken; choose one that is free.", where)
    return Conflicting("slot", f"Slot/{slot} is taken by another Appointment; choose one that is free.", where)


def closed(slot: str, resource: Resource, where: str) -> Conflicting:
    """What is in the way where a seat is left, and the slot is not open."""
    return Conflicting("slot", f"Slot/{slot} is {resource['status']}; choose one that is free.", where)


def is_open(resource: Resource | None) -> bool:
    """Whether a Slot can be booked while a seat is left; one that is not here says nothing."""
    return resource is None or resource["status"] in OPEN


def newly(rows: Iterable[Occupied], before: Iterable[Occupied]) -> list[Occupied]:
    """Whom of these rows the Appointment did not take before, at this time."""
    had = {(row.actor, row.begin, row.end) for row in before}
    return [row for row in rows if not is_slot(row) and (row.actor, row.begin, row.end) not in had]


def taken_anew(before: Resource, after: Resource, base_url: str) -> bool:
    """Whether an Appointment would take a slot, or somebody at a time, that it does not take before."""
    had, rows = (
        {(row.actor, row.begin, row.end) for row in busy_rows(each, "", base_url)}
        for each in (before, {**after, "status": "booked"})
    )
    return not rows <= had


def is_slot(row: Occupied) -> bool:
    return row.actor.startswith("Slot/")


def beside(rows: Iterable[Occupied], others: Iterable[Occupied]) -> set[str]:
    """Of what takes something else (`others` is all that it takes), that which has seats of the same slots."""
    slots = {row.actor for row in rows if is_slot(row)}
    return {other.appointment for other in others if other.actor in slots}


def overlaps(
    appointment: Resource, others: Iterable[Occupied], sharing: Collection[str], aliases: Aliases, base_url: str
) -> list[Conflicting]:
    """Who is taken, by what takes the actors of an Appointment meanwhile.

    Those `sharing` a slot with it are no hindrance, for those who give it are there for all; but a person is not.
    """
    found: dict[tuple[str, str], Conflicting] = {}
    for other in others:
        if other.appointment in sharing and not other.actor.startswith("Patient/"):
            continue
        by_slot = other.actor.startswith("Schedule/")
        where = "Appointment.slot" if by_slot else participant(appointment, named_by(aliases, other.actor), base_url)
        text = f"{other.actor} is taken at this time by Appointment/{other.appointment}; choose another time."
        found.setdefault((other.appointment, where), Conflicting("overlap", text, where))
    return list(found.values())


def named_by(aliases: Aliases, actor: str) -> set[str]:
    """The actors by whom somebody is meant."""
    return {actor, *(each for each, others in aliases.items() if actor in others)}


def beyond(appointment: Resource, places: Iterable[tuple[Key, Resource]]) -> list[Conflicting]:
    """What of an Appointment's time is not its Slots': these, each with the key of its Schedule."""
    begin, end = moment(appointment.get("start")), moment(appointment.get("end"))
    spans: dict[Key, list[tuple[int, int]]] = {}
    for key, slot in places:
        spans.setdefault(key, []).append((moment(slot["start"]), moment(slot["end"])))
    return [
        Conflicting("time", f"It goes beyond its Slots of {name(key)}.", "Appointment.start")
        for key, each in spans.items()
        if begin < min(each)[0] or max(last for _, last in each) < end
    ]


def crowded(appointment: Resource, slots: Iterable[Resource], base_url: str) -> list[Conflicting]:
    """The Slots of several seats that an Appointment of several patients is over: a seat is one person's."""
    people = [actor for actor in actors(appointment, base_url) if actor.startswith("Patient/")]
    if len(people) < 2:
        return []
    return [
        Conflicting(
            "time",
            f"Slot/{slot['id']} is a group's, a seat for each: book it for each of the {len(people)} patients alone.",
            slot_place(appointment, slot["id"], base_url),
        )
        for slot in slots
        if capacity(slot) > 1
    ]


def name(key: Key) -> str:
    return f"{key[0]}/{key[1]}"


def participant(appointment: Resource, actors: Collection[str], base_url: str) -> str:
    """The element that names one of the actors."""
    for number, each in enumerate(appointment.get("participant", ())):
        if any(name(key) in actors for key in keys_at(each, "actor", base_url)):
            return f"Appointment.participant[{number}].actor"
    return "Appointment.participant"


def slot_place(appointment: Mapping[str, object] | None, slot: str, base_url: str) -> str:
    """The element that names the Slot."""
    slots: Sequence[str] = [id_ for _, id_ in keys_at(dict(appointment or {}), "slot", base_url)]
    return f"Appointment.slot[{slots.index(slot)}]"
