"""Who is on a CareTeam, from when to when, and who leads it."""

from __future__ import annotations

import pytest

from carethread.careteams.teams.reading import in_role, is_ours, lead_at, leads_of, members_of
from carethread.core.fhir.search.dates import EARLIEST, date_range
from carethread.core.ports import FOREVER, Resource
from support.care import department_team, part, person_team


def at(text: str) -> int:
    span = date_range(text)
    assert span
    return span[0]


@pytest.mark.parametrize(
    ("start", "end", "begins", "ends"),
    [
        ("", "", EARLIEST, FOREVER),
        ("2031-03", "2031-03", at("2031-03-01"), at("2031-04-01")),
        ("2031-03-03", "2031-03-03", at("2031-03-03"), at("2031-03-04")),
        ("2031-03-03T08:00:00Z", "2031-03-03T09:00:00Z", at("2031-03-03T08:00:00Z"), at("2031-03-03T09:00:00Z")),
        ("", "2031-03-03T10:00:00+01:00", EARLIEST, at("2031-03-03T09:00:00Z")),
    ],
)
def test_a_day_is_whole_and_a_time_is_a_moment(start: str, end: str, begins: int, ends: int) -> None:
    (member,) = members_of(person_team("a", "p", part("Practitioner/1", start=start, end=end)))
    assert (member.begin, member.end) == (begins, ends)


def test_a_participant_is_there_as_long_as_the_team() -> None:
    team = person_team("a", "p", part("Practitioner/1"), period={"start": "2031", "end": "2031"})
    (member,) = members_of(team)
    assert (member.begin, member.end) == (at("2031"), at("2032"))


def test_who_is_nobody_here_is_no_member() -> None:
    nobody = {"member": {"display": "Somebody"}}, {"member": {"reference": "#inside"}}
    team = person_team("a", "p", *nobody, part("Practitioner/1"))
    assert [(each.ref, each.place) for each in members_of(team)] == [("Practitioner/1", 2)]
    absolute = person_team("a", "p", part("https://here.example/fhir/Practitioner/1"))
    assert members_of(absolute) == []
    assert [each.ref for each in members_of(absolute, "https://here.example/fhir")] == ["Practitioner/1"]


def test_leads_follow_each_other() -> None:
    team = person_team(
        "a",
        "p",
        part("Practitioner/2", start="2031-02-01T00:00:00Z", until="2031-02-10"),
        part("Practitioner/1", end="2031-02-01T00:00:00Z"),
        part("Practitioner/9", "navigator"),
        part("Practitioner/3", start="2031-03-01T00:00:00Z"),
    )
    assert [(each.ref, each.begin, each.end) for each in leads_of(team)] == [
        ("Practitioner/1", EARLIEST, at("2031-02-01")),
        ("Practitioner/2", at("2031-02-01"), at("2031-03-01")),
        ("Practitioner/3", at("2031-03-01"), FOREVER),
    ]
    lead = lead_at(team, at("2031-02-20"))
    assert lead and (lead.ref, lead.until) == ("Practitioner/2", at("2031-02-11")), "until somebody takes over"


def test_of_two_leads_at_once_the_one_who_began_later_counts() -> None:
    team = person_team("a", "p", part("Practitioner/1", start="2031"), part("Practitioner/2", start="2032", end="2032"))
    leads = [lead.ref for year in ("2031", "2032", "2033") if (lead := lead_at(team, at(year)))]
    assert leads == ["Practitioner/1", "Practitioner/2"], "whoever was relieved does not come back by himself"


@pytest.mark.parametrize("status", ["proposed", "suspended", "inactive", "entered-in-error"])
def test_nobody_leads_what_is_not_active(status: str) -> None:
    team = {**person_team("a", "p", part("Practitioner/1")), "status": status}
    assert (leads_of(team), in_role(team, "accountable"), lead_at(None, 0)) == ([], [], None)


@pytest.mark.parametrize(
    ("team", "ours"),
    [
        (person_team("a", "p"), True),
        (department_team("a", "d"), True),
        ({**person_team("a", "p"), "meta": {}}, False),
        ({**person_team("a", "p"), "meta": {**person_team("a", "p")["meta"], "source": "urn:ehr"}}, False),
        ({"resourceType": "CareTeam"}, False),
        (None, False),
    ],
)
def test_ours_claims_our_profile_and_comes_from_nowhere_else(team: Resource | None, ours: bool) -> None:
    assert is_ours(team) == ours
