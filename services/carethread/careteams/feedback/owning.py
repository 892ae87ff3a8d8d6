"""Who answers feedback: whoever has the department's role for it, else its lead; then those of the departments above;
then who answers for the person; else the department.

Nobody answers what names them; and where nobody is named, what is about a visit that they were at. That goes by the
person, not by the role in which they are named.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from carethread.careteams.alerting.chain import department as department_of_visit
from carethread.careteams.contact import known, organization_of
from carethread.careteams.handing.states import BY_SERVICE
from carethread.careteams.risk.feedback import RATED
from carethread.careteams.teams.answering import accountable
from carethread.careteams.teams.people import behind, can_answer, department_team
from carethread.careteams.teams.reading import ESCALATES, in_role, lead_at, ref
from carethread.core.fhir.elements import extension, keys_at
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Session
from carethread.interactions.standing import here

FEEDBACK = "feedback"
"""The role on a department's team of who answers feedback (https://carethread.dev/fhir/CodeSystem/care-team-role)."""

_MOST = 20
_DEEPEST = 16
_STAFF = ("Practitioner/", "PractitionerRole/")


def department_of(session: Session, task: Resource, now: int, base: str) -> str:
    """The department (`Organization/1`) that feedback is of: of the response, of the visit, of the team, else where the
    person is registered; empty where nobody knows."""
    if found := department_of_visit(session, task, now, base):
        return found
    patient = ref(task, "for", base, "Patient")
    return organization_of(known(session, patient), base) if patient else ""


def concerned(session: Session, task: Resource, now: int, base: str) -> set[str]:
    """Who cannot answer it: those whom it names, else the staff of the visit, as far as that is known here."""
    marks = [each for each in task.get("extension", ()) if each.get("url") == RATED]
    named = _named({"rated": marks}, "rated.valueReference", base)
    for key in keys_at(task, "encounter", base) if not named else ():
        visit = here(session, key) or {}
        named |= _named(visit, "participant.individual", base)
        for booked in keys_at(visit, "appointment", base):
            named |= _named(here(session, booked) or {}, "participant.actor", base)
    return named | {behind(session, each, now, base) or each for each in named}


def _named(resource: Resource, path: str, base: str) -> set[str]:
    return {f"{kind}/{id_}" for kind, id_ in keys_at(resource, path, base) if f"{kind}/".startswith(_STAFF)}


def is_concerned(session: Session, task: Resource, whom: str, now: int, base: str) -> bool:
    """Whether somebody (`PractitionerRole/1`), in whichever role, cannot answer it."""
    return not {whom, behind(session, whom, now, base) or whom}.isdisjoint(concerned(session, task, now, base))


def chain(session: Session, task: Resource, of: str, now: int, base: str) -> list[str]:
    """Who can answer it, in order, each person once; `of` is the department."""
    gone = concerned(session, task, now, base)
    found: dict[str, str] = {}
    for each in _all(session, task, of, now, base):
        who = behind(session, each, now, base) or each
        if gone.isdisjoint({each, who}):
            found.setdefault(who, each)
        if len(found) == _MOST:
            break
    return list(found.values())


def _all(session: Session, task: Resource, of: str, now: int, base: str) -> Iterator[str]:
    _, team = department_team(session, of) if of else ("", None)
    seen: set[str] = set()
    while team is not None and len(seen) < _DEEPEST:
        lead = lead_at(team, now, base)
        standing = [each.ref for each in in_role(team, FEEDBACK, base) if each.stands(now)]
        for member in [*standing, *([lead.ref] if lead else [])]:
            if found := can_answer(session, member, now, base):
                yield found
        up = ref(dict(extension(team, ESCALATES)), "valueReference", base, "CareTeam")
        if not up or up in seen:
            break
        seen.add(up)
        team = here(session, key_of(up))
    patient = ref(task, "for", base, "Patient")
    answering = accountable(session, patient, now, base) if patient else None
    if answering and (found := can_answer(session, answering.member, now, base)):
        yield found


def owner_of(whom: str, department: str) -> dict[str, Any]:
    """The Reference of who has it: a person, else the department; else the service, which goes on looking."""
    return {"reference": whom or department} if whom or department else dict(BY_SERVICE)


def is_person(task: Resource, base: str) -> bool:
    """Whether somebody has it, and not a department or nobody yet."""
    return bool(ref(task, "owner", base, "Practitioner", "PractitionerRole"))
