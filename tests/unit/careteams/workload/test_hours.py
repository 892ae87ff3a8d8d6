"""What lies outside of somebody's hours, in any zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from carethread.careteams.workload.hours import MINUTE, known, merged, outside
from carethread.core.clock import to_micros
from carethread.core.zones import DAYS

ZONES = [ZoneInfo(name) for name in ("UTC", "America/New_York", "Asia/Kathmandu")]
FIRST = datetime(2031, 3, 3, tzinfo=UTC)

times = st.integers(0, 23 * 4 + 3).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}:00")
rules = st.fixed_dictionaries(
    {"daysOfWeek": st.lists(st.sampled_from(DAYS), min_size=1, max_size=4, unique=True)},
    optional={"availableStartTime": times, "availableEndTime": times, "allDay": st.booleans()},
)


def is_open(moment: datetime, rules: list[dict[str, Any]], zone: ZoneInfo) -> bool:
    """Whether somebody works in a minute, looked at one by one."""
    local = moment.astimezone(zone)
    at, yesterday = local.strftime("%H:%M:%S"), (local - timedelta(days=1)).weekday()
    for rule in rules:
        begin = "00:00:00" if rule.get("allDay") else rule.get("availableStartTime", "00:00:00")
        end = "00:00:00" if rule.get("allDay") else rule.get("availableEndTime", "00:00:00")
        over_night = end <= begin
        if DAYS[local.weekday()] in rule["daysOfWeek"] and begin <= at and (over_night or at < end):
            return True
        if DAYS[yesterday] in rule["daysOfWeek"] and over_night and at < end:
            return True
    return False


@given(st.lists(rules, max_size=3), st.sampled_from(ZONES), st.integers(0, 4 * 24 * 7), st.integers(1, 4 * 30))
def test_each_quarter_of_an_hour_is_in_or_out(
    some: list[dict[str, Any]], zone: ZoneInfo, first: int, count: int
) -> None:
    quarter = timedelta(minutes=15)
    begin = FIRST + first * quarter
    span = to_micros(begin), to_micros(begin + count * quarter)
    closed = sum(not is_open(begin + number * quarter, some, zone) for number in range(count))
    assert outside(span, [({"availableTime": some}, zone)]) == closed * 15 * MINUTE


def test_the_hours_of_several_roles_add_up_and_absence_is_taken_off() -> None:
    morning = {"availableTime": [{"availableStartTime": "08:00:00", "availableEndTime": "12:00:00"}]}
    later = {"availableTime": [{"availableStartTime": "11:00:00", "availableEndTime": "16:00:00"}]}
    day = to_micros(FIRST), to_micros(FIRST + timedelta(days=1))
    both = [(morning, ZONES[0]), (later, ZONES[0])]
    assert outside(day, both) == 16 * 60 * MINUTE
    away = {**later, "notAvailable": [{"description": "Away", "during": {"start": "2031-03-03", "end": "2031-03-03"}}]}
    assert outside(day, [both[0], (away, ZONES[0])]) == 20 * 60 * MINUTE
    assert (known([{}, morning]), known([{}])) == (True, False)
    assert merged([(5, 7), (1, 3), (3, 4), (6, 9), (2, 2)]) == [(1, 4), (5, 9)]
