"""Which departments have a line of their own."""

from __future__ import annotations

from datetime import date

from carethread.metrics.evaluating.counting import DEPARTMENT, Cell, Counted
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.measures.definition import Group
from carethread.metrics.series.counting import Point
from carethread.metrics.signals.charting import Place, lines

COHORT = Group({}, "cohort", "Task", (), (), "", "", {})


def test_what_can_be_no_id_is_no_department() -> None:
    cell = Cell({"initial-population": 3}, None, {})
    said = ["north", "", "Organization/south", "Ward 3", "x" * 65]
    counted = Counted(cell, {DEPARTMENT: dict.fromkeys(said, cell)})
    point = Point(Days(date(2030, 1, 1), date(2030, 1, 31)), [counted], over=True)
    assert set(lines([COHORT], [(point, {})])) == {Place("", 0), Place("north", 0)}
