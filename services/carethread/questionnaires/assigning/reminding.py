"""Reminders of a form that was not answered yet, and its end once its time is over: a timer for each draft.

A reminder has a link of its own, and those of before go on. None comes at night where the person is, nor while they are
at it, nor to who has died meanwhile. What is due is what is left: of reminders that were missed, one is made up for.
"""

from __future__ import annotations

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Session, Stored, Timer
from carethread.core.service import Runtime
from carethread.interactions.writing.unit import WriteUnit
from carethread.questionnaires.assigning.assignment import DAY, Assignment, assignment_of
from carethread.questionnaires.assigning.people import asked_first
from carethread.questionnaires.assigning.sending import department_of, new_link
from carethread.questionnaires.assigning.telling import by_day

TIMER = "assignment"
"""The kind of timer that reminds of a draft, or ends it; its key is the draft's id."""


def watch(session: Session, draft_id: str, said: Assignment, now: int, *, remind: bool = True) -> None:
    """Have somebody reminded of a draft when it is time, and the draft ended."""
    session.timers.set(TIMER, draft_id, next_step(said, now) if remind else said.expires)


def next_step(said: Assignment, now: int) -> int:
    """When something is to happen next: a reminder, or the end."""
    planned = (by_day(said.asked + days * DAY, said.zone) for days in sorted(said.reminders))
    return min(next((each for each in planned if each > now), said.expires), said.expires)


def assignment_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Remind of a draft, or end it; one that is finished is left as it is. Raises AskFirst."""
    unit = WriteUnit(runtime, session, context)
    stored = unit.stored(("QuestionnaireResponse", timer.key))
    draft = json.restore(stored.body) if stored and not stored.deleted else {}
    said = assignment_of(draft)
    if stored is None or said is None or draft["status"] != "in-progress":
        return
    now = unit.now
    if said.expires <= now:
        unit.update({**draft, "status": "stopped"})
        unit.store()
    elif later := _later(stored, said, now):
        session.timers.set(TIMER, timer.key, min(later, said.expires))
    else:
        who = asked_first(runtime, said.recipient, department_of(draft), timer.due)
        if who is None or who.refused:
            session.timers.set(TIMER, timer.key, said.expires)
            return
        new_link(session, draft, said, runtime.base_url, now, context, reminder=True, sender=who.sender)
        watch(session, timer.key, said, now)


def _later(stored: Stored, said: Assignment, now: int) -> int:
    """Until when a reminder waits: for the night to be over, or a day after somebody was at it; 0: it does not."""
    begun = stored.version > 1 and stored.updated + DAY > now
    later = by_day(stored.updated + DAY if begun else now, said.zone)
    return later if later > now else 0
