"""Book: https://profiles.ihe.net/ITI/Scheduling/ITI-117.html.

Where an EHR decides about a Schedule, what is booked waits for it: `pending` until its update says otherwise, or until
the deadline, when it ends as a hold does.
"""

from __future__ import annotations

from collections.abc import Iterable

from carethread.core.clock import to_micros
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.ports import Resource, Stored
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.availability.template import master_of
from carethread.scheduling.conflicts import Place
from carethread.scheduling.desk.composing import slot_ids
from carethread.scheduling.desk.placing import drafted, kept, put, repeated, standing, wanted_slots
from carethread.scheduling.desk.states import asked, booked
from carethread.scheduling.desk.wishes import Wish
from carethread.scheduling.rules import CONFIRM_BY, extension, moment
from carethread.scheduling.waitlist.offers import accepted, is_offer

CONFIRMED_WITHIN = 24 * 3_600_000_000
"""Microseconds that an EHR has to confirm; if the visit is sooner, until it begins."""

_DONE = ("booked", "arrived", "checked-in", "fulfilled")


def book(unit: WriteUnit, wish: Wish, id_: str = "") -> Stored:
    """Book a new Appointment, or one that is proposed, waiting, or held. Nothing is stored yet.

    Booked again it stays as it is. Raises Conflict or Invalid with all that is in the way, NotFound for an id that is
    not here.
    """
    if id_:
        before = standing(unit, id_)
        if _is_done(unit, wish, before):
            return kept(unit, id_)
        made, places = drafted(unit, wish, accepted(before) if is_offer(before) else before, id_)
        return put(unit, firm(unit, made, places), id_, new=False)
    if stored := repeated(unit, wish):
        return stored
    id_ = wish.id or unit.context.new_id()
    made, places = drafted(unit, wish, None, id_)
    return put(unit, firm(unit, made, places), id_, new=True)


def _is_done(unit: WriteUnit, wish: Wish, before: Resource) -> bool:
    """Whether it is booked, as wished. Raises Invalid where it is booked otherwise."""
    waits = before["status"] == "pending" and bool(extension(before, CONFIRM_BY))
    if before["status"] not in _DONE and not waits:
        return False
    if sorted(wanted_slots(unit, wish, before)) != sorted(slot_ids(unit, before)):
        raise Invalid(
            f"It is {before['status']} for other Slots; $reschedule it.", code="business-rule", expression="slot"
        )
    return True


def firm(unit: WriteUnit, appointment: Resource, places: Iterable[Place]) -> Resource:
    """Booked, or asked of the EHR that decides about one of the Schedules."""
    bodies = {place.schedule for place in places if place.schedule}
    if not any(master_of(json.parse(body)) == "ehr" for body in bodies):
        return booked(appointment)
    now = to_micros(unit.context.clock())
    return asked(appointment, min(now + CONFIRMED_WITHIN, max(moment(appointment["start"]), now + 60_000_000)))
