"""What is at odds is found whatever the order, in pairs, and only in what is in force."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from carethread.careteams.plans.conflicts import AIMS, Conflict, conflicts
from support.care import part, person_team

NOW = 1_930_000_000_000_000
LOINC = "http://loinc.org"


def concept(code: str, system: str = LOINC) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def activity(*codes: str, **detail: Any) -> dict[str, Any]:
    code = {"coding": [{"system": LOINC, "code": each} for each in codes]}
    return {"detail": {"code": code, "status": "in-progress", **detail}}


def plan(id_: str, *activities: dict[str, Any], status: str = "active", goals: tuple[str, ...] = ()) -> dict[str, Any]:
    wanted = {"goal": [{"reference": f"Goal/{each}"} for each in goals]} if goals else {}
    return {"resourceType": "CarePlan", "id": id_, "status": status, "activity": list(activities), **wanted}


def goal(id_: str, code: str = "", *, lifecycle: str = "active", aim: str = "", **target: Any) -> dict[str, Any]:
    described = concept(aim, AIMS) if aim else {"text": "x"}
    made = {"resourceType": "Goal", "id": id_, "lifecycleStatus": lifecycle, "description": described}
    return {**made, **({"target": [{"measure": concept(code), **target}]} if code else {})}


def below(value: float, unit: str = "kg") -> dict[str, Any]:
    return {"detailRange": {"high": {"value": value, "code": unit}}}


def above(value: float, unit: str = "kg") -> dict[str, Any]:
    return {"detailQuantity": {"value": value, "comparator": ">=", "code": unit}}


def found(**given: Any) -> set[Conflict]:
    parts = [given.get(name, []) for name in ("plans", "goals", "teams")]
    for each in parts:
        random.Random(1).shuffle(each)
    plans, goals, teams = parts
    return conflicts(plans, goals, teams, NOW)


def test_the_same_activity_twice() -> None:
    plans = [plan("a", activity("1", "2"), activity("3")), plan("b", activity("2", "1")), plan("c", activity("3"))]
    assert found(plans=plans) == {
        Conflict("same-activity", f"{LOINC}|1", ("CarePlan/a", "CarePlan/b")),
        Conflict("same-activity", f"{LOINC}|3", ("CarePlan/a", "CarePlan/c")),
    }


def test_an_activity_of_many_plans_is_one_conflict_of_all_of_them() -> None:
    made = [plan(f"p{number:02}", *(activity(str(code)) for code in range(10))) for number in range(25)]
    all_ = tuple(f"CarePlan/p{number:02}" for number in range(25))
    assert found(plans=made) == {Conflict("same-activity", f"{LOINC}|{code}", all_) for code in range(10)}
    fewer = Conflict("same-activity", f"{LOINC}|1", all_[:2])
    assert fewer.id("Patient/ann") == Conflict("same-activity", f"{LOINC}|1", all_).id("Patient/ann")
    assert fewer.id("Patient/ann") != Conflict("same-activity", f"{LOINC}|2", all_[:2]).id("Patient/ann")


def test_a_translation_that_more_plans_have_says_it_all() -> None:
    plans = [plan("a", activity("1", "2")), plan("b", activity("2", "1")), plan("c", activity("2"))]
    wanted = ("CarePlan/a", "CarePlan/b", "CarePlan/c")
    assert found(plans=plans) == {Conflict("same-activity", f"{LOINC}|2", wanted)}


def test_many_plans_are_looked_at_in_short_time() -> None:
    made = [plan(f"p{number}", *(activity(str(code)) for code in range(10))) for number in range(500)]
    began = time.process_time()
    assert len(conflicts(made, [], [], NOW)) == 10
    assert time.process_time() - began < 2


def test_goals_of_one_measure_are_one_conflict() -> None:
    goals = [goal(f"g{number}", "weight", **below(70)) for number in range(3)]
    about = ("Goal/g0", "Goal/g1", "Goal/g2", "Goal/h")
    fits = goal("i", "weight", **below(90))
    assert found(goals=[*goals, goal("h", "weight", **above(80)), fits]) == {
        Conflict("opposing-goals", f"{LOINC}|weight", about)
    }


def test_one_plan_may_have_an_activity_twice() -> None:
    assert found(plans=[plan("a", activity("1"), activity("1"))]) == set()


@pytest.mark.parametrize("status", ["completed", "cancelled", "stopped", "entered-in-error", "on-hold"])
def test_an_activity_that_is_over_is_no_conflict(status: str) -> None:
    assert found(plans=[plan("a", activity("1", status=status)), plan("b", activity("1"))]) == set()


@pytest.mark.parametrize("status", ["draft", "on-hold", "revoked", "completed", "entered-in-error", "unknown"])
def test_a_plan_that_is_not_active_is_no_conflict(status: str) -> None:
    assert found(plans=[plan("a", activity("1"), status=status), plan("b", activity("1"))]) == set()


def test_start_and_stop() -> None:
    plans = [plan("a", activity("1", doNotPerform=True)), plan("b", activity("1"))]
    assert found(plans=plans) == {Conflict("opposing-activity", f"{LOINC}|1", ("CarePlan/a", "CarePlan/b"))}
    both_not = [plan("a", activity("1", doNotPerform=True)), plan("b", activity("1", doNotPerform=True))]
    assert found(plans=both_not) == set()


@pytest.mark.parametrize(
    ("one", "other", "opposed"),
    [
        (below(70), above(80), True),
        (below(80), above(70), False),
        (below(80), above(80), False),
        (below(70), above(80, "g"), False),
        ({"detailQuantity": {"value": 70, "code": "kg"}}, {"detailQuantity": {"value": 71, "code": "kg"}}, True),
        ({"detailQuantity": {"value": 70, "code": "kg"}}, {"detailQuantity": {"value": 70.0, "code": "kg"}}, False),
        ({"detailString": "less"}, above(80), False),
        ({"detailRange": {"low": {"value": 1, "code": "kg"}, "high": {"value": 2, "code": "kg"}}}, above(3), True),
        ({"detailRange": {}}, above(3), False),
    ],
)
def test_targets_that_no_value_meets(one: dict[str, Any], other: dict[str, Any], opposed: bool) -> None:
    goals = [goal("a", "weight", **one), goal("b", "weight", **other)]
    assert bool(found(goals=goals)) == opposed
    assert found(goals=[goals[0], goal("b", "height", **other)]) == set()


def test_goals_of_one_plan_follow_each_other() -> None:
    goals = [goal("a", "weight", **below(70)), goal("b", "weight", **above(80))]
    assert found(goals=goals, plans=[plan("p", goals=("a", "b"))]) == set()
    assert len(found(goals=goals, plans=[plan("p", goals=("a",)), plan("q", goals=("b",))])) == 1


def test_aims_that_oppose_each_other() -> None:
    goals = [goal("a", aim="lose-weight"), goal("b", aim="gain-weight"), goal("c", aim="move-more")]
    key = f"{AIMS}|gain-weight-{AIMS}|lose-weight"
    assert found(goals=goals) == {Conflict("opposing-goals", key, ("Goal/a", "Goal/b"))}


@pytest.mark.parametrize("lifecycle", ["proposed", "cancelled", "completed", "rejected", "entered-in-error", "on-hold"])
def test_a_goal_that_nobody_follows_is_no_conflict(lifecycle: str) -> None:
    assert found(goals=[goal("a", aim="lose-weight", lifecycle=lifecycle), goal("b", aim="gain-weight")]) == set()


def team(id_: str, lead: str, **members: Any) -> dict[str, Any]:
    return person_team(id_, "ann", part(lead), **members)


def test_two_teams_that_each_say_that_the_other_leads() -> None:
    teams = [team("a", "CareTeam/b"), team("b", "CareTeam/a"), team("c", "CareTeam/a")]
    assert found(teams=teams) == {Conflict("leads-each-other", "", ("CareTeam/a", "CareTeam/b"))}
    assert found(teams=[team("a", "CareTeam/b"), team("b", "Practitioner/1")]) == set()
    assert found(teams=[team("a", "CareTeam/a")]) == {Conflict("leads-each-other", "", ("CareTeam/a",))}


def test_two_leads() -> None:
    teams = [team("a", "Practitioner/1"), team("b", "Practitioner/2"), team("c", "CareTeam/b")]
    assert found(teams=teams) == {Conflict("two-leads", "", ("CareTeam/a", "CareTeam/b"))}
    assert found(teams=[teams[0], team("b", "Practitioner/1")]) == set()
    assert found(teams=[teams[0], team("b", "Practitioner/2", status="inactive")]) == set()


def test_two_leads_are_one_issue_however_many_they_are() -> None:
    two, three = (Conflict("two-leads", "", tuple("abc"[:number])) for number in (2, 3))
    assert two.id("Patient/ann") == three.id("Patient/ann") != two.id("Patient/ben")
