"""Pure decisions of scheduling: which statuses hold a slot, until when a hold stands, and what a change is called.

Statuses: http://hl7.org/fhir/R4/valueset-appointmentstatus.html, http://hl7.org/fhir/R4/valueset-slotstatus.html.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from carethread.core.fhir.elements import extension, keys_at, profiles_of
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Occupied, Resource
from carethread.core.service import PROFILES

APPOINTMENT = PROFILES + "appointment"
HOLD_UNTIL = PROFILES + "hold-until"
"""Extension of a pending Appointment: the instant at which it ends by itself."""

CONFIRM_BY = PROFILES + "confirm-by"
"""Extension of a pending Appointment that an EHR has to confirm: the instant at which it ends if it has not."""

HELD_FROM = PROFILES + "held-from"
"""Extension of a pending Appointment: the number of its version that was proposed or waited, which it becomes again
where nothing comes of it."""

CANCELLED_BY = PROFILES + "cancelled-by"
"""Extension of a cancelled Appointment: `patient` or `provider`."""

OVERRIDE = PROFILES + "override"
"""Extension of an Appointment: which conflicts were passed over when it was made, by whom and why."""

OFFER = PROFILES + "offer"
"""Extension of a pending Appointment that is an offer, and of the participants who came with it: the instant of it."""

HELD_SINCE = PROFILES + "held-since"
"""Extension of a pending Appointment: the instant at which it came to be held, however often that was renewed."""

PASSING = (HOLD_UNTIL, HELD_SINCE, CONFIRM_BY, HELD_FROM, OFFER)
"""Extensions that say nothing any more of what is no longer pending."""

DESK_MARKS = (*PASSING, OVERRIDE)
"""What only the service itself says of an Appointment of ours."""

REASONS = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
_CANCELLERS = (("provider", ("prov", "maint")), ("patient", ("pat",)))

LATE = PROFILES + "late-cancellation"
"""Extension of a cancelled Appointment: that it was too late for others to have its time."""

CAPACITY = "http://fhir-registry.smarthealthit.org/StructureDefinition/slot-capacity"
"""Extension of a Slot: how many Appointments it takes (SMART Scheduling Links); one where it is absent."""

MOST_SEATS = 1000
"""Appointments in one Slot."""

MODALITY = PROFILES + "modality"
"""Extension of a Slot and of an Appointment: one of MODALITIES."""

MODALITIES = ("in-person", "video", "phone", "home")

PLACE = PROFILES + "place"
"""Extension of a Slot that is elsewhere than its Schedule."""

SLOT_MODALITY = PROFILES + "slot-modality"
"""Extension of an Appointment: the modality that its Slots gave it, for which nobody had asked."""

SERVICE_KIND, HUDDLE = "https://carethread.dev/fhir/CodeSystem/service-kind", "huddle"
"""The service type of a huddle: people of a care team who meet, without a slot and without a patient."""

HOLDING = frozenset({"pending", "booked", "arrived", "checked-in", "fulfilled", "noshow"})
"""An Appointment in one of these has its slots to itself; proposed, waitlist, cancelled and entered-in-error have
none."""

EXCLUSIVE = frozenset({"Patient", "Practitioner", "PractitionerRole", "Device"})
"""Actors that are at one place at a time. A place is not, but where a Schedule is its own (`is_room`)."""

Aliases = Mapping[str, Collection[str]]
"""By an actor (`PractitionerRole/1`) who else is meant by them (`Practitioner/2`), and by a Slot of a room (`Slot/3`)
the Schedule that is taken with it (`Schedule/4`)."""

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
    return APPOINTMENT in profiles_of(resource)


def cancelled_by(before: Resource | None, after: Resource) -> str:
    """Who has cancelled just now, `patient` or `provider`, by the mark or else the reason; empty where nobody has.

    What says neither was the patient, for then the time can be given to others. A hold that is given up is none.
    """
    if before is None or after["status"] != "cancelled" or before["status"] not in HOLDING or is_hold(before):
        return ""
    return canceller(after) or "patient"


def canceller(appointment: Resource) -> str:
    """Whom the mark or the reason of a cancelled Appointment names, `patient` or `provider`; empty: neither does."""
    if by := extension(appointment, CANCELLED_BY).get("valueCode"):
        return str(by)
    codes = {
        str(coding.get("code", ""))
        for coding in appointment.get("cancelationReason", {}).get("coding", ())
        if coding.get("system") == REASONS
    }
    return next((who for who, begins in _CANCELLERS if any(code.startswith(begins) for code in codes)), "")


def overridden(appointment: Resource) -> set[str]:
    """The kinds of conflicts that were passed over."""
    parts = extension(appointment, OVERRIDE).get("extension", ())
    return {str(part.get("valueCode")) for part in parts if part.get("url") == "conflict"}


def capacity(slot: Resource | None) -> int:
    """How many Appointments a Slot takes: 1 to MOST_SEATS, for what was told may say anything."""
    stated = extension(slot or {}, CAPACITY).get("valueInteger", 1)
    return min(stated, MOST_SEATS) if isinstance(stated, int) and stated > 0 else 1


def is_hold(appointment: Resource) -> bool:
    """Whether this is a hold, about which nobody but who holds it decides; what an EHR is to confirm is none."""
    return appointment["status"] == "pending" and bool(extension(appointment, HOLD_UNTIL))


def is_asked(appointment: Resource) -> bool:
    """Whether an EHR is to confirm this."""
    return appointment["status"] == "pending" and bool(extension(appointment, CONFIRM_BY))


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


def takers(appointment: Resource, base_url: str) -> list[str]:
    """Those whom aliases are looked for: who takes part, and, where a place is among them, the Slots (`Slot/1`)."""
    places = any(kind == "Location" for kind, _ in keys_at(appointment, "participant.actor", base_url))
    slots = keys_at(appointment, "slot", base_url) if places else []
    return [*actors(appointment, base_url), *sorted({f"{kind}/{id_}" for kind, id_ in slots if kind == "Slot"})]


def is_room(schedule: Resource, base_url: str) -> bool:
    """Whether a Schedule is of nobody but a place, so that only one of its slots is taken at a time."""
    return {kind for kind, _ in keys_at(schedule, "actor", base_url)} == {"Location"}


def busy_rows(
    appointment: Resource, id_: str, base_url: str, aliases: Aliases = MappingProxyType({})
) -> list[Occupied]:
    """What an Appointment takes: its actors, and who else is meant by them, for its time, and a seat of each Slot."""
    if appointment["status"] not in HOLDING:
        return []
    begin, end = moment(appointment.get("start")), moment(appointment.get("end"))
    taken = [f"Slot/{slot}" for slot in slots_held(appointment, base_url)]
    if begin < end:
        named = actors(appointment, base_url)
        taken += sorted({*named, *(other for each in (*named, *taken) for other in aliases.get(each, ()))})
    return [Occupied(actor, begin, end, id_, hold_until(appointment)) for actor in taken]
