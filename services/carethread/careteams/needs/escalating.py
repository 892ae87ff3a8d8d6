"""Silence goes on to somebody else: what a member of the care team does not do in time, to who comes after them, again
and again; what who was asked for help does not answer, or bring to an end, to who answers for the person.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from carethread.careteams.needs.asking import give, passed_on
from carethread.careteams.needs.following import DUE, alarm_id, awaited
from carethread.careteams.needs.need import needs_of
from carethread.careteams.needs.shapes import REFERRAL, UNANSWERED, code
from carethread.careteams.teams.people import can_answer
from carethread.careteams.teams.reading import ref
from carethread.core.context import Context
from carethread.core.moments import DAY
from carethread.core.ports import Resource, Session, Timer
from carethread.core.service import Runtime
from carethread.interactions.writing.unit import WriteUnit

log = logging.getLogger(__name__)

_UNANSWERED = ("requested", "received")


def needs_due(runtime: Runtime, session: Session, timers: Sequence[Timer], context: Context) -> None:
    """Give what is still open to the next; what was done first leaves nothing to do."""
    unit = WriteUnit(runtime, session, context)
    ids = sorted({timer.key for timer in timers})
    unit.load([("Task", id_) for id_ in ids])
    needs = needs_of(session, [f"Task/{id_}" for id_ in ids])
    for id_ in ids:
        task, need = unit.find(("Task", id_)), needs.get(f"Task/{id_}")
        if task is None or need is None or awaited(task) > unit.now:
            continue
        if code(task) == REFERRAL:
            awaits = "answer" if task["status"] in _UNANSWERED else "result"
            give(unit, need, UNANSWERED, alarm_id(id_, awaits), source=f"Task/{id_}")
            log.warning("need_referral_overdue", extra={"task": id_, "awaits": awaits})
        elif task["status"] in _UNANSWERED or not _is_there(unit, task):
            unit.update(passed_on(unit, task))
        else:  # somebody is at it
            session.timers.set(DUE, id_, unit.now + DAY)
    unit.store()


def _is_there(unit: WriteUnit, task: Resource) -> bool:
    """Whether whoever is at it works here."""
    return bool(can_answer(unit.session, ref(task, "owner", unit.base_url), unit.now, unit.base_url))
