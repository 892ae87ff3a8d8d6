"""Which departments have a line of their own."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from carethread.metrics.evaluating.counting import DEPARTMENT, Cell, Counted
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.measures.definition import Group, looks_back
from carethread.metrics.measures.files import in_files, names
from carethread.metrics.measures.shipped import texts
from carethread.metrics.series.counting import Point
from carethread.metrics.signals.charting import Place, charted, lines
from carethread.metrics.signals.charts import Sample

COHORT = Group({}, "cohort", "Task", (), (), "", "", {})


def test_what_can_be_no_id_is_no_department() -> None:
    cell = Cell({"initial-population": 3}, None, {})
    said = ["north", "", "Organization/south", "Ward 3", "x" * 65]
    counted = Counted(cell, {DEPARTMENT: dict.fromkeys(said, cell)})
    point = Point(Days(date(2030, 1, 1), date(2030, 1, 31)), [counted], over=True)
    assert set(lines([COHORT], [(point, {})])) == {Place("", 0), Place("north", 0)}


def test_what_looks_back_is_not_judged() -> None:
    """Points that have most of what they are of in common."""
    group, usual = replace(COHORT, looks_back=True), [Sample(float(i % 2)) for i in range(12)]
    assert charted(COHORT, usual) and charted(group, usual) is None
    counted = Counted(Cell({}, None, {}), {DEPARTMENT: {"north": Cell({"initial-population": 3}, None, {})}})
    point = Point(Days(date(2030, 1, 1), date(2030, 1, 31)), [counted, counted], over=True)
    assert set(lines([group, COHORT], [(point, {})])) == {Place("north", 1)}


def test_shipped_measures_that_read_the_year_before_say_so() -> None:
    reads = {name for name, sql in texts().items() if re.search(r"- INTERVAL (12 MONTH|365 DAY)", sql)}
    assert reads == {name for name in names() if looks_back(in_files(name)[0])} != set()


@pytest.mark.parametrize(
    ("scoring", "code", "least"),
    [
        ("continuous-variable", "min", 0.0), ("continuous-variable", "{person}", 0.0), ("cohort", "", 0.0),
        ("continuous-variable", "{score}", -64.8), ("continuous-variable", "1", -64.8),
    ],
)  # fmt: skip
def test_a_limit_is_no_time_below_zero(scoring: str, code: str, least: float) -> None:
    group = replace(COHORT, scoring=scoring, unit={"code": code})
    made = charted(group, [Sample(30.0 * (i % 2)) for i in range(12)] + [Sample(60.0)])
    assert made is not None
    limits = [each for each in made.limits if each]
    assert [each.lower for each in limits] == pytest.approx([least] * 13, abs=0.1)
    assert limits[-1].upper == pytest.approx(94.8, abs=0.1)
    assert limits[-1].z == pytest.approx(1.69, abs=0.01), "how far off a point is stays as it is"
