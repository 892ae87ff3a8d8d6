"""Who leaves has no feedback any more: whoever comes next in its chain is asked, at once.

What was resolved already stays so; who comes next sees to it that the person is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from carethread.careteams.feedback.asking import begun
from carethread.careteams.feedback.rule import BUSY as TAKEN
from carethread.careteams.feedback.rule import OPEN, is_answered
from carethread.careteams.feedback.terms import ANSWER, NOT_TOLD, RESOLVED, state_of
from carethread.careteams.relief.leaving import with_roles
from carethread.careteams.tasks import TASKS
from carethread.careteams.teams.people import can_answer
from carethread.careteams.teams.reading import ref
from carethread.core.context import Context
from carethread.core.fhir.search import parse_query
from carethread.core.ports import Resource, Session, Timer
from carethread.core.service import Runtime, TimerHandler
from carethread.interactions.writing.unit import WriteUnit

LEFT = "feedback-owner-left"
"""The kind of timer that looks at the feedback of somebody who has left; its key is who (`Practitioner/1`)."""

_AT_ONCE = 50


def owner_left(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Have others asked for what somebody has who has left; the next Tasks have a timer of their own."""
    base = runtime.base_url
    asked = [
        ("owner", ",".join(with_roles(session, timer.key, base))),
        ("code", f"{TASKS}|{ANSWER}"),
        ("status", ",".join((*OPEN, *TAKEN))),
    ]
    page = session.search(replace(parse_query("Task", asked, base=base), cursor=timer.payload.decode()), _AT_ONCE)
    unit = WriteUnit(runtime, session, context)
    unit.load([("Task", each.id) for each in page.matches])
    for each in page.matches:
        task = unit.find(("Task", each.id))
        if task is None or not is_answered(task) or task["status"] not in (*OPEN, *TAKEN):
            continue
        owner = ref(task, "owner", base)
        if not can_answer(session, owner, unit.now, base):
            unit.update(_passed_on(unit, task, owner))
    unit.store()
    if page.next:
        session.timers.set(LEFT, timer.key, timer.due, page.next.encode())


def _passed_on(unit: WriteUnit, task: Resource, owner: str) -> Resource:
    rest = {name: value for name, value in task.items() if name != "executionPeriod"}
    made = begun(unit, rest, owner)
    return {**task, "owner": made["owner"]} if state_of(task) in (RESOLVED, NOT_TOLD) else made


TIMERS: Mapping[str, TimerHandler] = {LEFT: owner_left}
