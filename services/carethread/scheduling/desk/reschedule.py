"""Reschedule: the same Appointment at another time.

It keeps its id, its history and what refers to it; the old slots are freed and the new ones taken by one write, so that
nobody has neither. (IHE's `$book` with an Appointment that has an id changes that one, too.)
"""

from __future__ import annotations

from carethread.core.errors import Invalid, Malformed
from carethread.core.ports import Stored
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.desk.book import firm
from carethread.scheduling.desk.composing import find_places, slot_ids, without_actors
from carethread.scheduling.desk.hold import held_since
from carethread.scheduling.desk.placing import drafted, kept, put, refuse_others, standing
from carethread.scheduling.desk.states import held
from carethread.scheduling.desk.wishes import Wish
from carethread.scheduling.rules import hold_until, is_hold

_MOVABLE = ("booked", "pending")


def reschedule(unit: WriteUnit, id_: str, wish: Wish) -> Stored:
    """Move what is booked or held to other Slots; a hold stays one. Nothing is stored yet.

    Moved there already it stays as it is. Raises Conflict or Invalid with all that is in the way, NotFound for an id
    that is not here, Malformed without Slots.
    """
    before = standing(unit, id_)
    wanted = list(dict.fromkeys(wish.slots)) or slot_ids(unit, wish.details)
    if not wanted:
        raise Malformed("Say where to: slot, or an Appointment that names some.", code="required", expression="slot")
    if before["status"] not in _MOVABLE:
        raise Invalid(
            f"It is {before['status']}; only what is booked or held moves. Book a new one.",
            code="business-rule",
            expression="Appointment.status",
        )
    had = slot_ids(unit, before)
    if sorted(wanted) == sorted(had):
        return kept(unit, id_)
    refuse_others(unit, wish, before)
    made, places = drafted(unit, wish, without_actors(unit, before, find_places(unit, had)), id_)
    until = hold_until(before)
    moved = held(made, held_since(before) or until, until) if is_hold(before) else firm(unit, made, places)
    return put(unit, moved, id_, new=False)
