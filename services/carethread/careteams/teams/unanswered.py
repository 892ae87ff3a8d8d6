"""A team that ends leaves nobody in silence: who needs somebody, and has nobody who answers any more, has an alarm.

It is over by itself as soon as somebody answers for the person again. Who needs somebody: `handing.needs`. It is looked
at by a timer, when all that was written together is stored.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.handing.fitness import why_gone
from carethread.careteams.teams.alarming import is_raised, lower, raise_alarm
from carethread.careteams.teams.answering import accountable
from carethread.careteams.teams.people import person, persons
from carethread.careteams.teams.reading import is_ours, of_department, ref
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Session, Stored, Timer
from carethread.core.service import Runtime
from carethread.interactions.writing.unit import WriteUnit

UNANSWERED = "unanswered"
"""The kind of timer that looks whether somebody answers for a person (`Patient/1`); it carries the team's id."""


def team_over(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have those looked at whom teams leave that end, are deleted or change; of history nobody is told."""
    if context.backfill:
        return
    base, now = runtime.base_url, to_micros(context.clock())
    for stored in session.current([("CareTeam", id_) for id_ in ids]).values():
        before = session.version((stored.type, stored.id), stored.version - 1) if stored.version > 1 else None
        was, is_ = _whose(before, base), _whose(stored, base)
        left = [was] if was and was != is_ else []
        told = [is_] if is_ and is_raised(session, person(session, is_, base)) else []
        for patient in (*left, *told):
            have_seen_to(session, patient, stored.id, now)


def have_seen_to(session: Session, patient: str, team: str, now: int) -> None:
    """Have it looked at whether somebody answers for a person (`Patient/1`), whom a team (its id) leaves."""
    session.timers.set(UNANSWERED, patient, now, team.encode())


def unanswered_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Raise the alarm about who needs somebody and has nobody, or end it where somebody answers."""
    base, now, team = runtime.base_url, to_micros(context.clock()), timer.payload.decode()
    patient = person(session, timer.key, base)
    stored = session.current([("CareTeam", team)]).get(("CareTeam", team))
    if accountable(session, patient, now, base):
        lower(runtime, session, patient, now, context)
        if not _whose(stored, base):
            lower(runtime, session, f"CareTeam/{team}", now, context)
    elif not is_raised(session, patient) and _needs(session, patient, now, base):
        unit = WriteUnit(runtime, session, context)
        department = f"Organization/{stored.department}" if stored and stored.department else ""
        raise_alarm(unit, f"CareTeam/{team}", patient, department, "", "ended", "unled", now, about=patient)
        unit.store()


def _needs(session: Session, patient: str, now: int, base: str) -> bool:
    """Whether a person who is cared for here needs somebody."""
    open_ = session.needs.between(persons(session, patient, base), now, now + 1)
    return bool(open_) and not why_gone(session, patient, base)


def _whose(stored: Stored | None, base: str) -> str:
    """For whom (`Patient/1`) a version of a team answers; empty where it answers for nobody."""
    team = None if stored is None or stored.deleted else json.parse_object(stored.body)
    if team is None or not is_ours(team) or of_department(team) or team.get("status") != "active":
        return ""
    return ref(team, "subject", base, "Patient")
