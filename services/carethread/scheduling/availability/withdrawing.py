"""A slot that is given up is offered again only where its Schedule still wants it.

Else, on a day of absence, say, it is withdrawn in the very transaction that gives it up, so that nobody gets it; what
the Schedule wants in its place is made next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Opening, Session
from carethread.core.service import Runtime
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.availability.expanding import horizon_end, slot_id, slots
from carethread.scheduling.availability.remaking import TIMER, making_template


def withdraw_unwanted(runtime: Runtime, session: Session, stored: Iterable[Opening], context: Context) -> None:
    """Delete those of the slots just stored that were given up with that and do not fit any more."""
    now = to_micros(context.clock())
    free = [
        slot
        for slot in stored
        if slot.status == "free" and slot.begin > now and slot.slot == slot_id(slot.schedule, slot.begin)
    ]
    for schedule, some in groupby(
        sorted(free, key=lambda slot: (slot.schedule, slot.begin)), lambda slot: slot.schedule
    ):
        if unwanted := _given_up(session, _unfit(session, schedule, list(some), now)):
            unit = WriteUnit(runtime, session, context)
            for slot in unwanted:
                unit.remove(("Slot", slot.slot))
            unit.store()
            session.timers.set(TIMER, schedule, now)


def _unfit(session: Session, schedule: str, some: Sequence[Opening], now: int) -> list[Opening]:
    template = making_template(session.current([("Schedule", schedule)]).get(("Schedule", schedule)))
    if template is None:
        return list(some)
    before = min(some[-1].begin + 1, horizon_end(template, now))
    wanted = {(each.id, each.end) for each in slots(template, schedule, some[0].begin, before)}
    return [slot for slot in some if (slot.slot, slot.end) not in wanted]


def _given_up(session: Session, unfit: Sequence[Opening]) -> list[Opening]:
    """Those that were not free before; of a group somebody may still be in it, which the next comparison finds out."""
    return [slot for slot in unfit if slot.capacity == 1 and _was(session, slot) not in ("", "free")]


def _was(session: Session, slot: Opening) -> str:
    """The status of a slot before its newest version; empty where there was none."""
    newest = session.current([("Slot", slot.slot)])["Slot", slot.slot]
    before = session.version(("Slot", slot.slot), newest.version - 1)
    return str(json.restore(before.body)["status"]) if before and not before.deleted else ""
