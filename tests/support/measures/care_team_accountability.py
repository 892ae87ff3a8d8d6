"""Plans that began, and whether somebody answers for their people now."""

from __future__ import annotations

from collections.abc import Iterator

from support.measures.plain import (
    CODES,
    NOW,
    Practice,
    Resource,
    Unit,
    code_in,
    extended,
    id_of,
    moment,
    proportion,
    standing,
)


def units(practice: Practice) -> Iterator[Unit]:
    for plan in practice.of("CarePlan"):
        at = standing(plan.get("period", {}).get("start") or plan.get("created"))
        if plan["status"] != "active" or at is None:
            continue
        person = practice.person(plan.get("subject"))
        yield Unit(
            f"CarePlan/{plan['id']}",
            person,
            at,
            practice.department(plan, *plan.get("careTeam", [])[:1]),
            (proportion(True, _has_lead(practice, person), exclusion=bool(practice.died(person))),),
        )


def _has_lead(practice: Practice, person: str | None) -> bool:
    teams = (each for each in practice.of("CareTeam") if practice.person(each.get("subject")) == person)
    return any(
        _leads(practice, member) and _holds(member.get("period", {})) and not _is_relieved(member)
        for team in teams
        if team["status"] == "active" and _holds(team.get("period", {}))
        for member in team.get("participant", ())
    )


def _leads(practice: Practice, member: Resource) -> bool:
    if not any(code_in(each, CODES + "care-team-role") == "accountable" for each in member.get("role", ())):
        return False
    if id_of(member["member"], "Practitioner"):
        return True
    role = practice.get("PractitionerRole", id_of(member["member"], "PractitionerRole"))
    return bool(role) and role.get("active", True) and _holds(role.get("period", {}))


def _is_relieved(member: Resource) -> bool:
    """Whether the shift of who answers is over."""
    until = moment(extended(member, "accountable-until").get("valueDateTime"), last=True)
    return until is not None and until <= NOW


def _holds(period: Resource) -> bool:
    start, end = moment(period.get("start")), moment(period.get("end"), last=True)
    return (start is None or start <= NOW) and (end is None or end > NOW)
