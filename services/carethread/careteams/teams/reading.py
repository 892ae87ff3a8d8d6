"""A CareTeam as it reads: its participants with their roles and times (http://hl7.org/fhir/R4/careteam.html).

Times are microseconds, from `begin` up to `end`. A participant's lie within the team's. An end that names a day, a
month or a year is the end of that (http://hl7.org/fhir/R4/datatypes.html#Period), in UTC; one with a time is that very
moment, at which somebody else may begin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from carethread.core.fhir.elements import at, extension, is_bound, keys_at, profiles_of
from carethread.core.fhir.search.dates import EARLIEST, date_range
from carethread.core.ports import FOREVER, Resource
from carethread.core.service import PROFILES

PERSON, DEPARTMENT = PROFILES + "care-team", PROFILES + "department-team"

ROLES = "https://carethread.dev/fhir/CodeSystem/care-team-role"
LEAD, COORDINATOR, NAVIGATOR, ON_CALL = "accountable", "coordinator", "navigator", "on-call"

UNTIL = PROFILES + "accountable-until"
"""Extension of a lead: until when they answer, where nobody who follows is known."""

BACKUP = PROFILES + "backup"
"""Extension of a participant: who stands in for them."""

CAUSE = PROFILES + "accountable-cause"
"""Extension of a lead whom the service itself entered: why."""

LEADING = PROFILES + "leading-since"
"""Extension of a CareTeam to which a person was handed over: since when it answers for the person before others."""

ESCALATES = PROFILES + "escalates-to"
"""Extension of a department's team: the CareTeam of the next department up."""


@dataclass(frozen=True, slots=True)
class Member:
    """A participant of a team: who it is (`PractitionerRole/1`), with which of our roles, and from when to when.

    `until` is when a lead stops answering though their time goes on, FOREVER: never. `place` is the number of the
    participant. `backup` and `cause` are empty where nothing is said.
    """

    ref: str
    roles: frozenset[str]
    begin: int
    end: int
    until: int = FOREVER
    backup: str = ""
    cause: str = ""
    place: int = 0

    def stands(self, moment: int) -> bool:
        return self.begin <= moment < self.end


def is_ours(team: Resource | None) -> bool:
    """Whether a CareTeam claims a profile of ours and no EHR has sent it, and so is bound by our rules."""
    return is_bound(team, PERSON, DEPARTMENT)


def of_department(team: Resource) -> bool:
    """Whether a CareTeam of ours is that of a department."""
    return DEPARTMENT in profiles_of(team)


def ref(resource: Resource, path: str, base: str | None = None, *types: str) -> str:
    """The first local reference at a path (`Patient/1`), of one of the types if any are given; empty without one."""
    return next((f"{kind}/{id_}" for kind, id_ in keys_at(resource, path, base) if not types or kind in types), "")


def begins(text: object) -> int:
    """The moment at which a period with this start begins."""
    span = date_range(text) if isinstance(text, str) else None
    return span[0] if span else EARLIEST


def ends(text: object) -> int:
    """The moment at which a period with this end is over."""
    span = date_range(text) if isinstance(text, str) else None
    return FOREVER if span is None else span[0] if "T" in str(text) else span[1]


def team_span(team: Resource) -> tuple[int, int]:
    """From when to when a team is there by its period."""
    period = team.get("period", {})
    return begins(period.get("start")), ends(period.get("end"))


def members_of(team: Resource, base: str | None = None) -> list[Member]:
    """The participants of a team who are somebody, as they are listed."""
    first, last = team_span(team)
    found = []
    for place, participant in enumerate(team.get("participant", ())):
        period = participant.get("period", {})
        member = Member(
            ref(participant, "member", base),
            frozenset(codes_of(participant)),
            max(first, begins(period.get("start"))),
            min(last, ends(period.get("end"))),
            ends(extension(participant, UNTIL).get("valueDateTime")),
            ref(dict(extension(participant, BACKUP)), "valueReference", base),
            str(extension(participant, CAUSE).get("valueString", "")),
            place,
        )
        if member.ref:
            found.append(member)
    return found


def codes_of(participant: Resource) -> set[str]:
    """Which of our roles a participant has."""
    codings = (each for each in at(participant, "role.coding") if isinstance(each, dict))
    return {str(each.get("code")) for each in codings if each.get("system") == ROLES}


def in_role(team: Resource | None, code: str, base: str | None = None) -> list[Member]:
    """The participants in a role of ours, of a team that is active."""
    if team is None or team.get("status") != "active":
        return []
    return [each for each in members_of(team, base) if code in each.roles]


def leads_of(team: Resource | None, base: str | None = None) -> list[Member]:
    """The leads of an active team in order, each until the next begins who leads for any time at all.

    One who is accountable until a moment, with nobody planned to follow, goes on: who takes over is decided then.
    """
    last = team_span(team or {})[1]
    lasting = (replace(each, end=last) if each.until < FOREVER else each for each in in_role(team, LEAD, base))
    leads = sorted((each for each in lasting if each.begin < each.end), key=lambda each: (each.begin, each.place))
    ends_at = [*(each.begin for each in leads[1:]), FOREVER]
    found = [replace(lead, end=min(lead.end, later)) for lead, later in zip(leads, ends_at, strict=False)]
    return [lead for lead in found if lead.begin < lead.end]


def lead_at(team: Resource | None, moment: int, base: str | None = None) -> Member | None:
    """Who leads an active team at a moment."""
    return next((each for each in leads_of(team, base) if each.stands(moment)), None)
