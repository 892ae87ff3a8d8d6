"""Book: https://profiles.ihe.net/ITI/Scheduling/ITI-117.html.

Where an EHR decides about a Schedule, what is booked waits for it: `pending` until its update says otherwise, or until
the deadline, when it ends as a hold does.
"""

from __future__ import annotations

from collections.abc import Iterable

from carethread.core.clock import to_micros
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource, Stored
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.availability.template import master_of
from carethread.scheduling.booking.conflicts import Look, Place
from carethread.scheduling.booking.remembering import remembered
from carethread.scheduling.desk.composing import slot_ids
from carethread.scheduling.desk.placing import (
    begun,
    drafted,
    kept,
    put,
    refuse_others,
    repeated,
    standing,
    wanted_slots,
)
from carethread.scheduling.desk.states import asked, booked
from carethread.scheduling.desk.wishes import Wish
from carethread.scheduling.policies import CONFIRM_WITHIN, OTHERWISE, given
from carethread.scheduling.rules import is_asked
from carethread.scheduling.waitlist.offers import accepted, is_offer

DONE = ("booked", "arrived", "checked-in", "fulfilled")
"""What is booked already, or more."""


def book(unit: WriteUnit, wish: Wish, id_: str = "") -> Stored:
    """Book a new Appointment, or one that is proposed, waiting, or held. Nothing is stored yet.

    Booked again it stays as it is. Raises Conflict or Invalid with all that is in the way, NotFound for an id that is
    not here.
    """
    if id_:
        before = standing(unit, id_)
        if _is_done(unit, wish, before):
            return kept(unit, id_)
        refuse_others(unit, wish, before)
        made, places = drafted(unit, wish, accepted(before) if is_offer(before) else before, id_)
        return put(unit, firm(unit, remembered(made, before), places), id_, new=False)
    if stored := repeated(unit, wish):
        return stored
    id_ = begun(unit, wish)
    made, places = drafted(unit, wish, None, id_)
    return put(unit, firm(unit, made, places), id_, new=True)


def _is_done(unit: WriteUnit, wish: Wish, before: Resource) -> bool:
    """Whether it is booked, as wished. Raises Invalid where it is booked otherwise."""
    if before["status"] not in DONE and not is_asked(before):
        return False
    if sorted(wanted_slots(unit, wish, before)) != sorted(slot_ids(unit, before)):
        raise Invalid(
            f"It is {before['status']} for other Slots; $reschedule it.", code="business-rule", expression="slot"
        )
    return True


def firm(look: Look, appointment: Resource, places: Iterable[Place]) -> Resource:
    """Booked, or asked of the EHR that decides about one of the Schedules."""
    schedules = [json.parse_object(body) for body in {place.schedule for place in places if place.schedule}]
    decided = [schedule for schedule in schedules if master_of(schedule) == "ehr"]
    if not decided:
        return booked(appointment)
    now = to_micros(look.context.clock())
    within = min(given(decided, CONFIRM_WITHIN), default=OTHERWISE)
    return asked(appointment, min(now + within, max(moment(appointment["start"]), now + 60_000_000)))
