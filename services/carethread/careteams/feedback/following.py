"""What follows from feedback once it is stored: a timer until somebody has taken it, one until it is answered, one for
the next look at its department's themes; and that the person was told, or was not, as the message to them says.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.feedback.escalating import close_by, take_by
from carethread.careteams.feedback.proving import is_telling
from carethread.careteams.feedback.rule import OPEN, OVER, is_answered, is_told
from carethread.careteams.feedback.terms import (
    ANSWER,
    CLOSING,
    CODE,
    DEPARTMENT,
    NOT_TOLD,
    REVIEWING,
    TAKING,
    TOLD,
    is_of,
    outputs,
    state_of,
    terms_of,
    with_output,
    with_state,
)
from carethread.careteams.history import no_history
from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir.elements import extension, keys_at
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.standing import here, present
from carethread.interactions.writing.unit import WriteUnit

_FAILED = ("not-done", "stopped", "entered-in-error")
"""Statuses of a Communication by which nobody was told."""


def feedback_follows(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Wait for somebody to take what was just stored, and to answer it, and look at the themes of its department.

    A timer is not cancelled when that is done: when it is due, it finds nothing to do.
    """
    found = present(session, [("Task", id_) for id_ in ids])
    tasks = {id_: task for (_, id_), task in found.items() if is_of(task, ANSWER, CODE)}
    if not tasks:
        return
    judged = [tasks[id_] for id_ in no_history(session, "Task", sorted(tasks), context, is_answered)]
    waited = [task for task in judged if is_answered(task)]
    session.timers.set_all(TAKING, {each["id"]: take_by(each) for each in waited if each["status"] in OPEN})
    session.timers.set_all(CLOSING, {each["id"]: close_by(each) for each in waited if each["status"] not in OVER})
    if context.backfill:
        return
    now = to_micros(context.clock())
    of = {ref(dict(extension(each, DEPARTMENT)), "valueReference", runtime.base_url) for each in tasks.values()} - {""}
    due = {each: now + terms_of(here(session, key_of(each))).review for each in of}
    session.timers.set_all(REVIEWING, due, sooner=True)


def person_told(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """End feedback whose message has reached the person; of that whose message has not, say that they were not told,
    also where it turns out later."""
    found = present(session, [("Communication", id_) for id_ in ids])
    about = {
        id_: [key for key in keys_at(each, "basedOn", runtime.base_url) if key[0] == "Task"]
        for (_, id_), each in found.items()
        if each["status"] == "completed" or each["status"] in _FAILED
    }
    unit = WriteUnit(runtime, session, context)
    unit.load({key for keys in about.values() for key in keys})
    for id_, keys in about.items():
        message = found["Communication", id_]
        for task in filter(None, map(unit.find, keys)):
            if not (is_answered(task) and _awaits(task, id_, runtime.base_url) and is_telling(session, id_, task)):
                continue
            if task["status"] not in OVER and is_told(unit, message, task):
                unit.update(_ended(task, unit.now))
            elif message["status"] in _FAILED and (task["status"] not in OVER or state_of(task) == TOLD):
                unit.update(_untold(task))
    unit.store()


def _awaits(task: Resource, id_: str, base: str) -> bool:
    return any(ref(each, "valueReference", base) == f"Communication/{id_}" for each in outputs(task, TOLD))


def _ended(task: Resource, now: int) -> Resource:
    period = {"start": instant(now), **task.get("executionPeriod", {}), "end": instant(now)}
    return with_state({**task, "status": "completed", "executionPeriod": period}, TOLD)


def _untold(task: Resource) -> Resource:
    period = {name: value for name, value in task.get("executionPeriod", {}).items() if name != "end"}
    rest = {name: value for name, value in task.items() if name != "executionPeriod"}
    made = {**rest, "status": "in-progress", **({"executionPeriod": period} if period else {})}
    return with_state(with_output(made, TOLD), NOT_TOLD)
