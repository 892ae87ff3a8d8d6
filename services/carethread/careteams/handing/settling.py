"""Alarms about hand-offs are over by themselves when their cause is gone.

A late result has come, or never will; one of two hand-offs of one person is open no more; somebody else has accepted
what nobody had answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carethread.careteams.handing.alarms import OVERDUE, SECOND, UNANSWERED, alarm_id
from carethread.careteams.handing.states import is_moving, is_ours, kind_of, state_of
from carethread.careteams.searching import every
from carethread.careteams.tasks import OPEN, TASKS, over
from carethread.careteams.teams.people import persons
from carethread.careteams.teams.reading import ref
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.standing import any_merged, present
from carethread.interactions.writing.unit import WriteUnit

_WHY = {
    OVERDUE: "The hand-off is over: its result has come, or will not.",
    SECOND: "One of both is open no more.",
    UNANSWERED: "Another hand-off of the person was accepted.",
}


def alarms_settled(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """End the alarms whose cause is gone by what these Tasks say now."""
    base = runtime.base_url
    tasks = {id_: task for (_, id_), task in present(session, [("Task", id_) for id_ in ids]).items() if is_ours(task)}
    late = [
        ("Task", alarm_id(id_, OVERDUE, ref(task, "requester", base)))
        for id_, task in tasks.items()
        if state_of(task) in ("returned", "failed")
    ]
    found = [(OVERDUE, task) for task in present(session, late).values()] if late else []
    answered = [task for task in tasks.values() if state_of(task) not in ("draft", "offered")]
    merged = _merged(session, answered, base)
    for task in answered:
        if is_moving(task) and ref(task, "for", base) in merged:
            found += [(SECOND, each) for each in _alarms(session, task, SECOND, base)]
        if state_of(task) == "accepted":
            found += [(UNANSWERED, each) for each in _unanswered(session, task, base)]
    unit = WriteUnit(runtime, session, context)
    for code, task in found:
        if task.get("status") in OPEN:
            unit.update(over(task, _WHY[code]))
    unit.store()


def _merged(session: Session, tasks: Sequence[Resource], base: str) -> set[str]:
    """Those whom the Tasks are for, if any of them is known by several ids."""
    people = {ref(task, "for", base) for task in tasks}
    ids = {key_of(each)[1] for each in people if each}
    return people if any_merged(session, ids) else set()


def _unanswered(session: Session, task: Resource, base: str) -> Iterator[Resource]:
    """The alarms that nobody had answered another hand-off of the person, by which the same was asked."""
    alarms = list(_alarms(session, task, UNANSWERED, base))
    offers = present(session, {key_of(ref(each, "focus", base)) for each in alarms}) if alarms else {}
    for each in alarms:
        offer = offers.get(key_of(ref(each, "focus", base)), {})
        if kind_of(offer) == kind_of(task) or (is_moving(offer) and is_moving(task)):
            yield each


def _alarms(session: Session, task: Resource, code: str, base: str) -> Iterator[Resource]:
    """The open alarms of a kind about the person whom a hand-off is for."""
    whose = ",".join(key_of(each)[1] for each in persons(session, ref(task, "for", base), base))
    asked = [("patient", whose), ("code", f"{TASKS}|{code}"), ("status", ",".join(OPEN))]
    for stored in every(session, "Task", asked, base):
        yield json.parse_object(stored.body)
