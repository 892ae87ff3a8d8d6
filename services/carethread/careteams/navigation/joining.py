"""The people around somebody: their leading team, which the navigator joins, and the department that they belong to.

The lead stays as they are. Whoever has no team has a navigator all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from carethread.careteams.contact import known, organization_of
from carethread.careteams.navigation.navigators import reference
from carethread.careteams.navigation.terms import NAVIGATOR, ROLES, concept, is_coded
from carethread.careteams.navigation.turn import Turn
from carethread.careteams.searching import every
from carethread.careteams.teams.answering import accountable
from carethread.careteams.teams.people import on_call
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource
from carethread.interactions.writing.command import Command


@dataclass(frozen=True, slots=True)
class Around:
    """The leading team of somebody (`CareTeam/1`), who leads it, its members, and the department; empty: none."""

    team: str = ""
    lead: str = ""
    members: frozenset[str] = frozenset()
    department: str = ""


def around(turn: Turn, patient: str) -> Around:
    """Who is around somebody now."""
    answering = accountable(turn.session, patient, turn.now, turn.base_url)
    team = turn.unit.find(key_of(answering.team)) if answering else None
    members = (f"{kind}/{id_}" for kind, id_ in keys_at(team or {}, "participant.member", turn.base_url))
    where = reference(team or {}, "managingOrganization", "Organization", turn.base_url)
    return Around(
        answering.team if answering else "",
        answering.member if answering else "",
        frozenset(members),
        where or organization_of(known(turn.session, patient), turn.base_url),
    )


def decider(turn: Turn, around: Around) -> str:
    """Who decides when something goes wrong: the lead, else who is on call in the department, else the department."""
    if around.lead:
        return around.lead
    on_duty = on_call(turn.session, around.department, turn.now, turn.base_url) if around.department else ""
    return on_duty or around.department


def join(turn: Turn, around: Around, role: str) -> None:
    """Enter the navigator in the leading team, if there is one."""
    team = turn.unit.find(key_of(around.team)) if around.team else None
    if team is None or any(_is_there(each, role, turn.base_url) for each in team.get("participant", ())):
        return
    new = {"role": [concept(ROLES, NAVIGATOR)], "member": {"reference": role}, "period": {"start": turn.said}}
    _write(turn, {**team, "participant": [*team.get("participant", ()), new]})


def leave(turn: Turn, patient: str, role: str) -> None:
    """End the time of somebody's navigator in the teams of that person."""
    for stored in list(every(turn.session, "CareTeam", [("patient", patient), ("participant", role)], turn.base_url)):
        team = turn.unit.find(("CareTeam", stored.id))
        if team is None or not any(_is_there(each, role, turn.base_url) for each in team.get("participant", ())):
            continue
        ended = [
            _ended(each, turn.said) if _is_there(each, role, turn.base_url) else each for each in team["participant"]
        ]
        _write(turn, {**team, "participant": ended})


def _is_there(participant: Resource, role: str, base_url: str) -> bool:
    """Whether a participant is this navigator, and has not left."""
    coded = any(is_coded(each, ROLES, NAVIGATOR) for each in participant.get("role", ()))
    named = reference(participant, "member", "PractitionerRole", base_url) == role
    return coded and named and "end" not in participant.get("period", {})


def _ended(participant: Resource, now: str) -> Resource:
    return {**participant, "period": {**participant.get("period", {}), "end": now}}


def _write(turn: Turn, team: Resource) -> None:
    """A team that its rule refuses for another reason stays as it is: the Tasks say who is the navigator."""
    turn.unit.store()
    turn.unit.attempt(Command("CareTeam", team["id"], team, own=True))
