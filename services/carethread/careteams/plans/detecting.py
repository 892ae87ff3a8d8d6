"""Conflicts are looked for whenever a plan, a goal or a team of a person is stored, or somebody's time as lead is over.

Whatever was written, all of the person is looked at, while nobody else looks at the same person: so the order in which
plans arrive does not matter, and what stands is always what `conflicts` says of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from carethread.careteams.plans.conflicts import (
    EACH_OTHER,
    GOALS,
    SAME,
    SEVERITY,
    STOP,
    TWO,
    Conflict,
    conflicts,
    next_change,
)
from carethread.careteams.plans.issues import Finding, issues_of, say
from carethread.careteams.teams.people import person
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.ports import FOREVER, Resource, Session, Timer
from carethread.core.service import Runtime, StoredHook
from carethread.interactions.writing.unit import WriteUnit

TIMER = "plan-conflicts"
"""The kind of timer by which a person's plans are looked at when a lead changes; its key is the Patient's id."""

MOST = 500
"""Plans, goals and teams of one person that are looked at, of each."""

NAMED = 50
"""Of what a conflict is about, so many are named; the words say how many there are."""

_SAID = {
    SAME: "The same activity is in {} plans",
    STOP: "One plan has an activity that another says not to do",
    GOALS: "{} goals cannot all be reached",
    EACH_OTHER: "Each of these teams says that the other leads",
    TWO: "These teams are led by different people, and none says that another leads",
}


def conflicts_of(type_name: str) -> StoredHook:
    """The hook of a type whose resources can be at odds."""

    def stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
        look(runtime, session, patients_of(session, type_name, ids, runtime.base_url), context)

    return stored


def patients_of(session: Session, type_name: str, ids: Sequence[str], base_url: str) -> set[str]:
    """The patients (`Patient/1`) whom what was just stored is about, or was before."""
    found: set[str] = set()
    for stored in session.current([(type_name, id_) for id_ in ids]).values():
        earlier = session.version((type_name, stored.id), stored.version - 1) if stored.version > 1 else None
        for one in (stored, earlier):
            if one is not None and not one.deleted:
                keys = keys_at(json.restore(one.body), "subject", base_url)
                found |= {f"Patient/{id_}" for kind, id_ in keys if kind == "Patient"}
    return found


def look(runtime: Runtime, session: Session, patients: Iterable[str], context: Context) -> None:
    """Look at all plans of the people, and say what is at odds now."""
    base_url, now = runtime.base_url, to_micros(context.clock())
    people = sorted({person(session, each, base_url) for each in patients})
    if not people:
        return
    session.lock(f"plans {each}" for each in people)
    unit = WriteUnit(runtime, session, context)
    for each in people:
        plans, goals, teams = (_of(session, kind, each, base_url) for kind in ("CarePlan", "Goal", "CareTeam"))
        found = conflicts(plans, goals, teams, now, base_url)
        known = issues_of(session, each, SEVERITY, base_url=base_url)
        say(unit, each, {one.id(each): _finding(one) for one in found}, known)
        due = next_change(teams, now, base_url)
        if due < FOREVER and not context.backfill:
            session.timers.set(TIMER, each.removeprefix("Patient/"), due)
    unit.store()


def _of(session: Session, type_name: str, patient: str, base_url: str) -> list[Resource]:
    found = session.search(parse_query(type_name, [("patient", patient)], base=base_url), MOST).matches
    return [json.parse_object(one.body) for one in found]


def _finding(conflict: Conflict) -> Finding:
    code = f": {conflict.key.removeprefix('|')}" if conflict.key else ""
    said = _SAID[conflict.kind].format(len(conflict.about))
    return Finding(conflict.kind, SEVERITY[conflict.kind], conflict.about[:NAMED], f"{said}{code}.")


def leads_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Look again at a person's plans, for somebody begins or ceases to lead."""
    look(runtime, session, [f"Patient/{timer.key}"], context)
