"""Accountability passes from one member to another: the lead's time ends, and another's begins at that moment."""

from __future__ import annotations

from carethread.careteams.teams.answering import leading
from carethread.careteams.teams.reading import CAUSE, LEAD, LEADING, ROLES, UNTIL, is_ours, lead_at, leads_of, team_span
from carethread.core.clock import instant
from carethread.core.errors import Invalid, NotFound
from carethread.core.fhir.elements import extension, with_extensions, without_extensions
from carethread.core.fhir.targets import key_of
from carethread.core.ports import FOREVER, Resource
from carethread.core.service import PROFILES, Unit

DEPARTMENT_OF = PROFILES + "department"
"""Extension of a resource: its department, before what the resource itself names."""

LEAD_CHANGED = "leadchanged"
"""The verb of a CareTeam's event after which somebody else answers."""


def pass_on(unit: Unit, patient: str, team: str, member: str, at: int, cause: str, department: str = "") -> None:
    """Have a member answer for a person (`Patient/1`) from a moment on, as lead of a team of theirs (`CareTeam/1`).

    It is staged in the unit, whose `store` enters it into the register. Whoever leads the team then leads it no more;
    who is planned to lead it later stays so. The team becomes the one that answers for the person. An empty member
    ends the lead's time, and nobody follows. `cause` is a code such as `on-call`, or a reference such as `Task/1`.
    `department` is the one that the team comes to (`Organization/1`), empty: it stays where it is.

    Raises NotFound where there is no such team, Invalid for one that is not ours or not active.
    """
    found = unit.find(key_of(team))
    if found is None:
        raise NotFound(f"{team} is not known here.")
    if not is_ours(found) or found.get("status") != "active":
        raise Invalid(
            f"{team} is not an active CareTeam of the profile care-team, so nobody can be handed over to it.",
            code="business-rule",
            expression="CareTeam.status",
        )
    changed = passed(found, member, at, cause, unit.base_url)
    if department:
        changed = moved(changed, department)
    if patient and leading(unit.session, patient, at, unit.base_url) not in ("", team):
        changed = with_extensions(changed, {LEADING: {"valueInstant": instant(at)}})
    unit.update(changed, LEAD_CHANGED)


def passed(team: Resource, member: str, at: int, cause: str, base: str | None = None) -> Resource:
    """The team with its lead's time ended at a moment and a member's begun."""
    now = lead_at(team, at, base)
    later = min((each.begin for each in leads_of(team, base) if each.begin > at), default=FOREVER)
    participants: list[Resource] = []
    for place, participant in enumerate(team.get("participant", ())):
        participants += _ended(participant, at) if now and place == now.place else [participant]
    if member:
        end = later if later < team_span(team)[1] else FOREVER
        period = {"start": instant(at), **({"end": instant(end)} if end < FOREVER else {})}
        participants.append(
            {
                **({"extension": [{"url": CAUSE, "valueString": cause}]} if cause else {}),
                "role": [{"coding": [{"system": ROLES, "code": LEAD}]}],
                "member": {"reference": member},
                "period": period,
            }
        )
    return {**team, "participant": participants}


def moved(team: Resource, department: str) -> Resource:
    """The team as one of another department (`Organization/1`)."""
    where = {"reference": department}
    changed = {**team, "managingOrganization": [where]}
    marked = extension(team, DEPARTMENT_OF)
    return with_extensions(changed, {DEPARTMENT_OF: {"valueReference": where}}) if marked else changed


def _ended(participant: Resource, at: int) -> list[Resource]:
    """A lead whose time is over, and what else they are on the team, which goes on."""
    over = without_extensions(participant, [UNTIL])
    over = {**over, "period": {**over.get("period", {}), "end": instant(at)}}
    roles = []
    for role in participant.get("role", ()):
        rest = [each for each in role.get("coding", ()) if (each.get("system"), each.get("code")) != (ROLES, LEAD)]
        if any(each.get("system") == ROLES for each in rest):
            roles.append({**role, "coding": rest})
    if not roles:
        return [over]
    other = {**without_extensions(participant, [UNTIL, CAUSE]), "role": roles}
    return [over, {**other, "period": {**participant.get("period", {}), "start": instant(at)}}]
