"""A measure in a month beside the months before: what is more than chance, what is not told, whether a goal is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from carethread.metrics.evaluating.counting import Cell, Counted
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.measures.definition import Definition, Group
from carethread.metrics.reviewing import words
from carethread.metrics.reviewing.figures import SHOWN, Figure, figures
from carethread.metrics.reviewing.lines import HEIGHT, WIDTH, line
from carethread.metrics.series.counting import Point
from carethread.metrics.series.telling import Told
from carethread.metrics.signals.goals import Target
from carethread.metrics.suppressing.cells import WHOLE, Hidden
from support.measured import known
from support.reviewing import months

RATE = known("no-show-rate")
MEASURE: dict[str, Any] = {
    "id": "no-show-rate",
    "title": "No-show rate",
    "type": [{"coding": [{"code": "process"}]}],
    "improvementNotation": {"coding": [{"code": "decrease"}]},
}
MONTH = months()[-1]
USUAL = [8, 9, 7] * 8
"""Of 60 each."""


def told(missed: Sequence[int | None], masked: Sequence[int] = (), of: int = 60) -> list[Told]:
    """Months with so many no-shows; None: nobody was counted."""
    found: list[Told] = []
    for i, (month, count) in enumerate(zip(months(), missed, strict=True)):
        counts = dict.fromkeys((each.name for each in RATE.groups[0].populations), 0)
        if count is not None:
            counts |= {"initial-population": of, "denominator": of, "numerator": count}
        hidden = {WHOLE: Hidden.ALL} if i in masked else {}
        found.append((Point(Days(month, month), [Counted(Cell(counts, None, {}), {})], True), hidden))
    return found


def figure(points: list[Told], goal: Target | None = None, definition: Definition = RATE, last: int = -1) -> Figure:
    (found,) = figures(MEASURE, definition, points, points[last][0].days, goal)
    return found


def test_what_is_more_than_chance_is_seen_and_judged_by_what_is_better() -> None:
    worse = figure(told([*USUAL[:-1], 30]))
    assert worse.signal is not None
    assert (worse.signal.side, worse.signal.rule, f"{worse.since}") == ("above", "one-beyond-three", "2030-02-01")
    assert worse.good is False
    assert worse.usual == pytest.approx(8 / 60)
    assert [f"{each.day:%Y-%m}" for each in worse.values][:: SHOWN - 1] == ["2029-02", "2030-02"]
    assert figure(told(USUAL)).signal is None
    assert figure(told([*USUAL[:-1], 0])).good is True, "fewer no-shows are better"
    (neither,) = figures(
        {**MEASURE, "improvementNotation": {}}, RATE, told([*USUAL[:-1], 30]), Days(MONTH, MONTH), None
    )
    assert (neither.good, neither.signal is not None) == (None, True)


def test_a_signal_of_an_earlier_month_is_none_of_this_one() -> None:
    assert figure(told([*USUAL[:-2], 30, 8])).signal is None
    assert figure(told([*USUAL[:-2], 30, None])).signal is None, "nobody was counted since"


def test_what_is_usual_is_the_same_whatever_month_is_looked_at() -> None:
    points = told([*USUAL[:-2], 30, 8])
    now, earlier = figure(points), figure(points, last=-2)
    assert now.usual == earlier.usual == figure(points, last=-6).usual
    assert (now.now.day, earlier.now.day) == (points[-1][0].days.first, points[-2][0].days.first)
    assert (now.signal, earlier.signal is not None) == (None, True), "what came later is no part of that month"
    assert figure(points, last=-3).signal is None


def test_what_is_not_told_is_no_point_and_moves_nothing() -> None:
    open_, masked = told([*USUAL[:-3], 59, 8, 7]), told([*USUAL[:-3], 59, 8, 7], masked=[21])
    other = figure(told([*USUAL[:-3], 1, 8, 7], masked=[21]))
    found = figure(masked)
    assert replace(found, values=()) == replace(other, values=()), "whatever was counted then"
    assert found.values[-3] == other.values[-3]
    assert (found.values[-3].number, found.values[-3].size, found.values[-3].limit) == (None, 0, None)
    assert words.told(found, found.values[-3]) == words.MASKED
    assert figure(open_).values[-3].number == pytest.approx(59 / 60)
    now = figure(told(USUAL, masked=[23]))
    assert (now.signal, now.met, words.size(now.now)) == (None, None, "")


def test_few_months_have_no_usual() -> None:
    found = figure(told([*[None] * 14, *USUAL[:10]]))
    assert (found.usual, found.signal, words.told(found, found.now)) == (None, None, "13.3 %")
    assert figure(told([None] * 24)).is_of_nobody
    assert not found.is_of_nobody


@pytest.mark.parametrize(("low", "high", "met", "said"), [
    (None, 0.15, True, "≤ 15.0 %"), (None, 0.1, False, "≤ 10.0 %"), (0.1, 0.12, True, "10.0 % to 12.0 %"),
    (0.2, None, False, "≥ 20.0 %"), (None, None, None, ""),
])  # fmt: skip
def test_a_goal_is_met_or_not(low: float | None, high: float | None, met: bool | None, said: str) -> None:
    target = Target("ward", "Goal/g", low, high, False, "")
    found = figure(told([*USUAL[:-1], 7]), target)
    assert (found.met, words.goal(found, target)) == (met, said)


@pytest.mark.parametrize(("scoring", "code", "value", "said"), [
    ("proportion", "1", 0.1234, "12.3 %"), ("ratio", "1", 1.5, "1.50"),
    ("continuous-variable", "d", 12.34, "12.3 days"),
    ("continuous-variable", "min", 240.4, "240 min"), ("continuous-variable", "{score}", -12.5, "-12.5"),
    ("cohort", "1", 17.0, "17"), ("proportion", "1", None, words.NOBODY),
])  # fmt: skip
def test_numbers_are_told_with_their_unit(scoring: str, code: str, value: float | None, said: str) -> None:
    assert words.number(Group({}, scoring, "", (), (), "", "", {"code": code}), value) == said


@pytest.mark.parametrize(("code", "said"), [
    ({"text": "Days to a visit", "coding": [{"code": "x", "display": "X"}]}, "Days to a visit"),
    ({"coding": [{"code": "x", "display": "within a day"}]}, "Within a day"),
    ({"coding": [{"code": "minutes-to-acceptance"}]}, "Minutes to acceptance"), ({}, "3"),
])  # fmt: skip
def test_a_group_is_called_by_words(code: dict[str, Any], said: str) -> None:
    assert Group(code, "cohort", "", (), (), "", "", {}).called(2) == said


def test_a_line_is_within_its_drawing_and_broken_where_nothing_is_told() -> None:
    drawn = line(figure(told([*USUAL[:-4], 9, 8, 8, 30], masked=[19, 21])))
    assert (len(drawn.runs), len(drawn.alone)) == (2, 1)
    places = [tuple(map(float, each.split(","))) for run in (*drawn.runs, drawn.band) for each in run.split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in [*places, *drawn.alone])
    assert drawn.last is not None
    assert drawn.last[0] == max(x for x, _ in places)
    nobody = line(figure(told([None] * 24)))
    assert (nobody.runs, nobody.alone, nobody.last, nobody.centre) == ([], [], None, None)
