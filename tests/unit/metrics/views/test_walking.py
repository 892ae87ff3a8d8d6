"""Moments and days as views write them."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.clock import instant, to_micros
from carethread.core.fhir.json import Number
from carethread.core.fhir.search.dates import date_range
from carethread.metrics.views.walking import Unplain, day, end, lists_of_primitives, number, utc, within

MOMENTS = st.datetimes().filter(lambda moment: 2 < moment.year < 9998)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(MOMENTS, OFFSETS, st.sampled_from(["seconds", "milliseconds"]))
def test_a_moment_is_the_same_in_utc(moment, zone, precision):
    text = moment.replace(tzinfo=zone).isoformat(timespec=precision)
    span = date_range(text)
    assert span is not None
    assert utc(text) == instant(span[0])
    assert utc(text.replace("+00:00", "Z")) == instant(span[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2031", "2031-01-01T00:00:00.000Z"),
        ("2031-03", "2031-03-01T00:00:00.000Z"),
        ("2031-03-04", "2031-03-04T00:00:00.000Z"),
        ("2031-03-30T02:30:00+02:00", "2031-03-30T00:30:00.000Z"),
        ("2031-03-04T08:00:00.123456789Z", "2031-03-04T08:00:00.123Z"),
        ("2031-03-04T08:00:00.1-05:30", "2031-03-04T13:30:00.100Z"),
        ("2031-12-31T23:59:60Z", "2031-12-31T23:59:59.000Z"),
        ("0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00.000Z"),
        ("soon", None),
        ("2031-03-04T08:00:00.00000x01:00", None),
    ],
)
def test_a_moment(text, expected):
    assert utc(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2031", "2032-01-01T00:00:00.000Z"),
        ("2031-02", "2031-03-01T00:00:00.000Z"),
        ("2031-12-31", "2032-01-01T00:00:00.000Z"),
        ("2031-03-04T00:00:00Z", "2031-03-04T00:00:00.000Z"),  # no day, though it begins one
        ("2031-03-30T02:30:00+02:00", "2031-03-30T00:30:00.000Z"),
        ("9999-12-31", "9999-12-31T23:59:59.999Z"),
        ("soon", None),
    ],
)
def test_an_end(text, expected):
    assert end(text) == expected


@given(MOMENTS)
def test_a_moment_of_ours_stays_as_it_is_written(moment):
    text = instant(to_micros(moment.replace(tzinfo=UTC)))
    assert utc(text) == text


def test_a_day():
    texts = ("1954", "1954-07", "1954-07-09", "1954-07-09T23:00:00-05:00")
    assert [day(text) for text in texts] == ["1954-01-01", "1954-07-01", "1954-07-09", "1954-07-09"]


def test_a_number_keeps_its_digits():
    assert [number(0.1), number(Number("1.10")), number(3)] == [Decimal("0.1"), Decimal("1.10"), 3]


def test_a_repeated_primitive_of_several_nodes_is_told_in_order_where_plain_json_does():
    names = [{"given": ["Ann", "Bo"]}, {}, {"given": ["Cy"]}]
    assert lists_of_primitives(names, "given", "_given") == ["Ann", "Bo", "Cy"]
    for surprising in ({"given": ["Ann"], "_given": [None]}, {"given": "Ann"}):
        with pytest.raises(Unplain):
            lists_of_primitives([surprising], "given", "_given")


@pytest.mark.parametrize(
    ("told", "stands"),
    [
        ("2029-06-01", "2029-06-01T10:00:00.000Z"),
        ("2029-06", "2029-06-01T10:00:00.000Z"),
        ("2029", "2029-01-01T10:00:00.000Z"),
        ("2029-06-01T00:00:00Z", "2029-06-01T00:00:00.000Z"),
        ("2029-06-01T00:00:00+02:00", "2029-05-31T22:00:00.000Z"),
        ("June", None),
    ],
)
def test_a_day_alone_stands_within_it(told, stands):
    assert within(told) == stands
