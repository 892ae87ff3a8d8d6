"""The Task by which somebody books a person again, requested of its owner: one for each visit and person.

It is asked for when the provider cancels a visit to come, or the hours of its Schedule are gone. What is open is kept
as places (its key: the Appointment and the Task; its holder: the person, or the Appointment where nobody comes). It is
settled once nobody has to do it any more: the visit has another time or other slots, was cancelled by the person, or
has taken place; or the person has another visit for the same service. Settling changes the status alone, and only
where it is still open, so that nothing is lost of what its users have said.

Source: http://hl7.org/fhir/R4/task.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from uuid import NAMESPACE_URL, uuid5

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import at, extension, keys_at
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource, Session, Stored
from carethread.core.service import PROFILES
from carethread.interactions.requesting import request, request_change
from carethread.scheduling.rules import CANCELLED_BY, HOLD_UNTIL, HOLDING, cancelled_by, canceller, is_asked, is_ours
from carethread.scheduling.visits.transitions import lapsed

_OPEN = "rebook"
"""The kind of the places."""

_CODES = "https://carethread.dev/fhir/CodeSystem/scheduling-task"
_URGENT = range(1, 4)
"""Appointment.priority as iCalendar has it: 1 is the highest, 0 is none."""

_UNDONE = "draft,requested,received,accepted,ready,in-progress,on-hold"
"""Statuses of a Task that somebody has to do, or may."""

_BY_STATUS: Mapping[str, str] = {
    "arrived": "completed",
    "checked-in": "completed",
    "fulfilled": "completed",
    "noshow": "cancelled",
    "cancelled": "cancelled",
    "entered-in-error": "cancelled",
}
"""What becomes of the Task of a visit by the status that the visit comes to."""


def rebook_task(id_: str, appointment: Resource, person: str, base_url: str) -> str:
    """The id of the Task by which a person (`Patient/1`) is booked again, for a visit as long as it has this time and
    these slots."""
    slots = sorted(slot for _, slot in keys_at(appointment, "slot", base_url))
    name = "/".join([id_, "rebook", str(moment(appointment.get("start"))), *slots, person])
    return str(uuid5(NAMESPACE_URL, f"https://carethread.dev/fhir/Appointment/{name}"))


def ask_to_rebook(
    session: Session, stored: Stored, appointment: Resource, why: Resource, base_url: str, context: Context
) -> None:
    """Have a Task made for each person of a visit, unless there is one that is open; `why` is its reasonCode."""
    for person in _people(stored.id, appointment, base_url):
        id_ = rebook_task(stored.id, appointment, person, base_url)
        if not any(place.startswith(f"{stored.id}/") for place in session.places(_OPEN, person)):
            session.claim(_OPEN, f"{stored.id}/{id_}", person)
            request(session, _task(id_, stored, appointment, person, why, context), context, person, new=True)


def ask_after_cancellation(
    session: Session, before: Resource | None, appointment: Resource, stored: Stored, base_url: str, context: Context
) -> None:
    """Have those booked again whose visit to come the provider has cancelled just now."""
    if before is None or cancelled_by(before, appointment) != "provider":
        return
    if moment(before.get("start")) > to_micros(context.clock()):
        why = appointment.get("cancelationReason") or {"text": "The provider has cancelled the visit."}
        ask_to_rebook(session, stored, {"start": before["start"], **appointment}, why, base_url, context)


def _task(id_: str, stored: Stored, appointment: Resource, person: str, why: Resource, context: Context) -> Resource:
    department = {"reference": f"Organization/{stored.department}"} if stored.department else None
    marks = {"extension": [{"url": PROFILES + "department", "valueReference": department}]} if department else {}
    return {
        "resourceType": "Task",
        "id": id_,
        **marks,
        "status": "requested",
        "intent": "order",
        "priority": "urgent" if appointment.get("priority", 0) in _URGENT else "routine",
        "code": {"coding": [{"system": _CODES, "code": "rebook"}], "text": "Book this person again"},
        "focus": {"reference": f"Appointment/{stored.id}"},
        **({"for": {"reference": person}} if person.startswith("Patient/") else {}),
        "authoredOn": instant(to_micros(context.clock())),
        **({"owner": department} if department else {}),
        "reasonCode": why,
        **({"restriction": {"period": {"end": appointment["start"]}}} if "start" in appointment else {}),
    }


def settle_rebooking(
    session: Session, stored: Stored, appointment: Resource | None, base_url: str, context: Context
) -> None:
    """Settle the Tasks that an Appointment, as it was stored just now, leaves nobody to do."""
    if stored.version == 1 and (appointment is None or not was_firm(appointment)):
        return
    named = appointment or _earlier(session, stored) or {}
    for person in _people(stored.id, named, base_url):
        open_ = dict(place.split("/", 1) for place in session.places(_OPEN, person))
        settled: dict[str, str] = {}
        if status := _status(stored, appointment, person, open_, base_url):
            settled[stored.id] = status
        elif appointment and was_firm(appointment) and set(open_) - {stored.id}:
            settled |= _replaced(session, stored, appointment, set(open_) - {stored.id})
        if settled:
            keep = [f"{id_}/{task}" for id_, task in open_.items() if id_ not in settled]
            session.release(_OPEN, person, keep)
        for id_, became in settled.items():
            patch = [{"op": "replace", "path": "/status", "value": became}]
            request_change(session, ("Task", open_[id_]), patch, context, key=person, condition=f"status={_UNDONE}")


def _status(stored: Stored, appointment: Resource | None, person: str, open_: Mapping[str, str], base_url: str) -> str:
    """What the Task of this visit itself comes to; empty where it has none, or it stays open."""
    if stored.id not in open_:
        return ""
    if appointment is None:
        return "cancelled"
    status = appointment["status"]
    if status == "cancelled" and (canceller(appointment) == "provider" or lapsed(appointment)):
        return ""
    if status == "booked" and rebook_task(stored.id, appointment, person, base_url) != open_[stored.id]:
        return "completed"
    return _BY_STATUS.get(status, "")


def _replaced(session: Session, stored: Stored, appointment: Resource, others: set[str]) -> dict[str, str]:
    """The first of the cancelled visits for the same service in whose place this came to be firm just now."""
    before = _earlier(session, stored)
    if appointment["status"] == "cancelled" or is_asked(appointment):
        return {}
    if before and was_firm(before) and not is_asked(before):
        return {}
    found = [one for one in session.current([("Appointment", id_) for id_ in others]).values() if not one.deleted]
    for one in sorted(found, key=lambda each: (each.updated, each.id)):
        visit = json.parse_object(one.body)
        wanted = services(visit)
        if visit["status"] == "cancelled" and (not wanted or wanted & services(appointment)):
            return {one.id: "completed"}
    return {}


def _earlier(session: Session, stored: Stored) -> Resource | None:
    """The version before this one; None where there was none, or it was deleted."""
    earlier = session.version((stored.type, stored.id), stored.version - 1) if stored.version > 1 else None
    return json.parse_object(earlier.body) if earlier and not earlier.deleted else None


def _people(id_: str, appointment: Resource, base_url: str) -> Iterator[str]:
    """Its patients, whatever they have answered; the Appointment itself where it has none."""
    named = keys_at(appointment, "participant.actor", base_url)
    patients = dict.fromkeys(f"Patient/{each}" for kind, each in named if kind == "Patient")
    yield from patients or [f"Appointment/{id_}"]


def services(appointment: Resource) -> set[str]:
    """What a visit is for, as an entry of the wait-list has it: `system|code`."""
    codings = (each for each in at(appointment, "serviceType.coding") if isinstance(each, dict))
    return {f"{each.get('system', '')}|{each.get('code', '')}" for each in codings}


def was_firm(appointment: Resource) -> bool:
    """Whether a visit is more than a hold or a wish, or was until it was cancelled."""
    if extension(appointment, HOLD_UNTIL):
        return False
    if appointment["status"] == "cancelled":
        return not is_ours(appointment) or bool(extension(appointment, CANCELLED_BY))
    return appointment["status"] in HOLDING
