"""A Task `take-over` is over by itself when its cause is gone: another leads, somebody answers, or nobody is needed.

Who has come to lead unasked has it as long as they lead; whoever is to find somebody, as long as the person needs one
and has none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from carethread.careteams.handing.fitness import why_gone
from carethread.careteams.handing.states import is_ours as is_hand_off
from carethread.careteams.history import no_history
from carethread.careteams.searching import every
from carethread.careteams.tasks import OPEN, TASKS, over
from carethread.careteams.teams.alarming import TAKE_OVER, lower
from carethread.careteams.teams.knowing import answering
from carethread.careteams.teams.people import persons
from carethread.careteams.teams.reading import is_ours, lead_at, of_department, ref, team_span
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import at
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.standing import here, present
from carethread.interactions.writing.unit import WriteUnit

_TASKS = 100
"""Open Tasks of a person of which one of ours is looked for."""

_WHY = "Who is accountable is settled in another way, or nobody is needed any more."


def teams_settled(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """End the alarms of teams that were just stored, and of those whom they are for, whose cause is gone."""
    base, ids = runtime.base_url, no_history(session, "CareTeam", ids, context, is_ours)
    ours = {
        id_: team for (_, id_), team in present(session, [("CareTeam", id_) for id_ in ids]).items() if is_ours(team)
    }
    people = {ref(team, "subject", base, "Patient") for team in ours.values() if not of_department(team)}
    departments = [f"CareTeam/{id_}" for id_, team in ours.items() if of_department(team)]
    settle(runtime, session, people - {""}, context, departments)


def settle(
    runtime: Runtime, session: Session, people: Iterable[str], context: Context, departments: Collection[str] = ()
) -> None:
    """The same for persons (`Patient/1`), and for departments' own teams (`CareTeam/1`)."""
    base, now = runtime.base_url, to_micros(context.clock())
    whose = {each for patient in people for each in persons(session, patient, base)}
    found = [
        *_alarms(session, "patient", {key_of(each)[1] for each in whose}, base),
        *_alarms(session, "focus", departments, base),
    ]
    unit = WriteUnit(runtime, session, context)
    for task in found:
        if not _stands(session, task, now, base):
            unit.update(over(task, _WHY))
            lower(runtime, session, ref(task, "focus", base), now, context)
    unit.store()


def is_told(session: Session, patient: str, base: str) -> bool:
    """Whether somebody is told already that a person (`Patient/1`) has nobody who answers."""
    return any(_alarms(session, "patient", [key_of(each)[1] for each in persons(session, patient, base)], base))


def _alarms(session: Session, name: str, values: Collection[str], base: str) -> Iterator[Resource]:
    asked = [(name, ",".join(sorted(values))), ("code", f"{TASKS}|{TAKE_OVER}"), ("status", ",".join(OPEN))]
    for stored in every(session, "Task", asked, base) if values else ():
        yield json.parse_object(stored.body)


def _stands(session: Session, task: Resource, now: int, base: str) -> bool:
    """Whether there is somebody to take over still."""
    about, owner, patient = (ref(task, name, base) for name in ("focus", "owner", "for"))
    team = here(session, key_of(about)) if about.startswith("CareTeam/") else None
    lead = lead_at(team, now, base)
    if lead and lead.ref == owner:
        return True
    if not patient:
        return lead is None and (team or {}).get("status") == "active"
    if lead or answering(session, patient, now, base):
        return False
    if team and team.get("status") == "active" and now < team_span(team)[1]:
        return True
    return needs_somebody(session, patient, now, base)


def needs_somebody(session: Session, patient: str, now: int, base: str) -> bool:
    """Whether a person who is cared for here needs somebody."""
    open_ = session.needs.between(persons(session, patient, base), now, now + 1)
    return bool(open_) and not why_gone(session, patient, base)


def is_cared_for(session: Session, patient: str, now: int, base: str) -> bool:
    """Whether a person needs somebody by more than Tasks that others have: these are their owners' to do, so that
    there is no alarm for each person of whom an EHR tells one."""
    open_ = [key_of(each.need) for each in session.needs.between(persons(session, patient, base), now, now + 1)]
    tasks = [key for key in open_ if key[0] == "Task"]
    return len(tasks) < len(open_) or any(_is_of_care_teams(task) for task in present(session, tasks[:_TASKS]).values())


def _is_of_care_teams(task: Resource) -> bool:
    return is_hand_off(task) or TASKS in at(task, "code.coding.system")
