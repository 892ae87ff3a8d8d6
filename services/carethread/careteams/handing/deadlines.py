"""Deadlines of hand-offs: silence leads to the next in the chain, and where that ends, to an alarm.

A deadline is taken together with those that are due with it (`Service.timers_together`). What it finds decides: an
answer that came first leaves it nothing to do, and who answers later finds what it has made of the Task.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from carethread.careteams.handing.alarms import OVERDUE, UNANSWERED, alarm, department_of
from carethread.careteams.handing.offering import department_between
from carethread.careteams.handing.replaying import mentions
from carethread.careteams.handing.rule import HANDING
from carethread.careteams.handing.saying import gone_on
from carethread.careteams.handing.states import (
    dated,
    deadline,
    is_moving,
    is_ours,
    marked,
    marks_of,
    result_by,
    state_of,
)
from carethread.careteams.handing.terms import next_due
from carethread.careteams.teams.people import behind, department_team, escalation
from carethread.careteams.teams.reading import lead_at, ref
from carethread.careteams.teams.recalling import recalling
from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.ports import Entry, Resource, Session, Timer
from carethread.core.service import Runtime
from carethread.interactions.writing.unit import WriteUnit

log = logging.getLogger(__name__)

MOST_ASKED = 20
"""People who are asked about one hand-off, whatever the chains say."""


@dataclass(slots=True)
class _Known:
    """What is looked up once for all that is due together."""

    session: Session
    base: str
    now: int
    chains: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    leads: dict[str, str] = field(default_factory=dict)

    def chain(self, receiver: str, department: str) -> list[str]:
        asked = receiver, department
        if asked not in self.chains:
            self.chains[asked] = escalation(self.session, receiver, department, self.now, self.base)
        return self.chains[asked]

    def person(self, member: str) -> str:
        if member not in self.people:
            self.people[member] = behind(self.session, member, self.now, self.base) or member
        return self.people[member]

    def lead(self, department: str) -> str:
        """Who leads a department; empty where nobody does."""
        if department not in self.leads:
            lead = lead_at(department_team(self.session, department)[1], self.now, self.base)
            self.leads[department] = lead.ref if lead else ""
        return self.leads[department]

    def department(self, task: Resource) -> str:
        if named := department_of(task, self.base):
            return named
        receiver, patient = ref(task, "owner", self.base), ref(task, "for", self.base)
        return department_between(self.session, receiver, patient, self.now, self.base)


def answers_due(runtime: Runtime, session: Session, timers: Sequence[Timer], context: Context) -> None:
    """Ask the next in the chain about offers that nobody has answered in time, or let them expire with an alarm."""
    unit = WriteUnit(runtime, session, context)
    now = unit.now
    known = _Known(recalling(session), runtime.base_url, now)
    due = [(id_, task) for id_, task in _there(unit, timers) if state_of(task) == "offered" and deadline(task) <= now]
    entries: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in session.ledger.of([f"Task/{id_}" for id_, _ in due]):
        entries[entry.about].append(entry)
    for id_, task in due:
        asked = mentions(entries[f"Task/{id_}"]) or [ref(task, "owner", runtime.base_url)]
        following = _next(known, task, asked)
        if following:
            unit.update(_escalated(gone_on(session, task, following, now, runtime.base_url), following, now))
        else:
            _expire(unit, known, task, id_)
    unit.store()


def results_due(runtime: Runtime, session: Session, timers: Sequence[Timer], context: Context) -> None:
    """Tell those who wait for results that did not come in time."""
    unit = WriteUnit(runtime, session, context)
    now = unit.now
    for id_, task in _there(unit, timers):
        waits = state_of(task) == "accepted" and 0 < result_by(task) <= now
        if waits and "overdue" not in marks_of(task):
            unit.update(marked(task, "overdue"))
            alarm(unit, task, id_, OVERDUE, ref(task, "requester", runtime.base_url), now)
    unit.store()


def _there(unit: WriteUnit, timers: Iterable[Timer]) -> list[tuple[str, Resource]]:
    """The hand-offs that timers are about, locked in order."""
    ids = sorted({timer.key for timer in timers})
    unit.load([("Task", id_) for id_ in ids])
    found = [(id_, unit.find(("Task", id_))) for id_ in ids]
    return [(id_, task) for id_, task in found if task is not None and is_ours(task)]


def _next(known: _Known, task: Resource, asked: Sequence[str]) -> str:
    """Who is asked next: the first in the first receiver's chain who was not, and is not who hands over."""
    if len(asked) >= MOST_ASKED:
        return ""
    passed_over = {known.person(each) for each in (*asked, ref(task, "requester", known.base))}
    chain = known.chain(asked[0], known.department(task))
    return next((each for each in chain if known.person(each) not in passed_over), "")


def _escalated(task: Resource, following: str, now: int) -> Resource:
    until = next_due(task.get("priority", "routine"), now)
    restriction = task.get("restriction", {})
    period = {**restriction.get("period", {}), "end": instant(until)}
    made = {**task, "owner": {"reference": following}, "restriction": {**restriction, "period": period}}
    return marked({**made, "status": "requested"}, "escalated")


def _expire(unit: WriteUnit, known: _Known, task: Resource, id_: str) -> None:
    """Nobody is left to ask: who hands over goes on, and is told; so is who leads the department."""
    over = {**task, "status": "failed", "statusReason": {"text": "Nobody who was asked has answered in time."}}
    unit.update(dated(task, marked(over, "expired", "overdue"), known.now))
    if is_moving(task):
        unit.session.release(HANDING, f"Task/{id_}")
    sender, lead = ref(task, "requester", known.base), known.lead(known.department(task))
    for owner in dict.fromkeys(each for each in (sender, lead) if each):
        alarm(unit, task, id_, UNANSWERED, owner, known.now)
    log.warning("hand_off_expired", extra={"task": id_})
