"""Hold, renew and release: https://profiles.ihe.net/ITI/Scheduling/ITI-116.html.

A hold ends by itself: from then on whoever wants its slots ends it (`booking.end_hold`); until somebody does, and while
nobody took them, it can still be booked.
"""

from __future__ import annotations

from carethread.core.clock import instant, to_micros
from carethread.core.errors import Invalid
from carethread.core.fhir.elements import extension
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource, Stored
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.booking.remembering import remembered, returned
from carethread.scheduling.desk.placing import begun, drafted, kept, put, refuse_others, repeated, standing
from carethread.scheduling.desk.states import given_up, held
from carethread.scheduling.desk.wishes import Wish
from carethread.scheduling.rules import HELD_SINCE, is_asked, is_hold
from carethread.scheduling.waitlist.offers import is_offer, withdrawn

MINUTE = 60_000_000
DEFAULT_MINUTES, MOST_MINUTES = 5, 60
TOTAL_MINUTES = 120
"""So long something is held at most, however often that is renewed."""


def hold_end(unit: WriteUnit, minutes: int = DEFAULT_MINUTES) -> int:
    """The moment when a hold of so many minutes from now is over, in microseconds. Raises Invalid for too many."""
    if not 1 <= minutes <= MOST_MINUTES:
        raise Invalid(f"A hold is for 1 to {MOST_MINUTES} minutes.", code="value", expression="duration")
    return _now(unit) + minutes * MINUTE


def hold(unit: WriteUnit, wish: Wish, until: int, id_: str = "") -> Stored:
    """Hold a new Appointment, or one that is proposed, waiting, or held already. Nothing is stored yet.

    Raises Conflict or Invalid with all that is in the way, NotFound for an id that is not here.
    """
    if id_:
        before = standing(unit, id_)
        if before["status"] == "booked" or is_asked(before):
            text = "The EHR is to confirm it." if is_asked(before) else "It is booked already."
            raise Invalid(text, code="business-rule", expression="Appointment.status")
        since = _since(unit, before, until)
        refuse_others(unit, wish, before)
        made, _ = drafted(unit, wish, before, id_)
        return put(unit, held(remembered(made, before), since, until), id_, new=False)
    if stored := repeated(unit, wish):
        return stored
    id_ = begun(unit, wish)
    made, _ = drafted(unit, wish, None, id_)
    return put(unit, held(made, _now(unit), until), id_, new=True)


def renew(unit: WriteUnit, id_: str, until: int) -> Stored:
    """Hold longer what is held. Raises Invalid for what is not, or would be held for too long in all."""
    before = _held(unit, id_)
    since = _since(unit, before, until)
    made, _ = drafted(unit, Wish(), before, id_)
    return put(unit, held(made, since, until), id_, new=False)


def _since(unit: WriteUnit, before: Resource, until: int) -> int:
    """Since when it is held. Raises Invalid for an offer, whose deadline is its own, and for too long a hold."""
    if is_offer(before):
        text = "It is an offer of the wait-list, which waits for an answer until its deadline; $book or $release it."
        raise Invalid(text, code="business-rule", expression="Appointment.status")
    since = held_since(before) or _now(unit)
    if until > since + TOTAL_MINUTES * MINUTE:
        text = f"A hold is for {TOTAL_MINUTES} minutes in all, and ends {instant(since + TOTAL_MINUTES * MINUTE)}."
        raise Invalid(text, code="business-rule", expression="duration")
    return since


def held_since(before: Resource) -> int:
    """Since when something is held, in microseconds; 0 where it is not."""
    return moment(extension(before, HELD_SINCE).get("valueInstant")) if is_hold(before) else 0


def _now(unit: WriteUnit) -> int:
    return to_micros(unit.context.clock())


def release(unit: WriteUnit, id_: str) -> Stored:
    """Give up a hold, so that others can have its slots; an offer of the wait-list is refused by it. What was held of
    those who wait waits again.

    What is cancelled already, or waits, stays as it is. Raises Invalid for what is not a hold.
    """
    if standing(unit, id_)["status"] in ("cancelled", "proposed", "waitlist"):
        return kept(unit, id_)
    before = _held(unit, id_)
    if is_offer(before):
        return put(unit, withdrawn(before, refused=True), id_, new=False)
    if waiting := returned(unit.session, before):
        return put(unit, waiting, id_, new=False)
    return put(unit, given_up(before, {"text": "The hold was released."}), id_, new=False)


def _held(unit: WriteUnit, id_: str) -> Resource:
    before = standing(unit, id_)
    if not is_hold(before):
        raise Invalid(
            f"It is {before['status']} and not held; $hold it first, or $cancel it.",
            code="business-rule",
            expression="Appointment.status",
        )
    return before
