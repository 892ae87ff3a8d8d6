"""Who has died, become inactive or was deleted is handed over no more: what was offered about them is withdrawn, and
says why.

The copy of the Patient tells it as it is kept; a timer then goes through what is open, some in each transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from carethread.careteams.handing.fitness import is_gone, why_gone
from carethread.careteams.handing.rule import HANDING
from carethread.careteams.handing.states import ANSWERED_BY, BY_SERVICE, STATUS_OF, dated, is_ours, marked, state_of
from carethread.careteams.teams.awaiting import have_seen_to
from carethread.careteams.teams.people import persons
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir.elements import with_extensions
from carethread.core.fhir.search import parse_query
from carethread.core.ports import Resource, Session, Timer
from carethread.core.service import Runtime, TimerHandler
from carethread.interactions.writing.unit import WriteUnit

CEASED = "hand-off-ceased"
"""The kind of timer that withdraws what is open about somebody; its key is who that is (`Patient/1`)."""

_AT_ONCE = 20
_SERVICE = {"valueReference": BY_SERVICE}


def patient_gone(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have withdrawn what was offered about those who are cared for no more."""
    for stored in session.current([("Patient", id_) for id_ in ids]).values():
        if is_gone(stored, runtime.base_url):
            session.timers.set(CEASED, f"Patient/{stored.id}", to_micros(context.clock()))


def ceased(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Withdraw what nobody has answered; the next of it has a timer of its own."""
    base = runtime.base_url
    why = why_gone(session, timer.key, base)
    if not why:
        return
    whose = ",".join(persons(session, timer.key, base))
    query = parse_query("Task", [("patient", whose), ("status", "requested,received")], base=base)
    page = session.search(replace(query, cursor=timer.payload.decode()), _AT_ONCE)
    unit = WriteUnit(runtime, session, context)
    ids = sorted(stored.id for stored in page.matches)
    unit.load([("Task", id_) for id_ in ids])
    for id_ in ids:
        task = unit.find(("Task", id_))
        if task is not None and is_ours(task) and state_of(task) == "offered":
            unit.update(dated(task, _withdrawn(task, why), unit.now))
            session.release(HANDING, f"Task/{id_}")
    unit.store()
    have_seen_to(session, timer.key, "", timer.due)
    if page.next:
        session.timers.set(CEASED, timer.key, timer.due, page.next.encode())


def _withdrawn(task: Resource, why: str) -> Resource:
    over = {**task, "status": STATUS_OF["withdrawn"], "statusReason": {"text": f"The person is {why}."}}
    return marked(with_extensions(over, {ANSWERED_BY: _SERVICE}))


TIMERS: Mapping[str, TimerHandler] = {CEASED: ceased}
