"""Pure decisions of scheduling: which statuses hold a slot, and what a change of status is called.

Statuses: http://hl7.org/fhir/R4/valueset-appointmentstatus.html, http://hl7.org/fhir/R4/valueset-slotstatus.html.
"""

from __future__ import annotations

from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Resource

HOLDING = frozenset({"pending", "booked", "arrived", "checked-in", "fulfilled", "noshow"})
"""An Appointment in one of these has its slots to itself; proposed, waitlist, cancelled and entered-in-error have
none."""

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


def slot_status(sent: str, held: bool) -> str:
    """The status of a Slot: busy while an Appointment holds it, else as sent."""
    return "busy" if held else sent
