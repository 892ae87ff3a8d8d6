"""What a huddle has decided, until it is done: its date is watched, and once it is past the team's lead is told.

The lead is told by a Task `overdue-decision` about the decision, which is settled as soon as the decision is done, or
has a later date.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.meeting.concerns import due, is_decision
from carethread.careteams.tasks import OPEN, asked, refer
from carethread.careteams.teams.reading import lead_at
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import FOREVER, Resource, Session, Timer
from carethread.core.service import Runtime
from carethread.interactions.operations.once import derived
from carethread.interactions.standing import here, present
from carethread.interactions.writing.unit import WriteUnit

DECISION_TIMER = "decision"
"""The kind of timer; its key is the Task's id."""

_ALARM = "overdue-decision"


def decision_stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Watch the dates of decisions, and settle what was told of those that are not late any more."""
    found = present(session, [("Task", id_) for id_ in ids])
    now = to_micros(context.clock())
    for id_ in ids:
        task = found.get(("Task", id_))
        if task is None or not is_decision(task):
            continue
        late = due(task)
        if task["status"] in OPEN and now < late < FOREVER and not context.backfill:
            session.timers.set(DECISION_TIMER, id_, late)
        elif task["status"] not in OPEN or late > now:
            session.timers.cancel(DECISION_TIMER, id_)
        if task["status"] not in OPEN or late > now:
            _settle(runtime, session, id_, context)


def decision_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Tell the lead of a decision that is past its date and not done."""
    task = here(session, ("Task", timer.key))
    if task is None or not is_decision(task) or task["status"] not in OPEN:
        return
    if due(task) > to_micros(context.clock()):
        session.timers.set(DECISION_TIMER, timer.key, due(task))
        return
    unit = WriteUnit(runtime, session, context)
    alarm = unit.find(("Task", _alarm_id(timer.key)))
    if alarm is None or alarm["status"] not in OPEN:
        unit.update(_alarm(task, timer.key, _lead(runtime, session, task, context), context))
        unit.store()


def _alarm_id(id_: str) -> str:
    return derived("Task", f"{id_}/overdue")


def _alarm(task: Resource, id_: str, lead: str, context: Context) -> Resource:
    return asked(
        _alarm_id(id_),
        _ALARM,
        instant(to_micros(context.clock())),
        text="A decision of a huddle is past its date",
        basedOn=task.get("basedOn"),
        focus=refer(f"Task/{id_}"),
        owner=refer(lead),
        whom=task.get("for"),
    )


def _lead(runtime: Runtime, session: Session, task: Resource, context: Context) -> str:
    """Who leads the team whose huddle it was; who has decided, where nobody does."""
    minutes = present(session, keys_at(task, "basedOn", runtime.base_url))
    teams = {
        key
        for (kind, _), one in minutes.items()
        for key in keys_at(one, "recipient", runtime.base_url)
        if kind == "Communication" and key[0] == "CareTeam"
    }
    now = to_micros(context.clock())
    leads = (lead_at(team, now, runtime.base_url) for _, team in sorted(present(session, teams).items()))
    return next((lead.ref for lead in leads if lead), "") or str(task.get("requester", {}).get("reference", ""))


def _settle(runtime: Runtime, session: Session, id_: str, context: Context) -> None:
    if here(session, ("Task", _alarm_id(id_))) is None:
        return
    unit = WriteUnit(runtime, session, context)
    alarm = unit.find(("Task", _alarm_id(id_)))
    if alarm is not None and alarm["status"] in OPEN:
        unit.update({**alarm, "status": "completed"})
        unit.store()
