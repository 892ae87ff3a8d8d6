"""Measures of visits say what their definitions say: unit by unit, whole and by stratum, on drawn practices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.measures import drawn_visits, returning, visits
from support.measures.comparing import agree, counts_agree
from support.measures.plain import Practice, Unit

Second = Callable[[Practice, date, date], Iterable[Unit]]

SEEN = drawn_visits.meetings(("AMB", "AMB", "EMER", "VR", "IMP", "OBSENC"))
"""What visits are, and what is none."""

CASES: dict[str, tuple[st.SearchStrategy, Second]] = {
    "no-show-rate": (drawn_visits.visits(), lambda practice, *_: visits.no_show(practice)),
    "late-cancellation-rate": (drawn_visits.visits(), lambda practice, *_: visits.late_cancellation(practice)),
    "waiting-time": (drawn_visits.visits(), lambda practice, *_: visits.waiting_time(practice)),
    "waitlist-fairness": (drawn_visits.visits(), lambda practice, *_: visits.waitlist_fairness(practice)),
    "third-next-available": (
        drawn_visits.calendars(),
        lambda practice, *_: visits.third_next_available(practice),
    ),
    "retention": (SEEN, lambda practice, *_: returning.retention(practice)),
    "avoidable-repeat-visits": (SEEN, lambda practice, *_: returning.repeat_visits(practice)),
    "continuity-upc": (drawn_visits.meetings(("AMB", "EMER", "VR")), returning.continuity),
    "readmission-30-days": (
        drawn_visits.meetings(("IMP", "IMP", "ACUTE", "NONAC", "EMER")),
        lambda practice, *_: returning.readmission(practice),
    ),
}


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_units_are_those_of_the_definition(name, data):
    drawn, second = CASES[name]
    resources, (first, last) = data.draw(drawn), data.draw(st.sampled_from(drawn_visits.PERIODS))
    agree(name, resources, first, last, second(Practice(resources), first, last))


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_units_are_counted_whole_and_by_stratum(name, data):
    drawn, second = CASES[name]
    resources, (first, last) = data.draw(drawn), data.draw(st.sampled_from(drawn_visits.PERIODS))
    counts_agree(name, resources, first, last, second(Practice(resources), first, last))
