"""When facts count: intervals that end when they are over, whatever the calendar."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.careteams.risk.windows import (
    ALWAYS,
    both,
    covers,
    next_change,
    ranges_of,
    union,
    without,
)
from carethread.core.clock import from_micros, to_micros
from carethread.core.fhir.fhirpath import Element
from carethread.core.fhir.search.dates import EARLIEST, LATEST
from carethread.core.lengths import Length, length_of

INTERVALS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda pair: (min(pair), max(pair))))
DAY = 86_400_000_000


@given(INTERVALS, INTERVALS)
def test_they_are_sets_of_moments(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    a, b = union(one), union(other)
    for moment in range(31):
        in_a, in_b = (any(low <= moment < high for low, high in each) for each in (one, other))
        assert covers(a, moment) is in_a
        assert covers(both(a, b), moment) is (in_a and in_b)
        assert covers(without(a, b), moment) is (in_a and not in_b)


@given(INTERVALS, st.integers(0, 30))
def test_nothing_changes_before_the_next_change(some: list[tuple[int, int]], moment: int) -> None:
    intervals = union(some)
    until = min(next_change(intervals, moment), 31)
    assert len({covers(intervals, each) for each in range(moment, until)}) <= 1
    if until < 31:
        assert covers(intervals, until) is not covers(intervals, until - 1)


@pytest.mark.parametrize(
    ("value", "code", "start", "end"),
    [
        (1, "mo", "2026-01-31", "2026-02-28"),
        (12, "mo", "2024-02-29", "2025-02-28"),
        (1, "a", "2026-03-01", "2027-03-01"),
        (65, "a", "1961-06-15", "2026-06-15"),
        (2, "wk", "2026-12-25", "2027-01-08"),
        (90, "d", "2026-01-01", "2026-04-01"),
    ],
)
def test_a_duration_goes_by_the_calendar(value: int, code: str, start: str, end: str) -> None:
    length = length_of({"value": value, "code": code, "system": "http://unitsofmeasure.org"})
    assert length is not None
    first, last = (to_micros(datetime.fromisoformat(each).replace(tzinfo=UTC)) for each in (start, end))
    assert from_micros(length.after(first)) == from_micros(last)


@pytest.mark.parametrize("length", [Length(months=2400), Length(micros=200 * 366 * DAY)])
def test_what_is_after_the_end_of_time_is_then(length: Length) -> None:
    assert length.after(LATEST - DAY) == LATEST
    assert length.after(LATEST) == LATEST


@pytest.mark.parametrize(
    ("value", "type_name", "found"),
    [
        ("2026-03", "date", 1),
        ("2026-03-01T10:00:00Z", "dateTime", 1),
        ("soon", "dateTime", 0),
        ("2026-03-01", "string", 0),
        ({"start": "2026-03-01"}, "Period", 1),
        ({}, "Period", 1),
        ({"event": ["2026-03-01", "2026-04-01"]}, "Timing", 2),
        ({"repeat": {"boundsPeriod": {"end": "2026-03-01"}}}, "Timing", 1),
        ({"repeat": {"frequency": 1}}, "Timing", 0),
    ],
)
def test_what_says_when(value: object, type_name: str, found: int) -> None:
    assert len(list(ranges_of(Element(value, type_name)))) == found


def test_a_period_without_ends_is_always() -> None:
    assert list(ranges_of(Element({}, "Period"))) == [(EARLIEST, LATEST)] == list(ALWAYS)
