"""How soon feedback is answered, as numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.careteams.feedback.figures import COUNTS, RANKS, figures, ranked
from carethread.careteams.feedback.terms import STATES, concept
from carethread.core.clock import instant
from carethread.core.ports import Resource

HOUR = 3_600_000_000
START = 1_930_000_000_000_000


def task(status: str, state: str, took: float | None = None, over: float | None = None) -> Resource:
    """Feedback of which somebody took so many hours to take it, and to answer it, that was due after ten."""
    made: dict[str, Any] = {
        "status": status,
        "businessStatus": concept(STATES, state),
        "restriction": {"period": {"start": instant(START), "end": instant(START + 10 * HOUR)}},
    }
    dates = {"start": took, "end": over}
    period = {name: instant(START + int(hours * HOUR)) for name, hours in dates.items() if hours is not None}
    return {**made, **({"executionPeriod": period} if period else {})}


def test_what_is_counted() -> None:
    found = figures(
        [
            task("requested", "waiting"),
            task("accepted", "taken", 2),
            task("completed", "told", 1, 3),
            task("completed", "untold", 2, 5),
            task("completed", "told-openly", 4, 8),
            task("cancelled", "withdrawn", 1, 2),
        ],
        START + 11 * HOUR,
    )
    assert dict(found.counts) == {
        "said": 6, "open": 2, "overdue": 2, "answered": 4, "closed": 3, "told": 1, "told-openly": 1, "untold": 1,
        "withdrawn": 1,
    }  # fmt: skip
    assert found.hours == {"hours-to-answer": {"median": 2, "p90": 4}, "hours-to-close": {"median": 5, "p90": 8}}
    assert found.share_told == round(2 / 3, 4)


def test_of_nothing_there_are_no_ranks() -> None:
    found = figures([], START)
    assert (set(found.counts.values()), found.hours, found.share_told) == ({0}, {}, None)
    assert set(found.counts) == set(COUNTS)


def test_what_is_not_late_yet_is_not_overdue() -> None:
    assert figures([task("requested", "waiting")], START + 9 * HOUR).counts["overdue"] == 0


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=200))
def test_a_rank_is_the_least_value_that_so_many_are_not_above(hours: list[int]) -> None:
    found = ranked([each * HOUR for each in hours])
    for name, percent in RANKS.items():
        value = found[name]
        assert sum(each <= value for each in hours) * 100 >= percent * len(hours)
        assert value in hours
        smaller = [each for each in hours if each < value]
        assert len(smaller) * 100 < percent * len(hours)


@pytest.mark.parametrize("hours", [[5], [5, 7]])
def test_of_few_the_first_half_is_the_median(hours: list[int]) -> None:
    assert ranked([each * HOUR for each in hours])["median"] == 5
