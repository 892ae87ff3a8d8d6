"""Who is to answer for a person, by the leads of their teams."""

from __future__ import annotations

from carethread.careteams.teams.planning import Leads, planned
from carethread.careteams.teams.reading import LEAD, Member
from carethread.core.ports import FOREVER


def lead(who: str, begin: int, end: int = FOREVER, cause: str = "") -> Member:
    return Member(f"Practitioner/{who}", frozenset({LEAD}), begin, end, cause=cause)


def team(name: str, *members: Member, leading: int = 0) -> Leads:
    return Leads(f"CareTeam/{name}", ord(name), leading, members)


def plan(*teams: Leads, leading: str = "", begin: int = 10) -> list[tuple[int, int, str, str]]:
    found = planned("Patient/p", teams, f"CareTeam/{leading}", begin)
    return [(one.since, one.until, one.member[-1], one.team[-1]) for one in found]


def test_nobody_answers_without_a_team() -> None:
    assert plan() == []
    assert plan(team("a")) == []
    assert plan(team("a", lead("1", 0, 10))) == [], "whose time is over by then"


def test_leads_follow_each_other_from_now_on() -> None:
    assert plan(team("a", lead("1", 0, 20), lead("2", 20))) == [(10, 20, "1", "a"), (20, FOREVER, "2", "a")]
    assert plan(team("a", lead("1", 15, 20))) == [(15, 20, "1", "a")]


def test_one_who_follows_themself_goes_on() -> None:
    assert plan(team("a", lead("1", 0, 20), lead("1", 20))) == [(10, FOREVER, "1", "a")]


def test_the_oldest_team_answers_first() -> None:
    assert plan(team("b", lead("2", 0)), team("a", lead("1", 0))) == [(10, FOREVER, "1", "a")]


def test_the_team_that_answers_goes_on_answering() -> None:
    teams = team("a", lead("1", 0)), team("b", lead("2", 0))
    assert plan(*teams, leading="b") == [(10, FOREVER, "2", "b")]


def test_when_the_team_that_answers_ends_the_oldest_of_the_others_does_and_stays() -> None:
    answering = team("b", lead("2", 0, 20), lead("2", 40))
    assert plan(team("c", lead("3", 0)), answering, team("d", lead("4", 0)), leading="b") == [
        (10, 20, "2", "b"),
        (20, FOREVER, "3", "c"),
    ]


def test_the_team_that_the_person_was_handed_to_last_comes_before_all() -> None:
    handed = team("c", lead("3", 0, 30), leading=5)
    later = team("d", lead("4", 0, 20), leading=9)
    assert plan(team("a", lead("1", 0)), handed, later, leading="a") == [
        (10, 20, "4", "d"),
        (20, 30, "3", "c"),
        (30, FOREVER, "1", "a"),
    ]


def test_a_moment_without_a_lead_is_nobodys() -> None:
    assert plan(team("a", lead("1", 0, 20), lead("2", 30))) == [(10, 20, "1", "a"), (30, FOREVER, "2", "a")]
