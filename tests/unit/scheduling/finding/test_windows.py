"""Windows of a week: by the wall's clock, on either side of a change of the clocks, and what is none is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.clock import from_micros, to_micros
from carethread.core.errors import Malformed
from carethread.core.zones import DAYS
from carethread.scheduling.finding.windows import Window, inside, next_open, spans, texts_of, window_of, zone_of

NEW_YORK = ZoneInfo("America/New_York")
MINUTE = 60_000_000


def at(text: str) -> int:
    return to_micros(datetime.fromisoformat(text))


def test_a_window_keeps_the_clock_of_the_wall() -> None:
    window = window_of("sun,mon 09:00-10:00", "window")
    found = spans([window], NEW_YORK, at("2031-03-08T00:00:00Z"), at("2031-03-11T00:00:00Z"))
    assert [from_micros(begin).isoformat() for begin, _ in found] == [
        "2031-03-09T13:00:00+00:00",
        "2031-03-10T13:00:00+00:00",
    ]
    assert spans([window], NEW_YORK, at("2031-03-01T00:00:00Z"), at("2031-03-03T00:00:00Z"))[0][0] == at(
        "2031-03-02T14:00:00Z"
    )


def test_a_window_up_to_midnight_meets_the_next_day() -> None:
    whole = window_of("00:00-24:00", "window")
    begin, end = at("2031-05-01T10:00:00Z"), at("2031-05-09T10:00:00Z")
    assert spans([whole], UTC, begin, end) == [(begin, end)]


@pytest.mark.parametrize(
    "text",
    ["", "mon", "09:00", "9:00-10:00", "mon 10:00-09:00", "mon 09:00-24:01", "xyz 09:00-10:00", "mon 09:60-10:00"],
)
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as raised:
        window_of(text, "window")
    assert raised.value.issues[0].expression == "window"


@pytest.mark.parametrize(
    "name", ["", "Nowhere/Land", "europe/london", "Europe", "../etc/passwd", "Europe/" + "x" * 400]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        zone_of(name)


def test_a_timing_is_days_at_times() -> None:
    timing = {"repeat": {"dayOfWeek": ["mon", "fri"], "timeOfDay": ["09:30:00", "23:00:00"]}}
    assert list(texts_of(timing)) == ["mon,fri 09:30-11:30", "mon,fri 23:00-24:00"]
    assert list(texts_of({"repeat": {"when": ["MORN"]}})) == ["06:00-12:00"]
    assert list(texts_of({"repeat": {"dayOfWeek": ["sat"]}})) == ["sat 00:00-24:00"]
    assert list(texts_of({})) == []
    with pytest.raises(Malformed):
        list(texts_of({"repeat": {"when": ["PCV"]}}))


WINDOWS = st.builds(
    lambda days, start, length: Window(frozenset(days), start, min(start + length, 24 * 60)),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 23 * 60),
    st.integers(1, 600),
)


@given(st.lists(WINDOWS, max_size=4), st.integers(0, 400 * 24 * 60), st.sampled_from(["UTC", "America/New_York"]))
def test_what_is_open_is_what_a_window_says(windows: list[Window], minute: int, name: str) -> None:
    zone = ZoneInfo(name)
    begin = at("2031-01-01T00:00:00Z")
    open_spans = spans(windows, zone, begin, at("2032-02-20T00:00:00Z"))
    assert all(one[1] < other[0] for one, other in pairwise(open_spans))
    moment = begin + minute * MINUTE
    wall = from_micros(moment).astimezone(zone)
    if (wall + timedelta(hours=3)).utcoffset() != (wall - timedelta(hours=3)).utcoffset():
        return
    told = any(wall.weekday() in w.days and w.start <= wall.hour * 60 + wall.minute < w.end for w in windows)
    assert inside(open_spans, moment, moment + 1) == told
    assert (next_open(open_spans, moment) == moment) == told


def test_the_days_are_those_of_a_week() -> None:
    assert [date(2031, 1, 6 + n).strftime("%a").lower() for n in range(7)] == list(DAYS)
