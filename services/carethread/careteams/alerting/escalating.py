"""Silence has the next called: when who is called has had their time and nobody has said that they see to it, the Task
goes on to who comes after them, at night too, and from the last to the first again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from carethread.careteams.alerting.call import called, calling, due, is_call, is_open, of_department, standing
from carethread.careteams.alerting.chain import next_of
from carethread.careteams.alerting.following import TIMER
from carethread.core.context import Context
from carethread.core.ports import Resource, Session, Timer
from carethread.core.service import Runtime, TimersHandler
from carethread.interactions.writing.unit import WriteUnit

log = logging.getLogger(__name__)


def calls_due(runtime: Runtime, session: Session, timers: Sequence[Timer], context: Context) -> None:
    """Call the next for each that is still open; one that somebody has answered first is left as it is."""
    unit = WriteUnit(runtime, session, context)
    ids = sorted({timer.key for timer in timers})
    unit.load([("Task", id_) for id_ in ids])
    for id_ in ids:
        task = unit.find(("Task", id_))
        if task is not None and is_call(task) and is_open(task) and due(task) <= unit.now:
            unit.update(_next(unit, task, id_))
    unit.store()


def _next(unit: WriteUnit, task: Resource, id_: str) -> Resource:
    now, base = unit.now, unit.base_url
    found = next_of(unit.session, task, called(task, base), now, base)
    log.warning("critical_answer_unacknowledged", extra={"task": id_, "somebody": bool(found.whom)})
    return standing(calling(of_department(task, found.of), found.owner, now), base)


TIMERS: Mapping[str, TimersHandler] = {TIMER: calls_due}
