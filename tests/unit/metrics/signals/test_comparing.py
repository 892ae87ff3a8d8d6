"""Departments beside each other: by name, within or beyond their limits, and nothing of those that are not told."""

from __future__ import annotations

from typing import Any

from carethread.metrics.answering.reporting import Head, report
from carethread.metrics.evaluating.counting import DEPARTMENT, Cell, Counted
from carethread.metrics.measures.definition import LANGUAGE, Definition, definition
from carethread.metrics.series.counting import narrowed
from carethread.metrics.signals.comparing import COMPARISON, by_name, compared
from carethread.metrics.signals.goals import Target
from carethread.metrics.suppressing.cells import WHOLE, Hidden, Place

NAMES = {"a": "Zoology", "b": "anatomy"}
GOALS = {"b": Target("b", "Goal/g", None, 0.15, False, "")}


def counted_by(scoring: str = "proportion") -> Definition:
    populations = [
        {"code": {"coding": [{"code": each}]}, "criteria": {"language": LANGUAGE, "expression": each}}
        for each in ("denominator", "numerator")
    ]
    measure = {"url": "m", "scoring": {"coding": [{"code": scoring}]}, "group": [{"population": populations}]}
    return narrowed(definition(measure, "", ""), (DEPARTMENT,))


def cell(numerator: int, denominator: int) -> Cell:
    return Cell({"denominator": denominator, "numerator": numerator}, None, {})


CELLS = {"": cell(1, 10), "a": cell(80, 200), "b": cell(20, 200)}
COUNTED = [Counted(cell(101, 410), {DEPARTMENT: CELLS})]


def told(hidden: dict[Place, Hidden], known: Definition | None = None) -> list[dict[str, Any]]:
    known = known or counted_by()
    counted = by_name(COUNTED, NAMES)
    made = report(known, counted, Head("summary", "2031-01-01", "2031-01-31", 0, 0, (), (), {}), hidden)
    found = compared(made, known.groups, counted, hidden, GOALS, NAMES)
    (stratifier,) = found["group"][0]["stratifier"]
    return [
        {part["url"]: next(value for name, value in part.items() if name != "url") for part in each["extension"]}
        for (each,) in (stratum["extension"] for stratum in stratifier["stratum"])
        if each["url"] == COMPARISON
    ]


def test_departments_stand_by_name_with_what_is_said_of_them() -> None:
    anatomy, zoology, nowhere = told({})
    assert anatomy["department"] == {"reference": "Organization/b", "display": "anatomy"}
    assert (anatomy["position"], anatomy["beyond"], anatomy["met"]) == ("below", "alarm", True)
    assert anatomy["goal"] == {"reference": "Goal/g"}
    assert (zoology["position"], zoology["beyond"]) == ("above", "alarm")
    assert zoology["upper-alarm"] > zoology["upper-warning"] and "goal" not in zoology
    assert nowhere["position"] == "within" and "department" not in nowhere


def test_nothing_is_said_of_what_is_not_told() -> None:
    anatomy, zoology, _ = told({(DEPARTMENT, "b"): Hidden.ALL})
    assert anatomy.keys() == {"department", "goal"} and zoology["position"] == "above"
    assert all(each.keys() <= {"department", "goal", "position"} for each in told({WHOLE: Hidden.ALL}))


def test_a_number_that_has_no_limits_may_have_a_goal() -> None:
    assert all("position" not in each or each["position"] == "unknown" for each in told({}, counted_by("cohort")))
