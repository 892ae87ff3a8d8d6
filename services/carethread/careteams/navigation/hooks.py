"""What follows once a Task is stored: one of outreach has a timer for the moment by which it is due.

Where the contact that is planned with somebody is closed by a plain write, they are looked at, so that nobody is lost.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.navigation.alarming import OVERDUE, due_of, is_open_outreach
from carethread.careteams.navigation.attending import ATTEND
from carethread.careteams.navigation.terms import CONTACT, OUTREACH, is_coded
from carethread.careteams.tasks import TASKS
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Session
from carethread.core.service import Runtime


def outreach_stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have somebody told when a contact is overdue, or closed without an attempt; of imported history nobody is."""
    if context.backfill:
        return
    for stored in session.current([("Task", id_) for id_ in ids]).values():
        task = None if stored.deleted else json.parse_object(stored.body)
        if task and is_open_outreach(task) and (due := due_of(task)):
            session.timers.set(OVERDUE, stored.id, due)
        elif stored.version > 1 and (task is None or is_coded(task.get("code"), TASKS, OUTREACH)):
            session.timers.cancel(OVERDUE, stored.id)
            for patient in session.places(CONTACT, f"Task/{stored.id}"):
                session.timers.set(ATTEND, patient.removeprefix("Patient/"), to_micros(context.clock()))
