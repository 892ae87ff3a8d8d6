"""What an active CareTeam lacks, whoever has sent it: reported, never a refusal. Pure: values in, a list out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from carethread.careteams.teams.reading import (
    COORDINATOR,
    LEAD,
    ends,
    in_role,
    leads_of,
    of_department,
    ref,
    team_span,
)
from carethread.careteams.teams.working import away
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.merges import survivor
from carethread.core.ports import Key, Resource

SYSTEM = "https://carethread.dev/fhir/CodeSystem/care-team-gap"

UNKNOWN = "unknown-member"
"""The code of a participant whom nobody knows."""

COUNTING = ("Practitioner", "PractitionerRole", "Organization", "CareTeam")
"""The members who are looked up; relatives and devices are not."""


@dataclass(frozen=True, slots=True)
class Gap:
    """What is lacking (a code of SYSTEM) and where."""

    code: str
    expression: str


def asked_for(team: Resource, base: str) -> set[Key]:
    """Whom the gaps of a team depend on."""
    members = [key for key in keys_at(team, "participant.member", base) if key[0] in COUNTING]
    return {*members, *(key for key in keys_at(team, "subject", base) if key[0] == "Patient")}


def gaps(team: Resource, known: Mapping[Key, Resource], department: str, now: int, base: str) -> Iterator[Gap]:
    """What a team lacks at a moment, by what is known of those who are named in it."""
    if team_span(team)[1] <= now:
        yield Gap("ended", "CareTeam.period")
    if not department:
        yield Gap("no-department", "CareTeam.managingOrganization")
    if not of_department(team):
        yield from _person(team, known, base)
    if not any(lead.stands(now) for lead in leads_of(team, base)):
        yield Gap("no-lead", "CareTeam.participant")
    for code, named in ((LEAD, "two-leads"), (COORDINATOR, "two-coordinators")):
        standing = [each for each in in_role(team, code, base) if each.stands(now) and now < each.until]
        if len(standing) > 1:
            yield Gap(named, f"CareTeam.participant[{standing[-1].place}]")
    for place, participant in enumerate(team.get("participant", ())):
        yield from _participant(participant, f"CareTeam.participant[{place}]", known, now, base)


def _person(team: Resource, known: Mapping[Key, Resource], base: str) -> Iterator[Gap]:
    subject = ref(team, "subject", base)
    kind, _, id_ = subject.partition("/")
    patient = known.get((kind, id_))
    if not subject or (kind == "Patient" and patient is None):
        yield Gap("unknown-patient", "CareTeam.subject")
    if patient and (patient.get("deceasedBoolean") is True or "deceasedDateTime" in patient):
        yield Gap("deceased", "CareTeam.subject")
    if patient and survivor(patient, base):
        yield Gap("merged", "CareTeam.subject")
    elif patient and patient.get("active") is False:
        yield Gap("inactive-patient", "CareTeam.subject")


def _participant(
    participant: Resource, where: str, known: Mapping[Key, Resource], now: int, base: str
) -> Iterator[Gap]:
    period = participant.get("period", {})
    if ends(period.get("end")) <= now:
        return  # whoever was on the team lacks nothing any more
    if not participant.get("role"):
        yield Gap("no-role", f"{where}.role")
    member = ref(participant, "member", base)
    kind, _, id_ = member.partition("/")
    if not member:
        yield Gap(UNKNOWN, f"{where}.member")
    elif kind in COUNTING:
        found = known.get((kind, id_))
        if found is None:
            yield Gap(UNKNOWN, f"{where}.member")
        elif away(found, now):
            yield Gap("inactive-member", f"{where}.member")
