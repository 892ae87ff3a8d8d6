"""Pure decisions of scheduling: which statuses hold a slot, until when a hold stands, and what a change is called.

Statuses: http://hl7.org/fhir/R4/valueset-appointmentstatus.html, http://hl7.org/fhir/R4/valueset-slotstatus.html.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Occupied, Resource
from carethread.core.service import PROFILES

APPOINTMENT = PROFILES + "appointment"
HOLD_UNTIL = PROFILES + "hold-until"
"""Extension of a pending Appointment: the instant at which it ends by itself."""

CONFIRM_BY = PROFILES + "confirm-by"
"""Extension of a pending Appointment that an EHR has to confirm: the instant at which it ends if it has not."""

CANCELLED_BY = PROFILES + "cancelled-by"
"""Extension of a cancelled Appointment: `patient` or `provider`."""

OVERRIDE = PROFILES + "override"
"""Extension of an Appointment: which conflicts were passed over when it was made, by whom and why."""

REASONS = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"

LATE = PROFILES + "late-cancellation"
"""Extension of a cancelled Appointment: that it was too late for others to have its time."""

CAPACITY = "http://fhir-registry.smarthealthit.org/StructureDefinition/slot-capacity"
"""Extension of a Slot: how many Appointments it takes (SMART Scheduling Links); one where it is absent."""

MODALITY = PROFILES + "modality"
"""Extension of a Slot and of an Appointment: in-person, video, phone or home."""

SERVICE_KIND, HUDDLE = "https://carethread.dev/fhir/CodeSystem/service-kind", "huddle"
"""The service type of a huddle: people of a care team who meet, without a slot and without a patient."""

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


def with_extensions(element: Resource, marks: Mapping[str, Mapping[str, Any]]) -> Resource:
    """The element with these extensions, a value for each URL, in place of those it had of the same URLs."""
    kept = [each for each in element.get("extension", ()) if each.get("url") not in marks]
    made = [*kept, *({"url": url, **value} for url, value in marks.items())]
    rest = {name: value for name, value in element.items() if name != "extension"}
    return {**rest, "extension": made} if made else rest


def without_extensions(element: Resource, urls: Collection[str]) -> Resource:
    """The element without the extensions of these URLs."""
    if not any(each.get("url") in urls for each in element.get("extension", ())):
        return dict(element)
    kept = [each for each in element["extension"] if each.get("url") not in urls]
    rest = {name: value for name, value in element.items() if name != "extension"}
    return {**rest, "extension": kept} if kept else rest


def cancelled_by(before: Resource | None, after: Resource) -> str:
    """Who has cancelled just now, `patient` or `provider`, by the mark or else the reason; empty where nobody has.

    What says neither was the patient, for then the time can be given to others. A hold that is given up is none.
    """
    if before is None or after["status"] != "cancelled" or before["status"] not in HOLDING or hold_until(before):
        return ""
    if by := extension(after, CANCELLED_BY).get("valueCode"):
        return str(by)
    codes = {
        str(coding.get("code", ""))
        for coding in after.get("cancelationReason", {}).get("coding", ())
        if coding.get("system") == REASONS
    }
    return "provider" if any(code.startswith(("prov", "maint")) for code in codes) else "patient"


def overridden(appointment: Resource) -> set[str]:
    """The kinds of conflicts that were passed over."""
    parts = extension(appointment, OVERRIDE).get("extension", ())
    return {str(part.get("valueCode")) for part in parts if part.get("url") == "conflict"}


def capacity(slot: Resource | None) -> int:
    """How many Appointments a Slot takes."""
    stated = extension(slot or {}, CAPACITY).get("valueInteger", 1)
    return stated if isinstance(stated, int) and stated > 0 else 1


def moment(instant: object) -> int:
    """Microseconds of a FHIR instant; 0 where it is none."""
    span = date_range(instant) if isinstance(instant, str) else None
    return span[0] if span else 0


def hold_until(appointment: Resource | None) -> int:
    """When a pending Appointment ends by itself, in microseconds: a hold, or what an EHR is to confirm; else 0."""
    if appointment is None or appointment["status"] != "pending":
        return 0
    until = extension(appointment, HOLD_UNTIL) or extension(appointment, CONFIRM_BY)
    return moment(until.get("valueInstant"))


def actors(appointment: Resource, base_url: str) -> list[str]:
    """Who takes part and can be at one place only: `Practitioner/1`; not who has declined or is only told."""
    found: set[str] = set()
    for participant in appointment.get("participant", ()):
        if participant.get("status") == "declined" or participant.get("required") == "information-only":
            continue
        found.update(f"{kind}/{id_}" for kind, id_ in keys_at(participant, "actor", base_url) if kind in EXCLUSIVE)
    return sorted(found)


def busy_rows(appointment: Resource, id_: str, base_url: str) -> list[Occupied]:
    """What an Appointment takes: its actors for its time, and a seat of each of its Slots."""
    if appointment["status"] not in HOLDING:
        return []
    begin, end = moment(appointment.get("start")), moment(appointment.get("end"))
    taken = [f"Slot/{slot}" for slot in slots_held(appointment, base_url)]
    if begin < end:
        taken += actors(appointment, base_url)
    return [Occupied(actor, begin, end, id_, hold_until(appointment)) for actor in taken]
