"""The rule of a Schedule's write: a template that it carries makes sense, and so do its policies.

It is not deleted while somebody is to come: they would be booked with nobody, and could not be moved.
"""

from __future__ import annotations

from carethread.core.clock import to_micros
from carethread.core.errors import Conflict
from carethread.core.ports import FOREVER, Resource
from carethread.core.service import Ruling, Unit
from carethread.scheduling.availability.reading import template_of
from carethread.scheduling.availability.template import master_of
from carethread.scheduling.policies import refuse_nonsense


def schedule_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Raises Invalid, naming each element of the availability that is wrong, or the policy; Conflict for a delete while
    Appointments are to come, unless an EHR says so."""
    if after is not None:
        template_of(after)
        refuse_nonsense(after)
    elif before and not unit.context.backfill and master_of(before) != "ehr":
        _refuse_booked(unit, id_)
    return Ruling()


def _refuse_booked(unit: Unit, id_: str) -> None:
    now, calendar = to_micros(unit.context.clock()), unit.session.calendar
    slots = [f"Slot/{slot.slot}" for slot in calendar.slots(id_, now, FOREVER)]
    rows = calendar.busy(slots, now, FOREVER) if slots else []
    if coming := {row.appointment for row in rows if row.stands(now)}:
        raise Conflict(
            f"Schedule/{id_} has {len(coming)} Appointments to come; cancel or move them first. With active false it"
            " takes no new ones.",
            expression="Schedule",
        )
