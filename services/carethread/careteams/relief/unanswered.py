"""Nobody is left in silence: who needs somebody, and has nobody who answers, or none any more, has an alarm.

It is over by itself as soon as somebody answers for the person, or they need nobody any more. Who needs somebody:
`handing.needs`. It is looked at by a timer, when all that was written together is stored.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.relief.settling import is_cared_for, is_told, needs_somebody, settle
from carethread.careteams.teams.alarming import is_raised, lower, raise_alarm
from carethread.careteams.teams.awaiting import have_seen_to
from carethread.careteams.teams.knowing import answering
from carethread.careteams.teams.people import on_call, person, persons
from carethread.careteams.teams.reading import is_ours, of_department, ref, team_span
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Session, Stored, Timer
from carethread.core.service import Runtime
from carethread.interactions.writing.unit import WriteUnit


def team_over(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have those looked at whom teams leave that end, are deleted or change, and of whom there is an alarm."""
    base, now = runtime.base_url, to_micros(context.clock())
    for stored in session.current([("CareTeam", id_) for id_ in ids]).values():
        before = session.version((stored.type, stored.id), stored.version - 1) if stored.version > 1 else None
        was, is_ = _whose(before, base, now), _whose(stored, base, now)
        left = [was] if was and was != is_ else []
        told = [is_] if is_ and is_raised(session, person(session, is_, base)) else []
        for patient in (*left, *told):
            have_seen_to(session, patient, stored.id, now)


def unanswered_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Raise the alarm about who needs somebody and has nobody, or end it where somebody answers."""
    base, now, said = runtime.base_url, to_micros(context.clock()), timer.payload.decode()
    patient = person(session, timer.key, base)
    need = said if "/" in said else ""
    team = "" if need else said
    cause = key_of(need) if need else ("CareTeam", team)
    stored = session.current([cause]).get(cause)
    answers = answering(session, patient, now, base)
    if answers or not needs_somebody(session, patient, now, base):
        for each in persons(session, patient, base):
            lower(runtime, session, each, now, context)
        if answers and team and not _whose(stored, base, now):
            lower(runtime, session, f"CareTeam/{team}", now, context)
        settle(runtime, session, [patient], context)
    elif (
        not is_raised(session, patient)
        and not (need and is_told(session, patient, base))
        and (team or is_cared_for(session, patient, now, base))
    ):
        unit = WriteUnit(runtime, session, context)
        department = f"Organization/{stored.department}" if stored and stored.department else ""
        if need:
            asks = on_call(session, department, now, base) if department else ""
            who = "asked" if asks else "alone"
            raise_alarm(unit, patient, patient, department, "", "needed", who, now, about=patient, asks=asks)
        else:
            about, why = (f"CareTeam/{team}", "ended") if team else (patient, "parted")
            raise_alarm(unit, about, patient, department, "", why, "unled", now, about=patient)
        unit.store()


def _whose(stored: Stored | None, base: str, now: int) -> str:
    """For whom (`Patient/1`) a version of a team answers; empty where it answers for nobody, or its period is over."""
    team = None if stored is None or stored.deleted else json.parse_object(stored.body)
    if team is None or not is_ours(team) or of_department(team) or team.get("status") != "active":
        return ""
    if team_span(team)[1] <= now:
        return ""
    return ref(team, "subject", base, "Patient")
