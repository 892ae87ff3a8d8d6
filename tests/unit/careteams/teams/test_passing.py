"""A team whose lead's time ends, and another's begins."""

from __future__ import annotations

from carethread.careteams.teams.checking import problems
from carethread.careteams.teams.passing import passed
from carethread.careteams.teams.reading import lead_at, leads_of
from carethread.core.clock import to_micros
from carethread.core.ports import Resource
from support.care import ROLE, START, part, person_team

NOW = to_micros(START)
HOUR = 3_600_000_000
LATER = "2031-03-03T18:00:00Z"


def lead(team: Resource, hours: float = 0) -> str:
    found = lead_at(team, NOW + int(hours * HOUR))
    return found.ref if found else ""


def test_the_next_one_leads_from_that_moment_on() -> None:
    team = passed(person_team("a", "p", part("Practitioner/1", until=LATER)), "Practitioner/2", NOW, "Task/1")
    assert (lead(team, -0.01), lead(team), lead(team, 99)) == ("Practitioner/1", "Practitioner/2", "Practitioner/2")
    assert [each.cause for each in leads_of(team)] == ["", "Task/1"]
    assert problems(team, NOW) == []
    assert "extension" not in team["participant"][0]


def test_whoever_is_planned_later_still_is() -> None:
    before = person_team("a", "p", part("Practitioner/1", end=LATER), part("Practitioner/3", start=LATER))
    team = passed(before, "Practitioner/2", NOW, "")
    assert (lead(team), lead(team, 10)) == ("Practitioner/2", "Practitioner/3")
    assert problems(team, NOW) == []


def test_nobody_may_follow() -> None:
    team = passed(person_team("a", "p", part("Practitioner/1")), "", NOW, "")
    assert (lead(team, -0.01), lead(team)) == ("Practitioner/1", "")


def test_where_nobody_led_somebody_comes_to() -> None:
    team = passed(person_team("a", "p", part("Practitioner/1", end="2031-03-01")), "Practitioner/2", NOW, "on-call")
    assert [each.ref for each in leads_of(team)] == ["Practitioner/1", "Practitioner/2"]


def test_again_and_again() -> None:
    team = person_team("a", "p", part("Practitioner/0"))
    for number in range(1, 5):
        team = passed(team, f"Practitioner/{number}", NOW + number * HOUR, "")
    assert [lead(team, number) for number in range(5)] == [f"Practitioner/{number}" for number in range(5)]
    assert problems(team, NOW) == []


def test_other_roles_go_on() -> None:
    both = part("Practitioner/1", "accountable", "coordinator")
    nurse = {"system": "http://snomed.info/sct", "code": "224535009"}
    both["role"][0]["coding"].append(nurse)
    team = passed(person_team("a", "p", both), "Practitioner/2", NOW, "")
    over, goes_on, _ = team["participant"]
    assert over["role"] == both["role"]
    assert goes_on["role"][0]["coding"] == [{"system": ROLE, "code": "coordinator"}, nurse]
    assert problems(team, NOW) == []
