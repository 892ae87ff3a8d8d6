"""Silence has the next asked: when whoever has feedback has had their time and has not taken it, it goes on to who
comes after them. And what is not answered in time says so.

Feedback is no emergency: it goes on by day, where the department is.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from carethread.careteams.daytime import by_day, zone_of
from carethread.careteams.feedback.asking import begun, with_overdue, with_time
from carethread.careteams.feedback.rule import OPEN, OVER, is_answered
from carethread.careteams.feedback.terms import CLOSING, DEPARTMENT, OVERDUE, TAKE_BY, TAKING
from carethread.careteams.teams.reading import begins, ends, ref
from carethread.core.context import Context
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource, Session, Timer
from carethread.core.service import Runtime, TimersHandler
from carethread.interactions.writing.unit import WriteUnit

log = logging.getLogger(__name__)


def take_by(task: Resource) -> int:
    """Until when whoever has it takes it, in microseconds."""
    return begins(extension(task, TAKE_BY).get("valueInstant"))


def close_by(task: Resource) -> int:
    """Until when it is to be answered, in microseconds."""
    return ends(task.get("restriction", {}).get("period", {}).get("end"))


def taking_due(runtime: Runtime, session: Session, timers: Sequence[Timer], context: Context) -> None:
    """Have the next asked for each that nobody has taken; one that somebody has taken first is left as it is."""
    unit = WriteUnit(runtime, session, context)
    for id_, task in _known(unit, timers).items():
        if task["status"] in OPEN and take_by(task) <= unit.now:
            log.warning("feedback_not_taken", extra={"task": id_})
            made = begun(unit, task, ref(task, "owner", unit.base_url))
            of = ref(dict(extension(made, DEPARTMENT)), "valueReference", unit.base_url)
            unit.update(with_time(made, by_day(take_by(made), zone_of(session, of, unit.base_url))))
    unit.store()


def closing_due(runtime: Runtime, session: Session, timers: Sequence[Timer], context: Context) -> None:
    """Say of each that is open still that its time is over."""
    unit = WriteUnit(runtime, session, context)
    for task in _known(unit, timers).values():
        if task["status"] not in OVER and close_by(task) <= unit.now and OVERDUE not in task["meta"].get("tag", ()):
            unit.update(with_overdue(task))
    unit.store()


def _known(unit: WriteUnit, timers: Sequence[Timer]) -> dict[str, Resource]:
    ids = sorted({timer.key for timer in timers})
    unit.load([("Task", id_) for id_ in ids])
    found = {id_: unit.find(("Task", id_)) for id_ in ids}
    return {id_: task for id_, task in found.items() if task is not None and is_answered(task)}


TIMERS: Mapping[str, TimersHandler] = {TAKING: taking_due, CLOSING: closing_due}
