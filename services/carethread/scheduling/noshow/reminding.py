"""Reminders: at set times before a booked visit, a CommunicationRequest in the person's language and by their channel.

Who is deceased, inactive or merged is not written to, and nobody at night (`quiet`).
Source: http://hl7.org/fhir/R4/communicationrequest.html.
"""

from __future__ import annotations

from datetime import tzinfo
from uuid import NAMESPACE_URL, uuid5

from carethread.core.clock import from_micros, instant, to_micros
from carethread.core.contacting import medium, preferred_language
from carethread.core.context import Context
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource, Session
from carethread.core.quiet import awake, before_night
from carethread.core.service import Runtime
from carethread.interactions.requesting import request
from carethread.interactions.standing import here
from carethread.scheduling.availability.reading import template_of
from carethread.scheduling.booking.people import why_not
from carethread.scheduling.contacting import channel
from carethread.scheduling.noshow.texts import language, reminder
from carethread.scheduling.quiet import zone_of

_HOUR = 3_600_000_000
BEFORE = (7 * 24 * _HOUR, 48 * _HOUR, 3 * _HOUR)
"""How long before its start a visit is reminded of, in microseconds."""


USELESS = _HOUR // 2
"""A reminder so shortly before a visit helps nobody."""


def next_reminder(start: int, now: int, zone: tzinfo | None = None) -> int:
    """The moment of the next reminder of a visit that starts then; 0 when none is left.

    What would come at night comes on the evening before, where the zone is known.
    """
    planned = (start - before for before in BEFORE)
    return next((due for each in planned if (due := before_night(each, zone) if zone else each) > now), 0)


def in_the_morning(start: int, now: int, zone: tzinfo) -> int:
    """When a reminder goes that is due at night; 0 where it would be too late. `now` where it is no night."""
    later = to_micros(awake(from_micros(now), zone))
    return later if later <= start - USELESS else 0


def remind(
    runtime: Runtime, session: Session, id_: str, appointment: Resource, due: int, zone: tzinfo, context: Context
) -> None:
    """Have the people of a visit reminded of it; repeated for the same moment it is the same reminder."""
    for kind, name in keys_at(appointment, "participant.actor", runtime.base_url):
        patient = here(session, (kind, name)) if kind == "Patient" else None
        if kind == "Patient" and not (patient and why_not(patient, runtime.base_url)):
            person = f"{kind}/{name}"
            request(session, _message(appointment, id_, due, person, patient or {}, zone), context, new=True)


def _message(appointment: Resource, id_: str, due: int, person: str, patient: Resource, zone: tzinfo) -> Resource:
    spoken = language(preferred_language(patient))
    local = from_micros(moment(appointment["start"])).astimezone(zone)
    return {
        "resourceType": "CommunicationRequest",
        "id": str(uuid5(NAMESPACE_URL, f"reminder/{id_}/{due}/{person}")),
        "language": spoken,
        "status": "active",
        "category": [{"text": "Reminder of a visit"}],
        "priority": "routine",
        "medium": [medium(channel(appointment))],
        "subject": {"reference": person},
        "about": [{"reference": f"Appointment/{id_}"}],
        "payload": [{"contentString": reminder(spoken, local)}],
        "occurrenceDateTime": instant(due),
        "recipient": [{"reference": person}],
    }


def zone_of_visit(runtime: Runtime, session: Session, appointment: Resource) -> tzinfo:
    """Where the visit is, as its Schedule says, or as its start is written."""
    for slot in (here(session, key) for key in keys_at(appointment, "slot", runtime.base_url)):
        for schedule in (here(session, key) for key in keys_at(slot or {}, "schedule", runtime.base_url)):
            if schedule and template_of(schedule):
                return zone_of(schedule, appointment.get("start"))
    return zone_of(None, appointment.get("start"))
