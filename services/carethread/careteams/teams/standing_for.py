"""A lead that is a team or a department stands for a person: not for itself, nor for nobody.

It is seen to when all that belongs together is written, for the teams that a chain leads through may be new with it.
"""

from __future__ import annotations

from collections.abc import Iterator

from carethread.careteams.teams.people import DEEPEST, DEPARTMENT_TEAM
from carethread.careteams.teams.reading import ON_CALL, in_role, lead_at, leads_of
from carethread.core.errors import Issue
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource
from carethread.core.service import Unit


def nobody_behind(unit: Unit, team: Resource, name: str, now: int) -> Iterator[Issue]:
    """The leads of a team (`CareTeam/1`) from now on behind whom is nobody when they begin."""
    for lead in leads_of(team, unit.base_url):
        if lead.end > now and not _leads_to_somebody(unit, lead.ref, name, max(now, lead.begin)):
            said = (
                f"{lead.ref} stands for nobody: its team is not here, has no lead, or leads back to this one; "
                "name a person, or give it a lead first."
            )
            yield Issue("business-rule", said, f"CareTeam.participant[{lead.place}].member")


def _leads_to_somebody(unit: Unit, member: str, name: str, at: int) -> bool:
    base, seen = unit.base_url, {name}
    while member.startswith(("CareTeam/", "Organization/")):
        of_department = member.startswith("Organization/")
        further = unit.session.claimed(DEPARTMENT_TEAM, [member]).get(member, "") if of_department else member
        if not further or further in seen or len(seen) > DEEPEST:
            return False
        seen.add(further)
        team = unit.find(key_of(further))
        lead = lead_at(team, at, base)
        on_duty = [each.ref for each in in_role(team, ON_CALL, base) if each.stands(at)] if of_department else []
        member = on_duty[0] if on_duty else lead.ref if lead else ""
    return bool(member)
