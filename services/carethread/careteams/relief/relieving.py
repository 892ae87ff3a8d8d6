"""Nobody answers beyond their time: at the end of a lead's shift, and when a lead has left, somebody else takes over.

That is who is on call in the team's department, else who leads that, else the same of the departments above; with an
alarm. Where nobody is left, nobody answers, which the register and the alarm say. A timer for each team announces the
next moment at which it may come to that; who leads then, and who takes over, is looked at then.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from carethread.careteams.handing.passed import note_passed
from carethread.careteams.history import no_history
from carethread.careteams.teams.alarming import lower, raise_alarm
from carethread.careteams.teams.awaiting import have_seen_to
from carethread.careteams.teams.knowing import LAG, unknown
from carethread.careteams.teams.passing import LEAD_CHANGED, passed
from carethread.careteams.teams.people import has_left, relief
from carethread.careteams.teams.reading import is_ours, lead_at, leads_of, ref, team_span
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.ports import FOREVER, Resource, Session, Timer
from carethread.core.service import Runtime
from carethread.interactions.standing import present
from carethread.interactions.writing.unit import WriteUnit

log = logging.getLogger(__name__)

LEAD_TIMER = "lead"
"""The kind of timer by which it is looked who leads a team; its key is the team's id."""


def watch(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have it looked, when it may come to that, who leads the teams that were just stored; of those of history, what
    was over then stays as it is told."""
    now, judged = to_micros(context.clock()), no_history(session, "CareTeam", ids, context, is_ours)
    for (_, id_), team in sorted(present(session, [("CareTeam", id_) for id_ in ids]).items()):
        moments = _moments(team, now, runtime.base_url) if is_ours(team) else ()
        due = min((each for each in moments if each > now or id_ in judged), default=FOREVER)
        lead = lead_at(team, now, runtime.base_url) if is_ours(team) and id_ in judged else None
        if lead and unknown(session, [lead.ref]):
            due = min(due, now + LAG)
        if due < FOREVER:
            session.timers.set(LEAD_TIMER, id_, due)
        if lead:
            lower(runtime, session, f"CareTeam/{id_}", now, context)


def _moments(team: Resource, now: int, base: str) -> Iterator[int]:
    """When a lead's time is over, when another begins, who may have left by then, and when the team is over."""
    for lead in leads_of(team, base):
        if lead.stands(now) and lead.until <= now:
            yield now
        yield from (each for each in (lead.begin, lead.until) if now < each < lead.end)
    if now < (end := team_span(team)[1]) and team.get("status") == "active":
        yield end


def lead_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """See whether a team's lead goes on, or somebody has to take over."""
    unit = WriteUnit(runtime, session, context)
    if not relieve(unit, timer.key):
        watch(runtime, session, [timer.key], context)
        _over(unit, timer.key)
    unit.store()


def _over(unit: WriteUnit, id_: str) -> None:
    """Have seen to the person of a team whose period is over."""
    team = unit.find(("CareTeam", id_))
    if team is None or not is_ours(team) or team.get("status") != "active":
        return
    if team_span(team)[1] <= unit.now and (patient := ref(team, "subject", unit.base_url, "Patient")):
        have_seen_to(unit.session, patient, id_, unit.now)


def relieve(unit: WriteUnit, id_: str) -> bool:
    """Have somebody take over a team, if its lead's time is over or they have left; whether it came to that."""
    session, base, now = unit.session, unit.base_url, to_micros(unit.context.clock())
    team = unit.find(("CareTeam", id_))
    lead = lead_at(team, now, base) if is_ours(team) else None
    if team is None or lead is None:
        return False
    why = "shift-over" if lead.until <= now else _why_gone(unit, id_, lead.ref, now)
    if why:
        department = f"Organization/{known}" if (known := unit.department(("CareTeam", id_))) else ""
        member, cause = relief(session, department, now, base)
        unit.update(passed(team, member, now, cause, base), LEAD_CHANGED)
        patient = ref(team, "subject", base, "Patient")
        raise_alarm(unit, f"CareTeam/{id_}", patient, department, member, why, cause, now)
        if patient:
            note_passed(unit, f"CareTeam/{id_}", patient, lead.ref, member, now, why)
        log.warning("accountability_passed", extra={"team": id_, "why": why, "to": cause or "nobody"})
    return bool(why)


def _why_gone(unit: WriteUnit, id_: str, member: str, now: int) -> str:
    """Why a lead of a team cannot go on: they have `left`, or are `unknown` though a copy has had its time."""
    if has_left(unit.session, member, now, unit.base_url):
        return "left"
    stored = unit.stored(("CareTeam", id_))
    late = stored is not None and stored.updated + LAG <= now
    return "unknown" if late and unknown(unit.session, [member]) else ""
