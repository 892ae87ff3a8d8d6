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
        ("FREQ=WEEKLY", "has an end"),
        ("FREQ=HOURLY;COUNT=3", "FREQ is one of"),
        ("COUNT=3", "FREQ is one of"),
        ("FREQ=DAILY;COUNT=105", "at most 104"),
        ("FREQ=DAILY;UNTIL=20260901", "at most 104"),
        ("FREQ=WEEKLY;UNTIL=21260101", "within 2 years"),
        ("FREQ=DAILY;COUNT=0", "COUNT is a number"),
        ("FREQ=DAILY;COUNT=-1", "COUNT is a number"),
        ("FREQ=DAILY;COUNT=2;COUNT=3", "each once"),
        ("FREQ=DAILY;COUNT=2;X=1", "is made of"),
        ("FREQ=WEEKLY;BYDAY=XX;COUNT=2", "a value that it cannot have"),
        ("FREQ=WEEKLY;INTERVAL=x;COUNT=2", "a value that it cannot have"),
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


def test_a_series_may_have_as_many_as_is_said() -> None:
    assert len(occurrences(f"FREQ=DAILY;COUNT={MOST}", NINE, LONDON)) == MOST


def test_moved_by_local_time() -> None:
    before = to_micros(datetime.fromisoformat("2026-03-23T09:00:00+00:00"))
    moved = from_micros(shifted(before, timedelta(days=7, hours=1), LONDON)).astimezone(LONDON)
    assert moved.isoformat() == "2026-03-30T10:00:00+01:00"
