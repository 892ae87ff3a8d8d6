"""Who may answer a hand-off: who was asked, whoever is on a team or in a department that was asked, at this moment."""

from __future__ import annotations

from collections.abc import Collection

from carethread.careteams.teams.people import behind, members
from carethread.careteams.teams.reading import ref
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Session
from carethread.interactions.standing import here

PEOPLE = ("Practitioner", "PractitionerRole")
GROUPS = ("CareTeam", "Organization")


def is_person(reference: str) -> bool:
    return reference.startswith(tuple(f"{each}/" for each in PEOPLE))


def same(session: Session, one: str, other: str, at: int, base: str | None = None) -> bool:
    """Whether two references are one person, in whichever role; of two that are not known here, nobody can tell."""
    if one == other:
        return bool(one)
    who = behind(session, one, at, base) if is_person(one) and is_person(other) else ""
    return bool(who) and who == behind(session, other, at, base)


def may_answer(session: Session, who: str, asked: Collection[str], at: int, base: str | None = None) -> bool:
    """Whether somebody is one of those who were asked, or on a team or in a department of theirs."""
    if any(same(session, who, each, at, base) for each in asked):
        return True
    if any(group.startswith("Organization/") and group == _works_in(session, who, base) for group in asked):
        return True
    return any(
        same(session, who, member.ref, at, base)
        for group in asked
        if not is_person(group)
        for member in members(session, group, at, base)
    )


def _works_in(session: Session, who: str, base: str | None) -> str:
    """The Organization (`Organization/1`) of a role; empty for others."""
    role = here(session, key_of(who)) if who.startswith("PractitionerRole/") else None
    return ref(role, "organization", base, "Organization") if role else ""
