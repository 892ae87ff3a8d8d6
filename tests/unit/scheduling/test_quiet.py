"""Quiet hours in any zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from carethread.core.clock import from_micros, to_micros
from carethread.core.quiet import SLEEPS, WAKES, awake, before_night
from carethread.scheduling.noshow.reminding import BEFORE, next_reminder
from carethread.scheduling.quiet import zone_of

ZONES = [ZoneInfo(name) for name in ("UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland")]
START = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.integers(0, 365 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))


@given(moments, st.sampled_from(ZONES))
def test_awake_is_the_next_waking_moment_and_before_night_the_last(moment: datetime, zone: ZoneInfo) -> None:
    later, earlier = awake(moment, zone), from_micros(before_night(to_micros(moment), zone))
    for each in (later, earlier):
        assert WAKES <= each.astimezone(zone).hour < SLEEPS
    assert earlier <= moment <= later
    if WAKES <= moment.astimezone(zone).hour < SLEEPS:
        assert earlier == moment == later
    else:
        assert later - moment <= timedelta(hours=12.1)
        assert moment - earlier <= timedelta(hours=13.1)


@given(moments, st.sampled_from(ZONES))
def test_each_reminder_comes_once_and_by_day(start: datetime, zone: ZoneInfo) -> None:
    end = to_micros(start)
    now, sent = end - 30 * 86_400_000_000, []
    while now := next_reminder(end, now, zone):
        sent.append(now)
    assert len(sent) <= len(BEFORE)
    assert sent == sorted(set(sent))
    assert all(WAKES <= from_micros(each).astimezone(zone).hour < SLEEPS for each in sent)


def test_the_zone_is_the_schedules_or_as_the_time_is_written() -> None:
    assert zone_of(None, "2026-03-04T11:00:00+02:00").utcoffset(None) == timedelta(hours=2)
    assert zone_of({"resourceType": "Schedule"}, "2026-03-04T11:00:00Z") == UTC
    assert zone_of(None, "2016-12-31T23:59:60Z") == UTC
    assert zone_of(None, None) == UTC
