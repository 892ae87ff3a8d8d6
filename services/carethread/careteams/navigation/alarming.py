"""What a lead has to see: contact with somebody at high risk is overdue, in vain, or not wanted.

There is one alarm for each person, an open Task `outreach-failed` that says why; it is done with once the person was
reached. Whoever leads decides; a person without a lead is the department's.
"""

from __future__ import annotations

import logging

from carethread.careteams.contact import known, why_no_contact
from carethread.careteams.daytime import by_day, zone_of
from carethread.careteams.navigation.joining import around, decider
from carethread.careteams.navigation.navigators import reference
from carethread.careteams.navigation.shapes import task
from carethread.careteams.navigation.stopping import stop
from carethread.careteams.navigation.terms import ALARM, DECIDE, FAILED, OUTCOMES, OUTREACH, concept, is_coded
from carethread.careteams.navigation.turn import Turn, begin
from carethread.careteams.tasks import OPEN, TASKS
from carethread.careteams.teams.people import person
from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Resource, Session, Timer
from carethread.core.service import Runtime

log = logging.getLogger(__name__)

OVERDUE = "outreach"
"""The kind of timer that tells that a contact is due; its key is the Task's id."""


def due_of(outreach: Resource) -> int:
    """When a Task is due, in microseconds; 0 where it does not say."""
    end = outreach.get("restriction", {}).get("period", {}).get("end")
    span = date_range(end) if isinstance(end, str) else None
    return span[0] if span and "T" in str(end) else span[1] if span else 0


def is_open_outreach(resource: Resource | None) -> bool:
    """Whether a Task is one of outreach that somebody has to do."""
    return bool(resource and resource.get("status") in OPEN and is_coded(resource.get("code"), TASKS, OUTREACH))


def alarm(turn: Turn, patient: str, why: str, focus: str) -> str:
    """Tell whoever leads, once; returns the Task."""
    reason = concept(OUTCOMES, why)
    there = turn.open_task(ALARM, patient)
    if there:
        changed = {**there, "reasonCode": reason, "focus": {"reference": focus}, "lastModified": turn.said}
        if there.get("reasonCode") != reason:
            turn.unit.update(changed)
        return f"Task/{there['id']}"
    owner = decider(turn, around(turn, patient))
    due = instant(by_day(turn.now + DECIDE, zone_of(turn.session, owner, turn.base_url)))
    made = task(turn.new_id(), FAILED, patient, turn.said, priority="urgent", owner=owner, focus=focus, due=due)
    log.warning("outreach_alarm", extra={"task": made["id"], "reason": why})
    return turn.put(ALARM, patient, {**made, "reasonCode": reason})


def outreach_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Mark a contact as overdue that nobody has tried, and tell whoever leads."""
    turn = begin(runtime, session, context)
    outreach = turn.unit.find(("Task", timer.key))
    if outreach is None or not is_open_outreach(outreach):
        return
    due = due_of(outreach)
    if due > turn.now:
        session.timers.set(OVERDUE, timer.key, due)
        return
    patient = person(session, reference(outreach, "for", "Patient", turn.base_url), turn.base_url)
    if why := why_no_contact(known(session, patient), turn.base_url):
        stop(turn, patient, why)
        left = turn.unit.find(("Task", timer.key))
        if left and is_open_outreach(left):  # one that somebody has made besides ours
            turn.unit.update({**left, "status": "cancelled"})
    elif not is_coded(outreach.get("businessStatus"), OUTCOMES, "overdue"):
        turn.unit.update({**outreach, "businessStatus": concept(OUTCOMES, "overdue", "Overdue")})
        alarm(turn, patient, "overdue", f"Task/{timer.key}")
    turn.unit.store()
