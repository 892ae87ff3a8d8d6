"""The chart that a series tells."""

from __future__ import annotations

from datetime import date
from typing import Any

from carethread.metrics.evaluating.counting import Cell, Counted
from carethread.metrics.series.buckets import before, buckets
from carethread.metrics.series.counting import Point
from carethread.metrics.signals.drawing import CHART, drawn
from unit.metrics.signals.test_comparing import counted_by

DAYS = list(buckets(before(date(2031, 1, 1), "month", 15), "month"))


def charts(numerators: list[int], over: int) -> list[dict[str, Any] | None]:
    points = [
        Point(days, [Counted(Cell({"denominator": 100, "numerator": each}, None, {}), {})], i < over)
        for i, (days, each) in enumerate(zip(DAYS, numerators, strict=True))
    ]
    reports = drawn(counted_by().groups, points, [{"group": [{"population": []}]} for _ in points])
    found = []
    for each in reports:
        (extension,) = each["group"][0].get("extension") or [None]
        assert extension is None or extension["url"] == CHART
        parts = extension and {part["url"]: part for part in extension["extension"]}
        found.append(parts)
    return found


def test_each_point_that_is_over_has_its_limits_and_its_signal() -> None:
    *usual, odd, late = charts([10, 20] * 6 + [15, 40, 99], 14)
    assert late is None and odd is not None
    for each in usual:
        assert each is not None and "signal" not in each
        assert (str(each["centre"]["valueDecimal"]), each["kind"]["valueCode"]) == ("0.15", "p")
    told = {part["url"]: part for part in odd["signal"]["extension"]}
    assert told["rule"]["valueCode"] == "one-beyond-three" and told["since"]["valueDate"] == f"{DAYS[13].first}"


def test_too_few_points_are_no_chart() -> None:
    assert charts([10] * 15, 11) == [None] * 15
