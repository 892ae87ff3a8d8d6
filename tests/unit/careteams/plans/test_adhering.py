"""Adherence is what a slow count of windows says, whatever the schedule and the times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.careteams.plans.adhering import Adherence, adherence
from carethread.careteams.plans.schedules import Schedule, schedule_of
from carethread.core.clock import to_micros

BEGIN = datetime(2031, 1, 31, 8, tzinfo=UTC)
DAY = timedelta(1)
LENGTHS = {"h": timedelta(hours=1), "d": DAY, "wk": 7 * DAY}


def micros(days: float) -> int:
    """So many days after the plan began."""
    return to_micros(BEGIN + timedelta(days=days))


def repeated(**members: Any) -> dict[str, Any]:
    return {"scheduledTiming": {"repeat": members}}


def of(detail: dict[str, Any]) -> Schedule:
    found = schedule_of(detail, to_micros(BEGIN))
    assert found is not None
    return found


def judged(detail: dict[str, Any], times: list[float], now: float) -> Adherence:
    return adherence(of(detail), sorted(micros(each) for each in times if each <= now), micros(now))


@given(
    unit=st.sampled_from(sorted(LENGTHS)),
    period=st.integers(1, 3),
    frequency=st.integers(1, 3),
    count=st.integers(0, 7),
    days=st.none() | st.integers(0, 40),
    now=st.integers(0, 40 * 24),  # within the windows that are counted one by one
    hours=st.lists(st.integers(0, 60 * 24), max_size=40),
)
def test_it_is_what_a_slow_count_says(
    unit: str, period: int, frequency: int, count: int, days: int | None, now: int, hours: list[int]
) -> None:
    repeat: dict[str, Any] = {"frequency": frequency, "period": period, "periodUnit": unit}
    if count:
        repeat["count"] = count
    if days is not None:
        start = BEGIN.isoformat()
        repeat["boundsPeriod"] = {"start": start, "end": (BEGIN + days * DAY).isoformat()}
    moment = BEGIN + timedelta(hours=now)
    times = sorted(BEGIN + timedelta(hours=each) for each in hours if each <= now)
    found = adherence(of(repeated(**repeat)), [to_micros(each) for each in times], to_micros(moment))

    begin, left, needed, done, following = BEGIN, count or 10**9, 0, 0, None
    missed: list[datetime] = []
    while left > 0:
        end = begin + period * LENGTHS[unit]
        if days is not None and end > BEGIN + days * DAY + timedelta(seconds=1):
            break
        wanted = min(frequency, left)
        if end > moment:
            following = end
            break
        within = len([each for each in times if begin <= each < end])
        needed, done = needed + wanted, done + min(within, wanted)
        missed = [] if within >= wanted else [*missed, end]
        begin, left = end, left - wanted
    assert (found.needed, found.done) == (needed, done)
    since = missed[0] if missed and not any(each >= begin for each in times) else None
    assert found.overdue == (to_micros(since) if since else 0)
    assert found.due == (to_micros(following) if following else 0)
    state = "overdue" if since else "not-due" if not needed else "behind" if done < needed else ""
    assert found.state == (state or ("kept" if following else "done"))


WEEKLY = repeated(frequency=1, period=1, periodUnit="wk")
ONCE = {"scheduledPeriod": {"start": "2031-01-31T08:00:00Z", "end": "2031-02-07T08:00:00Z"}}


@pytest.mark.parametrize(
    ("detail", "times", "now", "state", "percent"),
    [
        (WEEKLY, [], 6, "not-due", None),
        (WEEKLY, [], 8, "overdue", 0),
        (WEEKLY, [1], 8, "kept", 100),
        (WEEKLY, [1, 2, 3], 15, "overdue", 50),
        (WEEKLY, [1, 14.5], 15, "behind", 50),
        (ONCE, [], 6, "not-due", None),
        (ONCE, [], 8, "overdue", 0),
        (ONCE, [1], 8, "done", 100),
        (ONCE, [20], 21, "done", 100),
        (repeated(frequency=1, period=1, periodUnit="mo"), [27], 28, "kept", 100),
        (repeated(frequency=1, period=1, periodUnit="mo"), [28], 28.5, "behind", 0),
        (repeated(dayOfWeek=["mon", "wed"]), [1], 8, "overdue", 50),
        (repeated(dayOfWeek=["mon", "wed"], period=1, periodUnit="d"), [1, 2], 8, "kept", 100),
        (repeated(timeOfDay=["08:00:00", "20:00:00"]), [0.1, 0.2], 1, "kept", 100),
        (repeated(when=["MORN", "EVE"]), [0.1], 1, "overdue", 50),
        ({"scheduledTiming": {"code": {"coding": [{"code": "BID"}]}}}, [0.1], 1, "overdue", 50),
        ({"scheduledTiming": {"event": ["2031-02-01", "2031-02-03"]}}, [1], 2, "kept", 100),
        ({"scheduledTiming": {"event": ["2031-02-01", "2031-02-03"]}}, [1], 9, "overdue", 50),
        ({"scheduledTiming": {"event": ["2031-02-01"]}}, [1], 9, "done", 100),
    ],
)
def test_schedules(detail: dict[str, Any], times: list[float], now: float, state: str, percent: int | None) -> None:
    found = judged(detail, times, now)
    assert (found.state, found.percent) == (state, percent)


@pytest.mark.parametrize(
    "detail",
    [
        {},
        {"scheduledString": "often"},
        {"scheduledTiming": {}},
        repeated(count=3),
        repeated(frequency=2),
        repeated(period=0.5, periodUnit="mo"),
        {"scheduledTiming": {"code": {"coding": [{"code": "sometimes"}]}}},
    ],
)
def test_what_does_not_say_how_often_is_unknown(detail: dict[str, Any]) -> None:
    assert schedule_of(detail, to_micros(BEGIN)) is None
    assert adherence(None, [1], 2) == Adherence("unknown", done=1)


def test_of_very_many_windows_the_last_are_looked_at() -> None:
    found = judged(repeated(frequency=1, period=1, periodUnit="min"), [], 365)
    assert (found.needed, found.done, found.state) == (1000, 0, "overdue")


def test_at_the_end_of_the_calendar_nothing_follows() -> None:
    repeat = {"frequency": 1, "period": 1, "periodUnit": "a", "boundsPeriod": {"start": "9998-01-01"}}
    assert adherence(of(repeated(**repeat)), [], micros(0)).state == "not-due"
