"""Telling somebody of an offer: a Communication, which whoever calls or writes to people takes up.

None is made at night: what is offered then is kept, and told when the night is over, if it still stands.
Source: http://hl7.org/fhir/R4/communication.html.
"""

from __future__ import annotations

from datetime import tzinfo

from carethread.core.clock import from_micros, to_micros
from carethread.core.contacting import medium, preferred_language
from carethread.core.context import Context
from carethread.core.fhir.elements import extension, keys_at
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource, Session, Timer
from carethread.core.quiet import awake
from carethread.core.service import Runtime
from carethread.interactions.requesting import request
from carethread.interactions.standing import here
from carethread.scheduling.booking.people import why_not
from carethread.scheduling.contacting import channel
from carethread.scheduling.noshow.texts import language
from carethread.scheduling.quiet import zone_of
from carethread.scheduling.rules import OFFER, hold_until
from carethread.scheduling.waitlist.offers import is_offer
from carethread.scheduling.waitlist.texts import offer as text_of

TELL_TIMER = "tell"
"""The kind of timer that has an offer told; its key is the entry's id, its payload the instant of the offer."""


def tell(session: Session, made: Resource, patient: Resource, person: str, zone: tzinfo, context: Context) -> None:
    """Have a person (`Patient/1`) told of the offer that was made of their entry, now or in the morning."""
    now = context.clock()
    later = awake(now, zone)
    if later > now:
        offered = str(extension(made, OFFER)["valueInstant"])
        session.timers.set(TELL_TIMER, made["id"], to_micros(later), offered.encode())
    else:
        request(session, _message(made, patient, person, zone), context)


def tell_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Tell of an offer that was made at night, unless it is over."""
    made = here(session, ("Appointment", timer.key))
    if made is None or not is_offer(made) or extension(made, OFFER).get("valueInstant") != timer.payload.decode():
        return
    if hold_until(made) <= to_micros(context.clock()):
        return
    people = (name for kind, name in keys_at(made, "participant.actor", runtime.base_url) if kind == "Patient")
    person = next(people, "")
    patient = here(session, ("Patient", person)) or {}
    if person and not why_not(patient, runtime.base_url):
        zone = _zone(session, made, runtime.base_url)
        request(session, _message(made, patient, f"Patient/{person}", zone), context)


def _zone(session: Session, made: Resource, base_url: str) -> tzinfo:
    slot = next((here(session, key) for key in keys_at(made, "slot", base_url)), None)
    schedule = next((here(session, key) for key in keys_at(slot or {}, "schedule", base_url)), None)
    return zone_of(schedule, made["start"])


def _message(made: Resource, patient: Resource, person: str, zone: tzinfo) -> Resource:
    spoken = language(preferred_language(patient))
    start, until = (from_micros(each).astimezone(zone) for each in (moment(made["start"]), hold_until(made)))
    return {
        "resourceType": "Communication",
        "language": spoken,
        "status": "preparation",
        "category": [{"text": "An offer from the wait-list"}],
        "medium": [medium(channel(made))],
        "subject": {"reference": person},
        "about": [{"reference": f"Appointment/{made['id']}"}, *made["slot"]],
        "recipient": [{"reference": person}],
        "payload": [{"contentString": text_of(spoken, start, until)}],
    }
