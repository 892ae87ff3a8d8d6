"""What follows when Appointments leave slots: the slots are offered, and an offer that ended is noted as such."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Occupied, Resource, Session
from carethread.core.ports.offers import Outcome
from carethread.scheduling.rules import is_asked
from carethread.scheduling.waitlist.entries import DECLINED
from carethread.scheduling.waitlist.offers import is_offer

OFFER_TIMER = "offer"
"""The kind of timer that has slots offered. Its key is the Appointment that left them, or the first of the slots; its
payload names them all, for what one visit left is offered as one."""

_OUTCOMES: Mapping[str, Outcome] = {"booked": "accepted", "waitlist": "silent"}
"""What became of an offer, by the status that the entry has now; any other is `withdrawn`. What is asked of an EHR was
accepted, too."""


def left_behind(
    session: Session,
    left: Sequence[Occupied],
    rows: Sequence[Occupied],
    now_stand: Mapping[str, Resource | None],
    context: Context,
) -> None:
    """`left` is what the Appointments `now_stand` took before, `rows` what they take now."""
    now = to_micros(context.clock())
    still = {(row.appointment, row.actor) for row in rows}
    freed: dict[str, set[str]] = {}
    for row in left:
        slot = row.actor.removeprefix("Slot/")
        if slot == row.actor:
            continue
        stands = (row.appointment, row.actor) in still
        if row.until and not (stands and is_offer(now_stand[row.appointment])):
            session.offers.settle(row.appointment, _outcome(now_stand[row.appointment], slot), now)
        if row.begin > now and not stands and not context.backfill:
            freed.setdefault(row.appointment, set()).add(slot)
    for appointment, slots in freed.items():
        offer_soon(session, f"Appointment/{appointment}", slots, now)


def offer_soon(session: Session, key: str, slots: Iterable[str], due: int) -> None:
    """Have slots offered together, as soon as it is due (microseconds)."""
    session.timers.set(OFFER_TIMER, key, due, json.render(sorted(slots)))


def _outcome(appointment: Resource | None, slot: str) -> Outcome:
    status = appointment["status"] if appointment else ""
    outcome = "accepted" if appointment and is_asked(appointment) else _OUTCOMES.get(status, "withdrawn")
    return "refused" if outcome == "silent" and appointment and _declined(appointment, slot) else outcome


def _declined(appointment: Resource, slot: str) -> bool:
    refusals = (each for each in appointment.get("extension", ()) if each.get("url") == DECLINED)
    return any(each.get("valueReference", {}).get("reference", "").endswith(f"Slot/{slot}") for each in refusals)
