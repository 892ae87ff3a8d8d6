"""Pure decisions of scheduling: which statuses hold a slot, until when a hold stands, and what a change is called.

Statuses: http://hl7.org/fhir/R4/valueset-appointmentstatus.html, http://hl7.org/fhir/R4/valueset-slotstatus.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Busy, Resource
from carethread.core.service import PROFILES

APPOINTMENT = PROFILES + "appointment"
HOLD_UNTIL = PROFILES + "hold-until"
"""Extension of a pending Appointment: the instant at which it ends by itself."""

CAPACITY = "http://fhir-registry.smarthealthit.org/StructureDefinition/slot-capacity"
"""Extension of a Slot: how many Appointments it takes (SMART Scheduling Links); one where it is absent."""

HOLDING = frozenset({"pending", "booked", "arrived", "checked-in", "fulfilled", "noshow"})
"""An Appointment in one of these has its slots to itself; proposed, waitlist, cancelled and entered-in-error have
none."""

EXCLUSIVE = frozenset({"Patient", "Practitioner", "PractitionerRole", "Device"})
"""Actors that are at one place at a time. A room is as exclusive as the slots of its Schedule; a building is not."""

_VERBS = {
    "booked": "booked",
    "arrived": "arrived",
    "checked-in": "checkedin",
    "fulfilled": "fulfilled",
    "noshow": "noshow",
    "cancelled": "cancelled",
}


def slots_held(appointment: Resource | None, base_url: str) -> list[str]:
    """The ids of the Slots that an Appointment holds; a Slot may be named by its absolute URL under `base_url`."""
    if appointment is None or appointment["status"] not in HOLDING:
        return []
    return sorted({id_ for kind, id_ in keys_at(appointment, "slot", base_url) if kind == "Slot"})


def verb(before: Resource | None, after: Resource | None) -> str | None:
    """What happened to an Appointment, where that is more than created, updated or deleted."""
    if after is None or (before is not None and before["status"] == after["status"]):
        return None
    return _VERBS.get(after["status"])


def slot_status(sent: str, full: bool) -> str:
    """The status of a Slot: busy while Appointments hold all its seats, else as sent."""
    return "busy" if full else sent


def is_ours(resource: Resource) -> bool:
    """Whether an Appointment claims our profile, and so is bound by our rules; others are kept as they were sent."""
    return APPOINTMENT in resource.get("meta", {}).get("profile", ())


def extension(element: Mapping[str, Any], url: str) -> Mapping[str, Any]:
    """The extension of that URL; empty where there is none."""
    return next((found for found in element.get("extension", ()) if found.get("url") == url), {})


def capacity(slot: Resource | None) -> int:
    """How many Appointments a Slot takes."""
    stated = extension(slot or {}, CAPACITY).get("valueInteger", 1)
    return stated if isinstance(stated, int) and stated > 0 else 1


def moment(instant: object) -> int:
    """Microseconds of a FHIR instant; 0 where it is none."""
    span = date_range(instant) if isinstance(instant, str) else None
    return span[0] if span else 0


def hold_until(appointment: Resource | None) -> int:
    """When a hold ends by itself, in microseconds; 0 for an Appointment that is not held but asked for or firm."""
    if appointment is None or appointment["status"] != "pending":
        return 0
    return moment(extension(appointment, HOLD_UNTIL).get("valueInstant"))


def actors(appointment: Resource, base_url: str) -> list[str]:
    """Who takes part and can be at one place only: `Practitioner/1`; not who has declined or is only told."""
    found: set[str] = set()
    for participant in appointment.get("participant", ()):
        if participant.get("status") == "declined" or participant.get("required") == "information-only":
            continue
        found.update(f"{kind}/{id_}" for kind, id_ in keys_at(participant, "actor", base_url) if kind in EXCLUSIVE)
    return sorted(found)


def busy_rows(appointment: Resource, id_: str, base_url: str) -> list[Busy]:
    """What an Appointment takes: its actors for its time, and a seat of each of its Slots."""
    if appointment["status"] not in HOLDING:
        return []
    begin, end = moment(appointment.get("start")), moment(appointment.get("end"))
    taken = [f"Slot/{slot}" for slot in slots_held(appointment, base_url)]
    if begin < end:
        taken += actors(appointment, base_url)
    return [Busy(actor, begin, end, id_, hold_until(appointment)) for actor in taken]
