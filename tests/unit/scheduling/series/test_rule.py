"""The days of a recurrence rule: those of the specification's examples, and by another reader of rules the same."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import takewhile

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from carethread.core.errors import Invalid
from carethread.scheduling.series.rule import DAYS, days_of, rule_of

START = date(2026, 3, 16)


def found(text: str, start: date = START, days: int = 732) -> list[date]:
    return list(days_of(rule_of(text), start, start + timedelta(days)))


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("FREQ=MONTHLY;BYDAY=1FR", ["2026-04-03", "2026-05-01", "2026-06-05"]),
        ("FREQ=MONTHLY;BYDAY=-1MO", ["2026-03-30", "2026-04-27", "2026-05-25"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", ["2026-03-31", "2026-04-30", "2026-05-29"]),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", ["2026-11-13", "2027-08-13"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1;INTERVAL=2", ["2026-03-31", "2026-05-31", "2026-07-31"]),
        ("FREQ=YEARLY;BYDAY=20MO", ["2026-05-18", "2027-05-17"]),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", ["2026-05-11", "2027-05-17"]),
        ("FREQ=YEARLY;BYWEEKNO=20", ["2026-05-11", "2027-05-17"]),
        ("FREQ=YEARLY", ["2026-03-16", "2027-03-16", "2028-03-16"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU", ["2026-03-16", "2026-03-22", "2026-03-30"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU", ["2026-03-16", "2026-03-29", "2026-03-30"]),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", []),
    ],
)
def test_examples(text: str, days: list[str]) -> None:
    assert [each.isoformat() for each in found(text)[:3]] == days


def numbers(most: int, least: int = 1) -> st.SearchStrategy[str]:
    one = st.integers(least, most).filter(bool)
    return st.lists(one, min_size=1, max_size=4).map(lambda each: ",".join(map(str, each)))


def days(most: int) -> st.SearchStrategy[str]:
    plain = st.lists(st.sampled_from(DAYS), min_size=1, max_size=4)
    numbered = st.lists(
        st.builds("{}{}".format, st.integers(-most, most).filter(bool), st.sampled_from(DAYS)), min_size=1, max_size=3
    )
    return (plain | numbered if most else plain).map(",".join)


def rules() -> st.SearchStrategy[str]:
    interval, month, start = st.integers(1, 30).map(str), numbers(12), st.sampled_from(DAYS)
    everywhere = {"INTERVAL": interval, "BYMONTH": month, "WKST": start}
    more = {
        "DAILY": {"BYDAY": days(0), "BYMONTHDAY": numbers(31, -31)},
        "WEEKLY": {"BYDAY": days(0)},
        "MONTHLY": {"BYDAY": days(5), "BYMONTHDAY": numbers(31, -31)},
        "YEARLY": {"BYDAY": days(53), "BYMONTHDAY": numbers(31, -31), "BYYEARDAY": numbers(366, -366)},
    }
    plain = st.sampled_from(list(more)).flatmap(
        lambda name: st.fixed_dictionaries({"FREQ": st.just(name)}, optional={**everywhere, **more[name]})
    )
    return st.builds(_with_positions, plain, st.none() | numbers(5, -5))


def _with_positions(parts: dict[str, str], positions: str | None) -> str:
    """BYSETPOS not for weeks: of the first the other reader sees only what comes after the start."""
    counted = len(parts.keys() & {"BYDAY", "BYMONTHDAY", "BYYEARDAY"}) and parts["FREQ"] != "WEEKLY"
    chosen = {"BYSETPOS": positions} if positions and counted else {}
    return ";".join(f"{name}={value}" for name, value in {**parts, **chosen}.items())


@settings(max_examples=150, deadline=None)
@given(rules(), st.dates(date(9987, 1, 1), date(9996, 1, 1)))  # it looks on up to the year 9999 where it finds nothing
def test_another_reader_finds_the_same(text: str, start: date) -> None:
    begin, last = datetime.combine(start, datetime.min.time()), start + timedelta(732)
    theirs = rrulestr(text, dtstart=begin).replace(until=datetime.combine(last, datetime.min.time()))
    try:
        expected = [each.date() for each in takewhile(lambda each: each.date() <= last, theirs)]
    except IndexError:  # it errs where a month has fewer of a weekday
        reject()
    assert found(text, start) == expected, (text, start)


@given(st.lists(st.integers(1, 53), min_size=1, max_size=4), st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_weeks_have_the_numbers_of_the_calendar(weeks: list[int], start: date) -> None:
    """ISO 8601, by Python's own calendar: the other reader gives 53 weeks to years that have 52."""
    text = f"FREQ=YEARLY;BYWEEKNO={','.join(map(str, weeks))};BYDAY={','.join(DAYS)}"
    days = (start + timedelta(number) for number in range(733))
    assert found(text, start) == [day for day in days if day.isocalendar().week in weeks]


def test_a_place_in_a_week_is_of_the_whole_week() -> None:
    assert found("FREQ=WEEKLY;BYDAY=MO,TH;BYSETPOS=1", date(2026, 12, 3))[0] == date(2026, 12, 7)


@given(st.text(alphabet="FREQ=DAILYWEKMONTHBSP;,-+0123456789²٣", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(Invalid):
        found("FREQ=MONTHLY;" + text)


def test_what_never_comes_true_costs_as_little() -> None:
    began = time.process_time()
    assert found("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;INTERVAL=1000") == []
    assert time.process_time() - began < 0.1
