"""A slot that is given up is offered again only where its Schedule still wants it.

Else, on a day of absence, say, it is withdrawn in the very transaction that gives it up, so that nobody gets it; what
the Schedule wants in its place is made next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Session
from carethread.core.ports.calendar import FOREVER
from carethread.core.service import Runtime
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.availability.expanding import horizon_end, slot_id, slots
from carethread.scheduling.availability.remaking import TIMER, making_template

_SLOT = "Slot/"


def withdraw_unwanted(runtime: Runtime, session: Session, left: Collection[str], context: Context) -> None:
    """Delete those of the slots just left (`Slot/1`; other actors are passed over) that do not fit any more.

    Who left them is out of the calendar.
    """
    ids = [actor.removeprefix(_SLOT) for actor in left if actor.startswith(_SLOT)]
    found = dict(_unwanted(session, ids, to_micros(context.clock()))) if ids else {}
    if found:
        unit = WriteUnit(runtime, session, context)
        for id_ in found:
            unit.remove(("Slot", id_))
        unit.store()
        for schedule in sorted(set(found.values())):
            session.timers.set(TIMER, schedule, to_micros(context.clock()))


def _unwanted(session: Session, ids: Collection[str], now: int) -> Iterator[tuple[str, str]]:
    """Each slot that is free, with nobody in it, that a template has made and none wants; and its Schedule."""
    for (_, id_), stored in sorted(session.current([("Slot", id_) for id_ in ids]).items()):
        slot = {} if stored.deleted else json.restore(stored.body)
        schedule = next((key[1] for key in keys_at(slot, "schedule") if key[0] == "Schedule"), "")
        begin, end = moment(slot.get("start")), moment(slot.get("end"))
        if slot.get("status") != "free" or begin <= now or id_ != slot_id(schedule, begin):
            continue
        template = making_template(session.current([("Schedule", schedule)]).get(("Schedule", schedule)))
        wanted = slots(template, schedule, begin, min(begin + 1, horizon_end(template, now))) if template else []
        fits = any((each.id, each.end) == (id_, end) for each in wanted)
        if not fits and not session.calendar.busy([_SLOT + id_], 0, FOREVER):
            yield id_, schedule
