"""By when an offer is to be answered, beside a model that counts minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.clock import from_micros, to_micros
from carethread.scheduling.waitlist.deadlines import INTERPRETER, MINUTES, SHORTEST, deadline

ZONES = ("Europe/London", "America/New_York", "Australia/Lord_Howe")


def slow(now: datetime, begin: datetime, channel: str, zone: ZoneInfo, notice: int) -> datetime | None:
    """Go on minute by minute, counting those in which people are awake."""
    latest = begin - timedelta(minutes=notice)
    moment, left = now, MINUTES[channel]
    first = None
    while True:
        awake = 8 <= moment.astimezone(zone).hour < 21
        if awake and first is None:
            first = moment
        if left == 0 and first is not None:
            break
        left -= awake
        moment += timedelta(minutes=1)
    until = min(moment, latest)
    return until if until - first >= timedelta(minutes=SHORTEST) else None


@given(
    now=st.integers(0, 2 * 365 * 1440),
    ahead=st.integers(1, 5 * 1440),
    channel=st.sampled_from(sorted(MINUTES)),
    zone=st.sampled_from(ZONES),
    notice=st.integers(0, 600),
)
def test_as_counted_minute_by_minute(now: int, ahead: int, channel: str, zone: str, notice: int) -> None:
    asked = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=now)
    begin = asked + timedelta(minutes=ahead)
    expected = slow(asked, begin, channel, ZoneInfo(zone), notice)
    found = deadline(to_micros(asked), to_micros(begin), channel, ZoneInfo(zone), notice, interpreter=False)
    assert (found and from_micros(found)) == expected


def test_at_night_the_answer_is_due_in_the_morning() -> None:
    now, begin = datetime(2026, 3, 2, 23, 30, tzinfo=UTC), datetime(2026, 3, 4, 9, tzinfo=UTC)
    found = deadline(to_micros(now), to_micros(begin), "phone", UTC, 60, interpreter=False)
    assert found and from_micros(found) == datetime(2026, 3, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize(("hours", "asked"), [(26, True), (24, False)])
def test_an_interpreter_needs_a_day(hours: int, asked: bool) -> None:
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    found = deadline(to_micros(now), to_micros(now + timedelta(hours=hours)), "phone", UTC, 60, interpreter=True)
    assert (found is not None) is asked
    assert INTERPRETER == 24 * 60
