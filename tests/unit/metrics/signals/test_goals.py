"""Goals of departments: which Measure they are of, and when they are met."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.metrics.signals.goals import GOAL_MEASURE, Target, is_of_department, targets

CANONICAL = "https://example.org/Measure/m|2.0.0"
DECREASE = {"coding": [{"code": "decrease"}]}


def goal(
    named: str = "https://example.org/Measure/m", whose: str = "Organization/north", **more: Any
) -> dict[str, Any]:
    target = {
        "extension": [{"url": GOAL_MEASURE, "valueCanonical": named}],
        "measure": {"text": "No-show rate"},
        "detailQuantity": {"value": 0.1},
        **more.pop("target", {}),
    }
    return {
        "resourceType": "Goal",
        "id": "g",
        "lifecycleStatus": "active",
        "description": {"text": "Fewer"},
        "subject": {"reference": whose},
        "target": [target],
        **more,
    }


def of(*goals: dict[str, Any], notation: dict[str, Any] | None = DECREASE) -> dict[str, Target]:
    return targets(goals, CANONICAL, notation, "https://care.example/fhir")


def test_a_goal_is_of_a_department_and_a_measure() -> None:
    (target,) = of(goal(expressedBy={"reference": "PractitionerRole/head"})).values()
    assert (target.department, target.goal, target.owner) == ("north", "Goal/g", "PractitionerRole/head")
    assert of(goal(CANONICAL)) and not of(goal("https://example.org/Measure/m|1.0.0"))
    assert not of(goal(whose="Patient/p")) and not of(goal(lifecycleStatus="cancelled"))
    assert is_of_department(goal()) and not is_of_department(goal(whose="Patient/p"))
    assert of(goal(expressedBy={"reference": "Patient/p"}))["north"].owner == ""


@pytest.mark.parametrize(
    ("detail", "notation", "met"),
    [
        ({"value": 0.1}, DECREASE, [0.0, 0.1]),
        ({"value": 0.1}, None, [0.1, 0.5]),
        ({"value": 10, "unit": "%"}, DECREASE, [0.0, 0.1]),
        ({"value": 0.1, "comparator": "<"}, None, [0.0]),
        ({"value": 0.1, "comparator": ">="}, DECREASE, [0.1, 0.5]),
    ],
)
def test_when_it_is_met(detail: dict[str, Any], notation: dict[str, Any] | None, met: list[float]) -> None:
    target = of(goal(target={"detailQuantity": detail}), notation=notation)["north"]
    assert [value for value in (0.0, 0.1, 0.5) if target.met(value)] == met
    assert target.met(None) is None


def test_a_range_and_no_number() -> None:
    between = {"detailQuantity": None, "detailRange": {"low": {"value": 0.1}, "high": {"value": 0.5}}}
    target = of(goal(target=between))["north"]
    assert [value for value in (0.0, 0.1, 0.3, 0.6) if target.met(value)] == [0.1, 0.3]
    assert of(goal(target={"detailQuantity": None}))["north"].met(0.1) is None
