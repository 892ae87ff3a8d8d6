"""When rounds are, and how far back things count."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from carethread.core.clock import from_micros, to_micros
from carethread.core.lengths import Length
from carethread.core.moments import DAY
from carethread.core.programmes.programme import Action
from carethread.questionnaires.programmes.terms import before, next_round

SINCE = to_micros(datetime(2031, 1, 31, 9, tzinfo=UTC))
MONTHLY = Action("one", "f", (), Length(micros=DAY), Length(micros=DAY), every=Length(months=1), since=SINCE)
WEEKLY = replace(MONTHLY, every=Length(micros=7 * DAY))


def test_rounds_by_the_calendar_stay_at_its_end() -> None:
    dates, now = [], SINCE - 1
    for _ in range(4):
        number, now = next_round(MONTHLY, now)
        dates.append((number, from_micros(now).date().isoformat()))
    assert dates == [(0, "2031-01-31"), (1, "2031-02-28"), (2, "2031-03-31"), (3, "2031-04-30")]


@given(st.integers(-400, 4000), st.sampled_from([MONTHLY, WEEKLY]))
def test_the_next_is_the_first_after_now(days: int, action: Action) -> None:
    now = SINCE + days * DAY
    number, due = next_round(action, now)
    assert due > now
    assert number == 0 or due - now <= 31 * DAY
    assert next_round(action, due - 1) == (number, due)
    assert next_round(action, due)[0] == number + 1


def test_how_far_back() -> None:
    march = to_micros(datetime(2031, 3, 31, tzinfo=UTC))
    assert from_micros(before(march, Length(months=1))).date().isoformat() == "2031-02-28"
    assert before(march, Length(micros=DAY)) == march - DAY
