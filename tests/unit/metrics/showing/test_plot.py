"""Where points, gaps, limits and ticks of a chart stand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carethread.metrics.showing.plot import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, begun, plot, scale
from carethread.metrics.showing.points import Point, points

DAY = date(2029, 1, 1)
heights = st.floats(-1e6, 1e6, allow_nan=False).map(lambda n: round(n, 4))


def point(i: int, value: float | None, *, masked: bool = False, **more: Any) -> Point:
    day = DAY + timedelta(days=i)
    return Point(day, day, value, None if masked else 9, masked, over=True, **more)


@given(st.lists(heights, max_size=6), st.booleans())
def test_an_axis_shows_all_that_there_is(found: list[float], share: bool) -> None:
    low, high, step = scale(found, share=share)
    assert all(low - 1e-6 * step <= each <= high + 1e-6 * step for each in (0.0, *found))
    assert low < high
    assert 1 <= round((high - low) / step) <= 12


def test_a_share_ends_at_all() -> None:
    assert scale([0.98], share=True) == (0.0, 1.0, 0.2)
    assert scale([], share=True)[:2] == (0.0, 1.0)
    assert scale([0.3], share=False)[1] > 0.3


@given(st.lists(st.none() | heights, max_size=8))
def test_what_has_no_number_has_no_place(values: list[float | None]) -> None:
    made = plot([point(i, each, masked=each is None) for i, each in enumerate(values)], [], share=False)
    assert [each.point.value for each in made.marks] == [each for each in values if each is not None]
    assert len(made.hidden) == values.count(None)
    assert all(LEFT <= each.x <= WIDTH and TOP - 0.1 <= each.y <= HEIGHT - BOTTOM + 0.1 for each in made.marks)


def test_a_line_is_broken_where_there_is_nothing() -> None:
    values = [0.1, 0.2, None, 0.3, None, 0.4, 0.5]
    made = plot([point(i, each) for i, each in enumerate(values)], [0.25], share=True)
    assert [len(run.split()) for run in made.runs] == [2, 2]
    assert (len(made.marks), made.hidden, len(made.targets)) == (5, [], 1)
    assert (made.band, made.centre) == ("", "")


def test_limits_are_a_band_around_the_usual() -> None:
    limits: dict[str, Any] = {"centre": 0.3, "lower": 0.1, "upper": 0.5}
    made = plot([point(i, 0.3, **limits) for i in range(3)], [], share=True)
    assert (len(made.band.split()), len(made.centre.split())) == (6, 3)


def test_a_masked_report_is_a_point_without_numbers() -> None:
    absent = [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]
    population = {"code": {"coding": [{"code": "denominator"}]}, "_count": {"extension": absent}}
    told = {"population": [population], "measureScore": {"extension": absent}}
    report = {"measure": "m", "status": "complete", "period": {"start": "2029-01", "end": "2029-01"}, "group": [told]}
    [found] = points([report], 0)
    assert (found.value, found.size, found.masked, found.over) == (None, None, True, True)
    assert (found.start, found.end) == (date(2029, 1, 1), date(2029, 1, 31))


def test_a_chart_begins_where_there_is_something() -> None:
    told = [point(0, None), point(1, None, masked=True), point(2, None), point(3, 0.2)]
    assert begun(told) == told[1:]
    assert begun(told[:1]) == []


def test_what_is_wanted_alone_makes_no_scale() -> None:
    made = plot([point(i, None, masked=True) for i in range(3)], [0.25], share=True)
    assert (made.ticks, made.targets, len(made.hidden)) == ([], [], 3)
