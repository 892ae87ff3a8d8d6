"""Hold, renew and release: https://profiles.ihe.net/ITI/Scheduling/ITI-116.html.

A hold ends by itself: from then on whoever wants its slots ends it (`booking.end_hold`); until somebody does, and while
nobody took them, it can still be booked.
"""

from __future__ import annotations

from carethread.core.clock import to_micros
from carethread.core.errors import Invalid
from carethread.core.ports import Stored
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.desk.placing import drafted, kept, put, repeated, standing
from carethread.scheduling.desk.states import given_up, held
from carethread.scheduling.desk.wishes import Wish
from carethread.scheduling.rules import HOLD_UNTIL, extension
from carethread.scheduling.waitlist.offers import is_offer, withdrawn

MINUTE = 60_000_000
DEFAULT_MINUTES, MOST_MINUTES = 5, 60


def hold_end(unit: WriteUnit, minutes: int = DEFAULT_MINUTES) -> int:
    """The moment when a hold of so many minutes from now is over, in microseconds. Raises Invalid for too many."""
    if not 1 <= minutes <= MOST_MINUTES:
        raise Invalid(f"A hold is for 1 to {MOST_MINUTES} minutes.", code="value", expression="duration")
    return to_micros(unit.context.clock()) + minutes * MINUTE


def hold(unit: WriteUnit, wish: Wish, until: int, id_: str = "") -> Stored:
    """Hold a new Appointment, or one that is proposed, waiting, or held already. Nothing is stored yet.

    Raises Conflict or Invalid with all that is in the way, NotFound for an id that is not here.
    """
    if id_:
        before = standing(unit, id_)
        if before["status"] == "booked":
            raise Invalid("It is booked already.", code="business-rule", expression="Appointment.status")
        made, _ = drafted(unit, wish, before, id_)
        return put(unit, held(made, until), id_, new=False)
    if stored := repeated(unit, wish):
        return stored
    id_ = wish.id or unit.context.new_id()
    made, _ = drafted(unit, wish, None, id_)
    return put(unit, held(made, until), id_, new=True)


def renew(unit: WriteUnit, id_: str, until: int) -> Stored:
    """Hold longer what is held. Raises Invalid for what is not."""
    before = _held(unit, id_)
    made, _ = drafted(unit, Wish(), before, id_)
    return put(unit, held(made, until), id_, new=False)


def release(unit: WriteUnit, id_: str) -> Stored:
    """Give up a hold, so that others can have its slots; an offer of the wait-list is refused by it.

    What is cancelled already stays as it is. Raises Invalid for what is not a hold.
    """
    if standing(unit, id_)["status"] == "cancelled":
        return kept(unit, id_)
    before = _held(unit, id_)
    if is_offer(before):
        return put(unit, withdrawn(before, refused=True), id_, new=False)
    return put(unit, given_up(before, {"text": "The hold was released."}), id_, new=False)


def _held(unit: WriteUnit, id_: str) -> dict[str, object]:
    before = standing(unit, id_)
    if before["status"] != "pending" or not extension(before, HOLD_UNTIL):
        raise Invalid(
            f"It is {before['status']} and not held; $hold it first, or $cancel it.",
            code="business-rule",
            expression="Appointment.status",
        )
    return before
