"""Reminders: at set times before a booked visit, a CommunicationRequest in the person's language and by their channel.

Who is deceased, inactive or merged is not written to.
Source: http://hl7.org/fhir/R4/communicationrequest.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from uuid import NAMESPACE_URL, uuid5

from carethread.core.clock import from_micros, instant
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import at, keys_at
from carethread.core.ports import Key, Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.requesting import request
from carethread.scheduling.availability.reading import template_of
from carethread.scheduling.desk.people import why_not
from carethread.scheduling.noshow.texts import language, reminder
from carethread.scheduling.rules import extension, moment
from carethread.scheduling.waitlist.entries import CHANNEL

_HOUR = 3_600_000_000
BEFORE = (7 * 24 * _HOUR, 48 * _HOUR, 3 * _HOUR)
"""How long before its start a visit is reminded of, in microseconds."""

MEDIA: Mapping[str, str] = {"phone": "PHONE", "sms": "SMSWRIT", "email": "EMAILWRIT", "app": "ELECTRONIC"}
"""How a channel is called in http://terminology.hl7.org/CodeSystem/v3-ParticipationMode."""


def next_reminder(start: int, now: int) -> int:
    """The moment of the next reminder of a visit that starts then; 0 when none is left."""
    return next((start - before for before in BEFORE if start - before > now), 0)


def remind(runtime: Runtime, session: Session, id_: str, appointment: Resource, due: int, context: Context) -> None:
    """Have the people of a visit reminded of it; repeated for the same moment it is the same reminder."""
    zone = _zone(runtime, session, appointment)
    for kind, name in keys_at(appointment, "participant.actor", runtime.base_url):
        patient = _here(session, (kind, name)) if kind == "Patient" else None
        if kind == "Patient" and not (patient and why_not(patient, runtime.base_url)):
            person = f"{kind}/{name}"
            request(session, _message(appointment, id_, due, person, patient or {}, zone), context, new=True)


def _message(appointment: Resource, id_: str, due: int, person: str, patient: Resource, zone: tzinfo) -> Resource:
    spoken = language(preferred_language(patient))
    mode = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode"
    medium = {"system": mode, "code": MEDIA[_channel(appointment)]}
    local = from_micros(moment(appointment["start"])).astimezone(zone)
    return {
        "resourceType": "CommunicationRequest",
        "id": str(uuid5(NAMESPACE_URL, f"reminder/{id_}/{due}/{person}")),
        "language": spoken,
        "status": "active",
        "category": [{"text": "Reminder of a visit"}],
        "priority": "routine",
        "medium": [{"coding": [medium]}],
        "subject": {"reference": person},
        "about": [{"reference": f"Appointment/{id_}"}],
        "payload": [{"contentString": reminder(spoken, local)}],
        "occurrenceDateTime": instant(due),
        "recipient": [{"reference": person}],
    }


def preferred_language(patient: Resource) -> str:
    """The language that somebody prefers, or speaks at all; empty where that is not known."""
    spoken = [each for each in at(patient, "communication") if isinstance(each, dict)]
    chosen = next((each for each in spoken if each.get("preferred")), next(iter(spoken), {}))
    return next((str(c["code"]) for c in at(chosen, "language.coding") if isinstance(c, dict) and "code" in c), "")


def _channel(appointment: Resource) -> str:
    said = str(extension(appointment, CHANNEL).get("valueCode"))
    return said if said in MEDIA else "phone"


def _zone(runtime: Runtime, session: Session, appointment: Resource) -> tzinfo:
    """Where the visit is, as its Schedule says."""
    for slot in (_here(session, key) for key in keys_at(appointment, "slot", runtime.base_url)):
        for schedule in (_here(session, key) for key in keys_at(slot or {}, "schedule", runtime.base_url)):
            if schedule and (template := template_of(schedule)):
                return template.zone
    return UTC


def _here(session: Session, key: Key) -> Resource | None:
    stored = session.current([key]).get(key)
    return json.parse_object(stored.body) if stored and not stored.deleted else None
