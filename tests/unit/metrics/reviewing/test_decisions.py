"""What reviews have decided, and how it stands."""

from __future__ import annotations

from datetime import date
from typing import Any

from carethread.metrics.evaluating.periods import Days
from carethread.metrics.reviewing.asking import Review
from carethread.metrics.reviewing.decisions import Decisions, decisions
from support.facts import facts_of
from support.reviewing import decision

FEBRUARY = Review("ward", Days(date(2030, 2, 1), date(2030, 2, 28)))
TODAY = date(2030, 3, 5)


def found(*tasks: dict[str, Any]) -> Decisions:
    with facts_of(tasks) as facts:
        return decisions(facts, FEBRUARY, TODAY)


def test_open_ones_are_told_until_they_are_over() -> None:
    told = found(
        decision("late", "2029-11", "Call them", "2030-03-04"),
        decision("today", "2030-01", "Ask them", "2030-03-05", "in-progress"),
        decision("done", "2030-01", "Hang it up", "2030-02-15", "completed", executionPeriod={"end": "2030-02-10"}),
        decision("unsaid", "2030-01", "Move it", "2030-02-15", "cancelled"),
        decision("past", "2029-12", "Paint it", "2030-01-15", "completed", executionPeriod={"end": "2030-01-31"}),
        decision("new", "2030-02", "Write them", "2030-04-01"),
        decision("later", "2030-03", "Of the next review", "2030-04-01"),
    )
    assert [(each.id, each.overdue, each.stands) for each in told.open] == [
        ("late", True, "not begun"), ("today", False, "under way")
    ]  # fmt: skip
    assert [(each.id, f"{each.ended}", each.overdue) for each in told.done] == [
        ("done", "2030-02-10", False), ("unsaid", "2030-02-20", False)
    ]  # fmt: skip
    (new,) = told.new
    assert (new.id, new.words, new.owner, f"{new.due}") == ("new", "Write them", "Practitioner/lead", "2030-04-01")


def test_those_of_other_departments_and_mistakes_are_not_told() -> None:
    elsewhere = decision("a", "2030-01", "Elsewhere", "2030-03-01", extension=[])
    wrong = decision("b", "2030-01", "Wrong", "2030-03-01", "entered-in-error")
    nowhere = decision("c", "2030-01", "Of no review", "2030-03-01")
    del nowhere["groupIdentifier"]
    assert found(elsewhere, wrong, nowhere) == Decisions([], [], [])
