"""Who leaves has no step of a need in hand any more: it goes back to who answers for the person, and begins anew.

That is somebody who works here no more, and who is on the team no more by which they had it: that of the person, or of
the department. The copies and teams tell it as they are stored; a timer then goes through the Tasks, some at a time.
Where it is somebody outside who was asked for help, who answers for the person is told at once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from carethread.careteams.history import no_history
from carethread.careteams.needs.asking import give, given_back
from carethread.careteams.needs.need import needs_of
from carethread.careteams.needs.shapes import REFERRAL, STAFF, UNANSWERED, code
from carethread.careteams.relief.leaving import with_roles
from carethread.careteams.tasks import OPEN, TASKS
from carethread.careteams.teams.answering import leading
from carethread.careteams.teams.people import behind, can_answer, members, persons
from carethread.careteams.teams.reading import Member, is_ours, members_of, of_department, ref
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import extension
from carethread.core.fhir.search import parse_query
from carethread.core.ports import FOREVER, Resource, Session, Stored, Timer
from carethread.core.service import PROFILES, Runtime
from carethread.interactions.writing.unit import WriteUnit

LEFT = "need-owner-left"
"""The kind of timer that looks at what somebody has in hand; its key is who (`Practitioner/1`), and after a blank whose
team (`Patient/1`, `Organization/1`) they have left, where they have not left altogether."""

_STAFF = ("Practitioner/", "PractitionerRole/")
_AT_ONCE = 50


def teams_left(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """What follows from CareTeams on which somebody is no more, or until a moment."""
    now, base = to_micros(context.clock()), runtime.base_url
    judged = no_history(session, "CareTeam", ids, context, is_ours)
    for stored in session.current([("CareTeam", id_) for id_ in judged]).values():
        before = session.version(("CareTeam", stored.id), stored.version - 1) if stored.version > 1 else None
        was, is_ = _team(before), _team(stored)
        whose = _whose(is_ or was, base)
        on_it = {each.ref: each for each in members_of(is_, base)} if is_ and is_["status"] == "active" else {}
        for member in {each.ref for each in members_of(was, base)} | on_it.keys() if whose else ():
            due = _ends(on_it.get(member), now)
            if member.startswith(_STAFF) and due < FOREVER:
                session.timers.set(LEFT, f"{member} {whose}", due)


def _team(stored: Stored | None) -> Resource:
    """A team as it was stored; empty where it was none of ours."""
    found = json.parse_object(stored.body) if stored and not stored.deleted else {}
    return found if found and is_ours(found) else {}


def _whose(team: Resource, base: str) -> str:
    if not team:
        return ""
    return ref(team, "managingOrganization" if of_department(team) else "subject", base, "Organization", "Patient")


def _ends(member: Member | None, now: int) -> int:
    return max(member.end, now) if member else now


def owner_left(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Give back what somebody has in hand who has left; the next Tasks have a timer of their own."""
    base, now = runtime.base_url, to_micros(context.clock())
    member, _, whose = timer.key.partition(" ")
    asked = [
        ("owner", ",".join(with_roles(session, member, base))),
        ("code", ",".join(f"{TASKS}|{each}" for each in (*STAFF, REFERRAL))),
        ("status", ",".join(OPEN)),
    ]
    page = session.search(replace(parse_query("Task", asked, base=base), cursor=timer.payload.decode()), _AT_ONCE)
    unit = WriteUnit(runtime, session, context)
    ids = [each.id for each in page.matches]
    unit.load([("Task", id_) for id_ in ids])
    needs = needs_of(session, [f"Task/{id_}" for id_ in ids])
    for id_ in ids:
        path, task = f"Task/{id_}", unit.find(("Task", id_))
        need = needs.get(path)
        if task is None or need is None or task["status"] not in OPEN or _has_it(session, task, whose, now, base):
            continue
        if code(task) == REFERRAL:
            give(unit, need, UNANSWERED, f"{path}/left", source=path, why="Who was asked works there no more.")
        else:
            unit.update(given_back(unit, task))
    unit.store()
    if page.next:
        session.timers.set(LEFT, timer.key, timer.due, page.next.encode())


def _has_it(session: Session, task: Resource, whose: str, now: int, base: str) -> bool:
    """Whether a Task stays with its owner."""
    owner, patient = ref(task, "owner", base), ref(task, "for", base)
    if not can_answer(session, owner, now, base):
        return False
    department = ref(dict(extension(task, PROFILES + "department")), "valueReference", base)
    if not whose or code(task) == REFERRAL or whose not in (*persons(session, patient, base), department):
        return True
    who = behind(session, owner, now, base) or owner
    return who in _on(session, [leading(session, patient, now, base), department], now, base)


def _on(session: Session, teams: Collection[str], now: int, base: str) -> set[str]:
    """Who is on teams (`CareTeam/1`), or on those of departments (`Organization/1`)."""
    found = [each.ref for team in teams if team for each in members(session, team, now, base)]
    return {behind(session, each, now, base) or each for each in found}
