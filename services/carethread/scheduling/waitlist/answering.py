"""An AppointmentResponse answers: an offer is taken or given back, a booked visit is confirmed or not.

Source: http://hl7.org/fhir/R4/appointmentresponse.html. What comes as history changes no Appointment; what an EHR sends
may come before its Appointment, and is kept as it is.
"""

from __future__ import annotations

from carethread.core.errors import Conflict
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit
from carethread.scheduling.booking import appointment_leaves, end_hold
from carethread.scheduling.rules import HOLDING
from carethread.scheduling.waitlist.offers import accepted, is_offer, withdrawn

_DECIDED = ("accepted", "declined", "tentative")


def response_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Have the Appointment follow an answer that is new, if it is here and the one who answers takes part in it.

    Raises Conflict when the offer that is answered is over.
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
        return Ruling()
    if actor.startswith("Patient/") and (is_offer(found) or found["status"] == "waitlist"):
        _answer_offer(unit, found, key[1], taken=after["participantStatus"] == "accepted")
    elif found["status"] in HOLDING:
        people = [
            {**each, "status": after["participantStatus"]} if number in places else each
            for number, each in enumerate(found["participant"])
        ]
        if people != found["participant"]:
            unit.update({**found, "participant": people})
    return Ruling()


def _answer_offer(unit: Unit, offer: Resource, id_: str, *, taken: bool) -> None:
    if not is_offer(offer) or end_hold(unit, id_):
        raise Conflict("This offer is over; the person still waits.", expression="AppointmentResponse.appointment")
    if taken:
        unit.update(accepted(offer), "booked")
        return
    entry = withdrawn(offer, refused=True)
    appointment_leaves(unit, offer, entry, id_)
    unit.update(entry)
