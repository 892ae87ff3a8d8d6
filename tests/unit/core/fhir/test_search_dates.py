"""Dates as ranges of instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.fhir.search.dates import EARLIEST, LATEST, asked_range, date_range, instant

MOMENTS = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis takes naive bounds


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024", "2024-01-01T00:00:00", "2025-01-01T00:00:00"),
        ("2024-02", "2024-02-01T00:00:00", "2024-03-01T00:00:00"),
        ("2024-12", "2024-12-01T00:00:00", "2025-01-01T00:00:00"),
        ("2024-02-29", "2024-02-29T00:00:00", "2024-03-01T00:00:00"),
        ("2024-02-29T10:30Z", "2024-02-29T10:30:00", "2024-02-29T10:31:00"),
        ("2024-02-29T10:30:15+02:00", "2024-02-29T08:30:15", "2024-02-29T08:30:16"),
        ("2024-02-29T10:30:15.2", "2024-02-29T10:30:15.200000", "2024-02-29T10:30:15.300000"),
        ("2024-02-29T10:30:15.1234567Z", "2024-02-29T10:30:15.123456", "2024-02-29T10:30:15.123457"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59", "2017-01-01T00:00:00"),
    ],
)
def test_range(text: str, low: str, high: str) -> None:
    bounds = tuple(instant(datetime.fromisoformat(bound).replace(tzinfo=UTC)) for bound in (low, high))
    assert date_range(text) == bounds


def test_the_ends_of_time() -> None:
    assert date_range("0001") == (EARLIEST, instant(datetime(2, 1, 1, tzinfo=UTC)))
    assert (date_range("9999-12-31") or (0, 0))[1] == LATEST
    assert (date_range("9999") or (0, 0))[1] == LATEST


def test_the_zone_of_a_time_that_names_none() -> None:
    zone = timezone(timedelta(hours=2))
    midnights = [instant(datetime(2024, 3, day, tzinfo=zone)) for day in (1, 2)]
    assert date_range("2024-03-01", zone) == tuple(midnights)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "24",
        "2024-13",
        "2024-02-30",
        "2024-1-1",
        "2024-W01-1",
        "20240101",
        "2024-01-01T",
        "2024-01-01T10",
        "x",
        "٢٠٢٤",
    ],
)
def test_no_date(text: str) -> None:
    assert date_range(text) is None


@given(MOMENTS)
def test_each_coarser_range_contains_the_finer(moment: datetime) -> None:
    text = moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    spans = [date_range(text[:length] + ("Z" if length > 10 else "")) for length in (4, 7, 10, 16, 19, 23)]
    for outer, inner in pairwise(spans):
        assert outer is not None
        assert inner is not None
        assert outer[0] <= inner[0] < inner[1] <= outer[1]


def test_what_is_asked_for_can_be_answered() -> None:
    assert asked_range("2026-11-22T08:00:00 01:00") == date_range("2026-11-22T08:00:00+01:00")
    assert asked_range("0001") == (EARLIEST, date_range("0002")[0])  # type: ignore[index]  # a date
    assert asked_range("9999-12-31T23:59:59Z") == (LATEST - 1_000_000, LATEST)
    for outside in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "soon"):
        assert asked_range(outside) is None


@given(st.text(max_size=40))
def test_any_text_is_read_or_not(text: str) -> None:
    span = date_range(text)
    assert span is None or span[0] < span[1]
