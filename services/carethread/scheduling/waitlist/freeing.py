"""What follows when Appointments leave slots: the slots are offered, and an offer that ended is noted as such."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.ports import Occupied, Resource, Session
from carethread.core.ports.offers import Outcome
from carethread.scheduling.waitlist.entries import DECLINED

OFFER_TIMER = "offer"
"""The kind of timer that has a slot offered; its key is the slot's id."""

_OUTCOMES: Mapping[str, Outcome] = {"booked": "accepted", "waitlist": "silent"}
"""What became of an offer, by the status that the entry has now; any other is `withdrawn`."""


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
    for row in left:
        slot = row.actor.removeprefix("Slot/")
        if slot == row.actor:
            continue
        if row.until:
            session.offers.settle(row.appointment, _outcome(now_stand[row.appointment], slot), now)
        if row.begin > now and (row.appointment, row.actor) not in still and not context.backfill:
            session.timers.set(OFFER_TIMER, slot, now)


def _outcome(appointment: Resource | None, slot: str) -> Outcome:
    outcome = _OUTCOMES.get(appointment["status"], "withdrawn") if appointment else "withdrawn"
    return "refused" if outcome == "silent" and appointment and _declined(appointment, slot) else outcome


def _declined(appointment: Resource, slot: str) -> bool:
    refusals = (each for each in appointment.get("extension", ()) if each.get("url") == DECLINED)
    return any(each.get("valueReference", {}).get("reference", "").endswith(f"Slot/{slot}") for each in refusals)
