"""What a CareTeam of ours may say: one leads at each moment from now on, and backups are no circle."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from carethread.careteams.teams.checking import MOST, problems
from carethread.core.clock import to_micros
from carethread.core.ports import Resource
from support.care import OURS, START, department_team, part, person_team

NOW = to_micros(START)
ONE, TWO, THREE = "PractitionerRole/r-one", "PractitionerRole/r-two", "PractitionerRole/r-three"


def at(hours: float = 0) -> str:
    return (START + timedelta(hours=hours)).isoformat()


REFUSED: dict[str, tuple[list[Resource], str, str]] = {
    "two at once": (
        [part(ONE, start=at()), part(TWO, start=at(1))],
        "participant[1].period",
        "From 2031-03-03T09:00:00.000Z on two are accountable",
    ),
    "two since ever": (
        [part(ONE, end=at(5)), part(TWO, start="2031-01-01")],
        "participant[1].period",
        "From 2031-03-03T08:00:00.000Z on two are accountable",
    ),
    "nobody between": (
        [part(ONE, end=at(1)), part(TWO, start=at(2))],
        "participant[0].period",
        "From 2031-03-03T09:00:00.000Z on nobody is accountable",
    ),
    "nobody at first": (
        [part(ONE, start=at(1))],
        "participant",
        "From 2031-03-03T08:00:00.000Z on nobody",
    ),
    "nobody at last": (
        [part(ONE, end=at(1))],
        "participant[0].period",
        "From 2031-03-03T09:00:00.000Z on nobody",
    ),
    "nobody any more": (
        [part(ONE, end=at(-1))],
        "participant",
        "From 2031-03-03T08:00:00.000Z on nobody",
    ),
    "another before the time is over": (
        [part(ONE, start=at(-1), until=at(2)), part(TWO, start=at(1))],
        "participant[1].period",
        "on two are accountable",
    ),
    "two coordinators": (
        [part(ONE, "accountable", "coordinator"), part(TWO, "coordinator")],
        "participant[1].period",
        "two coordinate",
    ),
    "one who is their own backup": (
        [part(ONE, backup=ONE)],
        f"participant[0].extension('{OURS}backup').value",
        "in a circle",
    ),
    "backups in a circle": (
        [part(ONE, backup=TWO), part(TWO, "navigator", backup=THREE), part(THREE, "navigator", backup=ONE)],
        f"participant[0].extension('{OURS}backup').value",
        "in a circle",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_team_of_ours_may_not_say(case: str) -> None:
    parts, where, said = REFUSED[case]
    (issue,) = problems(person_team("a", "ann", *parts), NOW)
    assert (issue.code, issue.expression) == ("business-rule", f"CareTeam.{where}")
    assert said in issue.diagnostics


@pytest.mark.parametrize(
    "parts",
    [
        [part(ONE, end=at(1)), part(TWO, start=at(1))],
        [part(ONE, start="2031-01-01", end="2031-03-03"), part(TWO, start="2031-03-04")],
        [part(ONE, start="2030", until=at(1))],
        [part(ONE, end=at(1), until=at(1))],
        [part(ONE, start=at(-9), until=at(1)), part(TWO, start=at(2))],
        [part(TWO, end=at(-2)), part(ONE, start=at(-1))],
        [part(ONE, backup=TWO), part(TWO, "navigator", backup=THREE)],
        [part(ONE, start=at(), end=at(1)), part(ONE, start=at(1))],
    ],
)
def test_what_a_team_of_ours_may_say(parts: list[Resource]) -> None:
    """Days are whole; a time is where the next one begins; who is accountable until then need have no successor."""
    assert problems(person_team("a", "ann", *parts), NOW) == []


def test_two_may_coordinate_in_a_department() -> None:
    team = department_team("d", "eyes", part(ONE, "accountable", "coordinator"), part(TWO, "coordinator"))
    assert problems(team, NOW) == []


def test_each_issue_is_told() -> None:
    parts = [part(ONE, end=at(1), backup=ONE), part(TWO, "coordinator"), part(THREE, "coordinator")]
    found = {issue.expression for issue in problems(person_team("a", "ann", *parts), NOW)}
    backup = f"CareTeam.participant[0].extension('{OURS}backup').value"
    assert found == {"CareTeam.participant[0].period", "CareTeam.participant[2].period", backup}


def test_who_leads_is_named() -> None:
    unnamed = {**part(ONE), "member": {"display": "Somebody"}}
    found = {issue.expression for issue in problems(person_team("a", "ann", unnamed), NOW)}
    assert "CareTeam.participant[0].member" in found


def over(member: str, backup: str = "") -> Resource:
    """Somebody whose time is over."""
    return part(member, "member", end=at(-1), backup=backup)


def test_a_long_chain_of_backups_is_walked_once() -> None:
    many = 3000
    chain = [over(f"Practitioner/{each}", f"Practitioner/{each + 1}") for each in range(many)]
    began = time.process_time()
    assert problems(person_team("a", "ann", part(ONE), *chain), NOW) == []
    last = over(f"Practitioner/{many}", f"Practitioner/{many - 2}")
    (issue,) = problems(person_team("a", "ann", part(ONE), *chain, last), NOW)
    assert issue.expression == f"CareTeam.participant[{many - 1}].extension('{OURS}backup').value"
    assert time.process_time() - began < 2


def test_each_circle_is_told_once_whatever_leads_into_it() -> None:
    backups = {"1": "2", "2": "3", "3": "2", "4": "2", "5": "5", "6": "7"}
    parts = [over(f"Practitioner/{one}", f"Practitioner/{other}") for one, other in backups.items()]
    found = sorted(issue.expression or "" for issue in problems(person_team("a", "ann", *parts, part(ONE)), NOW))
    assert found == [f"CareTeam.participant[{place}].extension('{OURS}backup').value" for place in (1, 4)]


def test_a_team_is_of_a_size_that_can_be_led() -> None:
    past = [over(f"Practitioner/{each}") for each in range(9)]
    parts = [part(ONE), *past, *(part(f"Practitioner/p{each}", "member") for each in range(MOST - 1))]
    assert problems(person_team("a", "ann", *parts), NOW) == []
    (issue,) = problems(person_team("a", "ann", *parts, part(TWO, "member")), NOW)
    assert (issue.code, issue.expression) == ("too-long", f"CareTeam.participant[{MOST + 9}]")
