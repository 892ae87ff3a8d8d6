"""An AppointmentResponse answers: an offer is taken or given back, a booked visit is confirmed or not.

An offer that is taken is booked as at the desk: where an EHR decides about the Schedule, it is asked.

Source: http://hl7.org/fhir/R4/appointmentresponse.html. What comes as history changes no Appointment; what an EHR sends
may come before its Appointment, and is kept as it is.
"""

from __future__ import annotations

from carethread.core.clock import to_micros
from carethread.core.errors import Conflict, Invalid
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit
from carethread.scheduling.booking.rule import appointment_leaves, end_hold
from carethread.scheduling.desk.book import firm
from carethread.scheduling.desk.composing import find_places, slot_ids
from carethread.scheduling.desk.looking import Glance
from carethread.scheduling.rules import is_ours, verb
from carethread.scheduling.visits.confirming import answered
from carethread.scheduling.waitlist.offers import accepted, is_offer, withdrawn
from carethread.scheduling.waitlist.waited import followed

_DECIDED = ("accepted", "declined", "tentative")


def response_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Have the Appointment follow an answer that is new, if it is here and the one who answers takes part in it.

    Raises Conflict when the answer comes too late, Invalid when who answers takes no part in one of ours.
    """
    if after is None or unit.context.backfill or after["participantStatus"] not in _DECIDED:
        return Ruling()
    if before is not None and before["participantStatus"] == after["participantStatus"]:
        return Ruling()
    key = next(iter(keys_at(after, "appointment", unit.base_url)), None)
    found = unit.find(key) if key and key[0] == "Appointment" else None
    if key is None or found is None:
        return Ruling()
    actor = next((f"{kind}/{name}" for kind, name in keys_at(after, "actor", unit.base_url)), "")
    places = [
        number
        for number, participant in enumerate(found.get("participant", ()))
        if actor in (f"{kind}/{name}" for kind, name in keys_at(participant, "actor", unit.base_url))
    ]
    if not places:
        _refuse_stranger(found)
        return Ruling()
    if actor.startswith("Patient/") and (is_offer(found) or found["status"] == "waitlist"):
        _answer_offer(unit, found, key[1], taken=after["participantStatus"] == "accepted")
    else:
        answered(unit, found, key[1], places, after["participantStatus"])
    return Ruling()


def _refuse_stranger(found: Resource) -> None:
    """Raise Invalid where somebody answers about one of ours who takes no part in it."""
    if is_ours(found):
        text = "Who answers takes no part in the Appointment: actor is one of its participants, as it names them."
        raise Invalid(text, code="business-rule", expression="AppointmentResponse.actor")


def _answer_offer(unit: Unit, offer: Resource, id_: str, *, taken: bool) -> None:
    if not is_offer(offer) or end_hold(unit, id_):
        raise Conflict("This offer is over; the person still waits.", expression="AppointmentResponse.appointment")
    if taken:
        look, now = Glance(unit.session, unit.context, unit.base_url), to_micros(unit.context.clock())
        made = firm(look, accepted(offer), find_places(look, slot_ids(look, offer)))
        made = followed(offer, made, lambda: now, now)
        unit.update(made, verb(offer, made) or "")
        return
    entry = withdrawn(offer, refused=True)
    appointment_leaves(unit, offer, entry, id_)
    unit.update(entry)
