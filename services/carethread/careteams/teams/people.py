"""Who is meant: the person behind a member, who is on call in a department, and who comes next when nobody answers.

All is told from this service's own resources and copies. Chains end where they come back to where they were, and after
`DEEPEST` steps. `base` is the URL under which references are local.
"""

from __future__ import annotations

from collections.abc import Iterator

from carethread.careteams.teams.reading import (
    ESCALATES,
    LEAD,
    ON_CALL,
    Member,
    in_role,
    lead_at,
    members_of,
    ref,
)
from carethread.careteams.teams.working import away
from carethread.core.fhir import json
from carethread.core.fhir.elements import extension
from carethread.core.fhir.search.merges import PATIENT, survivor
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Session
from carethread.interactions.standing import here, present

DEPARTMENT_TEAM = "department-team"
"""The kind of the places by which a department (`Organization/1`) has one team (`CareTeam/1`)."""

DEEPEST = 16


def person(session: Session, patient: str, base: str | None = None) -> str:
    """The Patient to use in place of one who was merged, as far as is known here; else the same."""
    return persons(session, patient, base)[0]


def persons(session: Session, patient: str, base: str | None = None) -> list[str]:
    """All Patients who are one person, the one to use first."""
    id_ = key_of(patient)[1]
    kin = session.kin([id_])
    if len(kin) < 2:
        return [patient]
    known = present(session, [(PATIENT, each) for each in kin])
    into, seen = id_, {id_}
    while (further := survivor(known.get((PATIENT, into)), base)) and further not in seen:
        seen.add(further)
        into = further
    return [f"{PATIENT}/{into}", *(f"{PATIENT}/{each}" for each in sorted(kin) if each != into)]


def department_team(session: Session, department: str) -> tuple[str, Resource | None]:
    """The team of a department (`Organization/1`), and what it is; empty and None where there is none."""
    team = session.claimed(DEPARTMENT_TEAM, [department]).get(department, "")
    return (team, here(session, key_of(team))) if team else ("", None)


def named(session: Session, member: str, at: int, base: str | None = None) -> str:
    """The person, or the role of a person, that a member stands for at a moment; empty where that is nobody."""
    return _followed(session, member, at, base)[-1]


def behind(session: Session, member: str, at: int, base: str | None = None) -> str:
    """The Practitioner (or whoever else it is) that a member is at a moment; empty where that is nobody."""
    found = named(session, member, at, base)
    if not found.startswith("PractitionerRole/"):
        return found
    role = here(session, key_of(found))
    return ref(role, "practitioner", base) if role else ""


def _followed(session: Session, member: str, at: int, base: str | None) -> list[str]:
    """From a member to the one whom it stands for; the last is empty where that is nobody."""
    chain = [member]
    while chain[-1].startswith(("CareTeam/", "Organization/")) and len(chain) < DEEPEST:
        kind = key_of(chain[-1])[0]
        team = department_team(session, chain[-1])[1] if kind == "Organization" else here(session, key_of(chain[-1]))
        on_duty = [each.ref for each in in_role(team, ON_CALL, base) if each.stands(at)] if kind != "CareTeam" else []
        lead = lead_at(team, at, base)
        further = on_duty[0] if on_duty else lead.ref if lead else ""
        chain.append("" if further in chain else further)
    return chain if not chain[-1].startswith(("CareTeam/", "Organization/")) else [*chain, ""]


def has_left(session: Session, member: str, at: int, base: str | None = None) -> bool:
    """Whether a member is known not to work here at a moment; who is not known is not known to have left."""
    stored = session.current([key_of(member)]).get(key_of(member)) if member else None
    if stored is None or stored.deleted:
        return stored is not None
    found = json.restore(stored.body)
    if away(found, at):
        return True
    return stored.type == "PractitionerRole" and has_left(session, ref(found, "practitioner", base), at, base)


def can_answer(session: Session, member: str, at: int, base: str | None = None) -> str:
    """The person, or the role of a person, that a member stands for at a moment, if they work here; else empty."""
    if not member or has_left(session, member, at, base):
        return ""
    found = named(session, member, at, base)
    return found if found == member or not has_left(session, found, at, base) else ""


def on_call(session: Session, department: str, at: int, base: str | None = None) -> str:
    """The person who is on call for a department (`Organization/1`) at a moment, else its lead, else empty."""
    team = department_team(session, department)[1]
    return next((each for each, _ in _on_duty(session, team, at, base)), "")


def _on_duty(session: Session, team: Resource | None, at: int, base: str | None) -> Iterator[tuple[str, str]]:
    """Who answers for a department, by its team, and in which role: those on call as they are listed, then the lead."""
    lead = lead_at(team, at, base)
    standing = [(each.ref, ON_CALL) for each in in_role(team, ON_CALL, base) if each.stands(at)]
    for member, code in [*standing, *([(lead.ref, LEAD)] if lead else [])]:
        if found := can_answer(session, member, at, base):
            yield found, code


def relief(session: Session, department: str, at: int, base: str | None = None) -> tuple[str, str]:
    """Who takes over in a department where nobody answers, and as what: `on-call`, `accountable` where that is its
    lead, `escalated` where it is somebody of a department above; empty where there is nobody."""
    team = department_team(session, department)[1] if department else None
    here_first = next(_on_duty(session, team, at, base), None)
    if here_first:
        return here_first
    above = escalation(session, "", department, at, base) if department else []
    return (above[0], "escalated") if above else ("", "")


def escalation(session: Session, receiver: str, department: str, at: int, base: str | None = None) -> list[str]:
    """Whom to call after a receiver who does not answer, each once and in order: the receiver's backup and that one's,
    as the department's team names them, who is on call there, its lead, and the same of the departments above."""
    found: dict[str, None] = {}
    _, team = department_team(session, department) if department else ("", None)
    for member in _backups(session, team, receiver, at, base):
        if each := can_answer(session, member, at, base):
            found[each] = None
    seen: set[str] = set()
    while team is not None and len(seen) < DEEPEST:
        found.update(dict.fromkeys(each for each, _ in _on_duty(session, team, at, base)))
        up = ref(dict(extension(team, ESCALATES)), "valueReference", base, "CareTeam")
        if not up or up in seen:
            break
        seen.add(up)
        team = here(session, key_of(up))
    found.pop(receiver, None)
    return list(found)


def _backups(session: Session, team: Resource | None, receiver: str, at: int, base: str | None) -> Iterator[str]:
    """A member's backup in a team, that one's backup, and so on."""
    by_ref: dict[str, str] = {}
    for each in members_of(team, base) if team else ():
        if each.backup and each.stands(at):
            by_ref.setdefault(each.ref, each.backup)
    seen = {receiver}
    while (further := by_ref.get(receiver, "")) and further not in seen and len(seen) < DEEPEST:
        seen.add(further)
        yield further
        receiver = further


def members(session: Session, of: str, at: int, base: str | None = None) -> list[Member]:
    """Who is on a team (`CareTeam/1`), or on the team of a department (`Organization/1`), at a moment."""
    team = department_team(session, of)[1] if of.startswith("Organization/") else here(session, key_of(of))
    return [each for each in members_of(team, base) if each.stands(at)] if team else []
