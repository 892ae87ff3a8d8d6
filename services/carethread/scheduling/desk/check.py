"""The dry run of a booking: all that is in its way, and nothing is done."""

from __future__ import annotations

from carethread.core.context import Context
from carethread.core.errors import Invalid, NotFound
from carethread.core.fhir import json
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime
from carethread.scheduling.booking.conflicting import Conflicting
from carethread.scheduling.booking.conflicts import conflicts, strangers
from carethread.scheduling.desk.book import DONE
from carethread.scheduling.desk.composing import absent, composed, find_places
from carethread.scheduling.desk.looking import Glance
from carethread.scheduling.desk.placing import TYPE, wanted_slots
from carethread.scheduling.desk.wishes import Wish
from carethread.scheduling.visits.transitions import refuse_jump


def check(runtime: Runtime, session: Session, context: Context, wish: Wish, id_: str = "") -> list[Conflicting]:
    """What is in the way of a wish, about a new Appointment or one that is here.

    Raises NotFound for an id that is not here, Malformed without Slots.
    """
    look = Glance(session, context, runtime.base_url)
    before: Resource | None = None
    if id_:
        stored = session.current([(TYPE, id_)]).get((TYPE, id_))
        if stored is None or stored.deleted:
            raise NotFound(f"{TYPE}/{id_} is not known here.")
        before = json.parse_object(stored.body)
        if before["status"] not in DONE:
            try:
                refuse_jump(before, {"status": "booked"})
            except Invalid as error:
                return [Conflicting("status", each.diagnostics, "Appointment.status") for each in error.issues]
    wanted = wanted_slots(look, wish, before)
    places = find_places(look, wanted)
    missing = absent(wanted, places)
    if not places:
        return missing
    try:
        made = composed(look, wish, before, places)
    except Invalid as error:
        return [
            *missing,
            *(Conflicting("time", each.diagnostics, each.expression or "Appointment") for each in error.issues),
        ]
    return [*missing, *strangers(look, wish.details, places), *conflicts(look, made, id_, places)]
