"""Who has died, is inactive or was deleted is told nothing any more: a message on its way to them is stopped, and
whoever answers the feedback says why they are not told.

The copy of the Patient tells it as it is kept; a timer then sees to the messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carethread.careteams.feedback.rule import is_answered
from carethread.careteams.feedback.terms import UNSENT
from carethread.careteams.handing.fitness import is_gone, why_gone
from carethread.careteams.searching import every
from carethread.careteams.teams.people import persons
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Session, Timer
from carethread.core.service import Runtime, TimerHandler
from carethread.interactions.writing.unit import WriteUnit

STOPPING = "feedback-stop"
"""The kind of timer that stops what is on its way to somebody; its key is who that is (`Patient/1`)."""


def telling_stops(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have messages stopped to those of the Patients who are cared for no more."""
    for stored in session.current([("Patient", id_) for id_ in ids]).values():
        if is_gone(stored, runtime.base_url):
            session.timers.set(STOPPING, f"Patient/{stored.id}", to_micros(context.clock()))


def stopping_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Stop what is on its way to somebody, if they are cared for no more."""
    base = runtime.base_url
    why = why_gone(session, timer.key, base)
    if not why:
        return
    whose = ",".join(persons(session, timer.key, base))
    unit = WriteUnit(runtime, session, context)
    ids = [
        each.id for each in every(session, "Communication", [("patient", whose), ("status", ",".join(UNSENT))], base)
    ]
    unit.load([("Communication", id_) for id_ in ids])
    for id_ in ids:
        told = unit.find(("Communication", id_))
        about = [unit.find(key) for key in keys_at(told or {}, "basedOn", base) if key[0] == "Task"]
        if told is not None and told["status"] in UNSENT and any(map(is_answered, about)):
            unit.update({**told, "status": "stopped", "statusReason": {"text": f"The person is {why}."}})
    unit.store()


TIMERS: Mapping[str, TimerHandler] = {STOPPING: stopping_due}
