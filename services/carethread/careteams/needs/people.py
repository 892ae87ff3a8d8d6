"""Needs of those who were merged, and of those who are cared for no more.

Of two who are one person, one need of a category stays open, the older one. What nobody has confirmed of the other
goes, and its evidence is that of the one that stays; what somebody has, is theirs to judge. Who are two again have each
what was told of them.
Who has died, is inactive or deleted is offered nothing any more, and nobody is asked for help for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carethread.careteams.handing.fitness import is_gone, why_gone
from carethread.careteams.needs.asking import give, settle, tasks_of
from carethread.careteams.needs.judged import is_confirmed, withdraw
from carethread.careteams.needs.need import Need, answered, link, links, of_person, open_of, unlink
from carethread.careteams.needs.proposing import OBSERVATION, responses_of, retold
from carethread.careteams.needs.shapes import REFERRAL, REVIEW, STAFF
from carethread.careteams.needs.told import categories
from carethread.careteams.relief.merging import MERGED as SEEN_TO
from carethread.careteams.teams.people import persons
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.search.merges import survivor
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Session, Timer
from carethread.core.service import Runtime, TimerHandler
from carethread.interactions.standing import here
from carethread.interactions.writing.unit import WriteUnit

MERGED, GONE = "needs-merged", "needs-gone"
"""Kinds of timers; their key is the person (`Patient/1`)."""

_HISTORY = b"history"
"""What the timer carries where history tells of the merge."""

_TWICE = "The person was merged with another, who has the same need."


def patient_followed(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have the needs seen to of whoever was merged, is so no longer, or is gone."""
    now, base = to_micros(context.clock()), runtime.base_url
    merged = session.claimed(SEEN_TO, [f"Patient/{id_}" for id_ in ids])
    for stored in session.current([("Patient", id_) for id_ in ids]).values():
        path = f"Patient/{stored.id}"
        if is_gone(stored, base):
            session.timers.set(GONE, path, now)
        elif path in merged or survivor(json.parse_object(stored.body), base):
            session.timers.set(MERGED, path, now, _HISTORY if context.backfill else b"")


def merged_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Have whoever was merged, or is so no longer, have one need of each category."""
    context = Context(context.principal, clock=context.clock, backfill=timer.payload == _HISTORY)
    base = runtime.base_url
    whose = persons(session, timer.key, base)
    session.lock([f"needs {each}" for each in sorted(whose)])
    unit = WriteUnit(runtime, session, context)
    for category in categories():
        found = sorted(open_of(session, timer.key, category, base), key=lambda each: _age(unit, each))
        for other in found[1:]:
            _joined(unit, found[0], other)
    unit.store()
    retold(runtime, session, whose, context)


def _age(unit: WriteUnit, need: Need) -> tuple[str, str]:
    return next((task["authoredOn"] for task in tasks_of(unit, need)), ""), need.id


def _joined(unit: WriteUnit, first: Need, other: Need) -> None:
    session = unit.session
    if is_confirmed(unit, other):
        if not unit.context.backfill:
            give(unit, other, REVIEW, first.path, source=first.path, why=_TWICE)
        return
    evidence = links(session, other, OBSERVATION)
    unlink(session, other, *evidence)
    link(session, first, *evidence)
    for path in evidence:
        answered(session, first, responses_of(here(session, key_of(path)) or {}, unit.base_url))
    withdraw(unit, other, _TWICE, first.path)


def gone_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Have nobody do anything more about the needs of somebody who is gone."""
    base = runtime.base_url
    why = why_gone(session, timer.key, base)
    if not why:
        return
    unit = WriteUnit(runtime, session, context)
    for need in sorted(of_person(session, timer.key, categories(), base), key=lambda each: each.path):
        settle(unit, need, f"The person is {why}.", *STAFF, REFERRAL, status="cancelled")
    unit.store()


TIMERS: Mapping[str, TimerHandler] = {MERGED: merged_due, GONE: gone_due}
