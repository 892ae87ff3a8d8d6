"""When somebody is reminded: as planned, by day, before the end."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from carethread.core.clock import from_micros, to_micros
from carethread.core.zones import zone_named
from carethread.questionnaires.assigning.assignment import DAY, Assignment
from carethread.questionnaires.assigning.reminding import next_step
from carethread.questionnaires.assigning.telling import by_day

ASKED = to_micros(datetime(2031, 3, 3, 8, tzinfo=UTC))
ZONES = ["UTC", "America/Mexico_City", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland"]


def said(*days: int, zone: str = "UTC", lasts: int = 14) -> Assignment:
    return Assignment("Task/t", "Patient/p", ASKED, ASKED + lasts * DAY, "en", "sms", zone, reminders=days)


def test_one_after_the_other_and_then_the_end() -> None:
    plan = said(7, 3)
    assert next_step(plan, ASKED) == ASKED + 3 * DAY
    assert next_step(plan, ASKED + 3 * DAY) == ASKED + 7 * DAY
    assert next_step(plan, ASKED + 7 * DAY) == plan.expires
    assert next_step(said(30), ASKED) == plan.expires, "none after the end"
    assert next_step(said(), ASKED) == plan.expires


@given(
    days=st.lists(st.integers(1, 20), max_size=5, unique=True),
    zone=st.sampled_from(ZONES),
    lasts=st.integers(1, 30),
    minutes=st.integers(0, 24 * 60),
)
def test_as_many_as_were_planned_and_none_at_night(days: list[int], zone: str, lasts: int, minutes: int) -> None:
    plan = said(*days, zone=zone, lasts=lasts)
    now, steps = ASKED + minutes * 60_000_000, []
    while (now := next_step(plan, now)) < plan.expires:
        steps.append(now)
    assert now == plan.expires
    assert len(steps) <= len(days)
    assert steps == sorted(set(steps))
    assert all(8 <= from_micros(each).astimezone(zone_named(zone)).hour < 21 for each in steps)


@given(moment=st.integers(0, 400 * 24 * 60), zone=st.sampled_from(ZONES))
def test_by_day(moment: int, zone: str) -> None:
    at = ASKED + moment * 60_000_000
    later = by_day(at, zone)
    assert at <= later < at + DAY
    assert by_day(later, zone) == later
