"""Recurrence in local time, with an end, and at little cost."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from carethread.core.clock import from_micros, to_micros
from carethread.core.errors import Invalid
from carethread.scheduling.series.expanding import MOST, occurrences, shifted

LONDON = ZoneInfo("Europe/London")
NINE = datetime.fromisoformat("2026-03-16T09:00:00")


def local(rule: str, start: datetime = NINE, zone: ZoneInfo = LONDON) -> list[str]:
    return [from_micros(moment).astimezone(zone).isoformat() for moment in occurrences(rule, start, zone)]


def test_nine_stays_nine_when_the_clocks_change() -> None:
    assert local("FREQ=WEEKLY;COUNT=3") == [
        "2026-03-16T09:00:00+00:00",
        "2026-03-23T09:00:00+00:00",
        "2026-03-30T09:00:00+01:00",
    ]


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=DAILY;UNTIL=20260318", ["16", "17", "18"]),
        ("RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=4", ["16", "18", "23", "25"]),
        ("FREQ=DAILY;INTERVAL=2;COUNT=3", ["16", "18", "20"]),
        ("FREQ=DAILY;UNTIL=20260317T085959Z", ["16"]),
        ("freq=daily;count=2", ["16", "17"]),
    ],
)
def test_rules(rule: str, days: list[str]) -> None:
    assert [moment[8:10] for moment in local(rule)] == days


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("FREQ=WEEKLY", "has one end"),
        ("FREQ=WEEKLY;COUNT=2;UNTIL=20261231", "has one end"),
        ("FREQ=HOURLY;COUNT=3", "FREQ is one of"),
        ("COUNT=3", "FREQ is one of"),
        ("FREQ=DAILY;COUNT=105", "at most 104"),
        ("FREQ=DAILY;UNTIL=20260901", "at most 104"),
        ("FREQ=WEEKLY;UNTIL=21260101", "within 2 years"),
        ("FREQ=DAILY;COUNT=0", "COUNT is a number"),
        ("FREQ=DAILY;COUNT=-1", "COUNT is a number"),
        ("FREQ=DAILY;COUNT=2;COUNT=3", "each once"),
        ("FREQ=DAILY;COUNT=2;X=1", "is made of"),
        ("FREQ=WEEKLY;BYDAY=XX;COUNT=2", "BYDAY is days of"),
        ("FREQ=WEEKLY;INTERVAL=x;COUNT=2", "INTERVAL is a number from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=0;BYMONTH=3;COUNT=5", "INTERVAL is a number from 1 to 1000"),
        ("FREQ=YEARLY;INTERVAL=0;BYMONTH=5;COUNT=5", "INTERVAL is a number from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=-1;COUNT=5", "INTERVAL is a number from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=1,2;COUNT=5", "INTERVAL is a number from 1 to 1000"),
        ("FREQ=MONTHLY;BYDAY=99MO;COUNT=5", "BYDAY .* from 1 to 5"),
        ("FREQ=MONTHLY;BYDAY=0MO;COUNT=5", "BYDAY .* from 1 to 5"),
        ("FREQ=WEEKLY;BYDAY=1MO;COUNT=5", "BYDAY is days of"),
        ("FREQ=YEARLY;BYMONTH=13;BYDAY=1MO;COUNT=5", "BYMONTH is a number from 1 to 12"),
        ("FREQ=MONTHLY;BYMONTHDAY=0;COUNT=5", "BYMONTHDAY is a number from 1 to 31, or from -1 to -31"),
        ("FREQ=YEARLY;BYWEEKNO=54;COUNT=5", "BYWEEKNO is a number from 1 to 53"),
        ("FREQ=YEARLY;BYYEARDAY=-367;COUNT=5", "BYYEARDAY is a number from 1 to 366"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=400;COUNT=5", "BYSETPOS is a number from 1 to 366"),
        ("FREQ=MONTHLY;BYSETPOS=1;COUNT=5", "BYSETPOS chooses"),
        ("FREQ=WEEKLY;BYMONTHDAY=3;COUNT=5", "BYMONTHDAY does not go with FREQ=WEEKLY"),
        ("FREQ=WEEKLY;WKST=1;COUNT=5", "WKST is one of"),
        ("FREQ=DAILY;COUNT=\u0663", "COUNT is a number"),
        ("FREQ=YEARLY;COUNT=5", "within 2 years"),
        ("FREQ=DAILY;UNTIL=00010101T000000Z", "no occurrence|UNTIL is a day"),
        ("FREQ=DAILY;UNTIL=99991231T235959Z", "within 2 years|UNTIL is a day"),
        ("FREQ=DAILY;UNTIL=20260230", "UNTIL is a day"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL is a day"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=3", "no occurrence"),
        ("", "FREQ is one of"),
    ],
)
def test_what_is_no_rule_is_refused_at_once(rule: str, said: str) -> None:
    began = time.process_time()
    with pytest.raises(Invalid, match=said):
        occurrences(rule, NINE, LONDON)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("until", ["00010101T000000Z", "99991231T235959Z", "00010101", "99991231"])
def test_the_ends_of_the_calendar_are_refused_everywhere(zone: str, until: str) -> None:
    with pytest.raises(Invalid):
        occurrences(f"FREQ=DAILY;UNTIL={until}", NINE, ZoneInfo(zone))


def test_a_series_may_have_as_many_as_is_said() -> None:
    assert len(occurrences(f"FREQ=DAILY;COUNT={MOST}", NINE, LONDON)) == MOST


@pytest.mark.parametrize("days", [4_000_000, -1_000_000])
def test_nothing_is_moved_beyond_the_calendar(days: int) -> None:
    with pytest.raises(Invalid, match="beyond the calendar"):
        shifted(to_micros(NINE.replace(tzinfo=LONDON)), timedelta(days=days), LONDON)


def test_moved_by_local_time() -> None:
    before = to_micros(datetime.fromisoformat("2026-03-23T09:00:00+00:00"))
    moved = from_micros(shifted(before, timedelta(days=7, hours=1), LONDON)).astimezone(LONDON)
    assert moved.isoformat() == "2026-03-30T10:00:00+01:00"
