"""Measures of what people need: medication, social needs asked for and met, each beside its second computation."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.measures import social_need_help, social_need_screening, treatment_adherence
from support.measures.comparing import agree
from support.measures.needs_made import dispenses, needs, screenings, visits
from support.measures.plain import Practice, Unit
from support.measures.surrounding import FIRST, LAST, surroundings
from support.viewing import coded

few = settings(max_examples=30, deadline=None)

HALF_YEARS = ((date(2029, 7, 1), date(2029, 12, 31)), (date(2029, 11, 1), date(2030, 4, 30)))
"""One that is over, and one that is not; in both clocks change."""

YEAR, MONTH = (date(2029, 1, 1), date(2029, 12, 31)), (date(2029, 12, 1), date(2029, 12, 31))
LEAP_DAY = (date(2028, 2, 1), date(2028, 2, 28))
TWO_YEARS = (date(2028, 5, 1), date(2030, 4, 30))


def several(made: Any, prefix: str, most: int) -> st.SearchStrategy[list[Any]]:
    """So many, with ids that tell them apart."""
    return st.tuples(*(made(f"{prefix}{number}") for number in range(most))).map(list)


@settings(max_examples=40, deadline=None)
@given(surroundings(), st.sampled_from((*HALF_YEARS, YEAR, MONTH, LEAP_DAY, TWO_YEARS)), st.data())
def test_days_covered(around, period, data):
    first, last = period
    begins = data.draw(st.sampled_from([first, max(date(2028, 1, 1), last - timedelta(days=370))]))
    made = data.draw(several(lambda id_: dispenses(id_, begins), "d", 12))
    resources = [*around, *made]
    agree("treatment-adherence", resources, first, last, treatment_adherence.units(Practice(resources), first, last))


@few
@given(surroundings(), several(visits, "v", 5), several(screenings, "s", 3))
def test_social_needs_that_are_asked_for(around, seen, asked):
    resources = [*around, *seen, *chain.from_iterable(asked)]
    agree("social-need-screening", resources, FIRST, LAST, social_need_screening.units(Practice(resources)))


@few
@given(surroundings(), several(visits, "v", 2), several(needs, "n", 6))
def test_social_needs_that_are_met(around, seen, found):
    resources = [*around, *seen, *chain.from_iterable(found)]
    agree("social-need-help", resources, FIRST, LAST, social_need_help.units(Practice(resources)))


def given_out(id_: str, day: str, days: int) -> dict[str, Any]:
    return {
        "resourceType": "MedicationDispense", "id": id_, "status": "completed", "whenHandedOver": f"{day}T10:00:00Z",
        "subject": {"reference": "Patient/ann"}, "medicationCodeableConcept": coded("urn:atc", "C10AA01"),
        "daysSupply": {"value": days, "code": "d"},
    }  # fmt: skip


def taken(filled: list[tuple[str, int]], period: tuple[date, date], *around: Any) -> list[Unit]:
    """What both computations say of what Ann was given."""
    resources = [*around, *(given_out(f"d{number}", *each) for number, each in enumerate(filled))]
    units = list(treatment_adherence.units(Practice(resources), *period))
    agree("treatment-adherence", resources, *period, units)
    return units


@pytest.mark.parametrize(
    ("filled", "counts", "adherent", "share"),
    [
        ([("2029-10-02", 30), ("2029-11-01", 61)], True, True, 1.0),  # 91 days to the end
        ([("2029-10-03", 30), ("2029-11-02", 60)], False, True, None),  # 90 days
        ([("2029-09-23", 40), ("2029-11-02", 40)], True, True, 0.8),  # 80 of 100 days
        ([("2029-09-23", 40), ("2029-11-02", 39)], True, False, 0.79),
        ([("2029-09-23", 40), ("2029-09-23", 60)], False, True, None),  # one day only
        ([("2029-09-23", 40), ("2029-10-03", 40)], True, True, 0.8),  # what overlaps is shifted
        ([("2029-09-23", 40), ("2029-12-22", 90)], True, False, 0.5),  # no day after the end
    ],
)
@pytest.mark.parametrize("period", [HALF_YEARS[0], YEAR, MONTH])
def test_when_somebody_is_adherent(filled, counts, adherent, share, period):
    (unit,) = taken(filled, period)
    assert ("denominator" in unit.groups[0][0], unit.groups[1][1]) == (counts, share)
    if counts:
        assert ("numerator" in unit.groups[0][0]) == adherent


@pytest.mark.parametrize(
    ("period", "covered", "days"),
    [
        ((date(2028, 1, 1), date(2028, 12, 31)), 183, 366),  # a year with a 29 February is that year
        ((date(2028, 12, 1), date(2028, 12, 31)), 183, 366),
        ((date(2028, 2, 1), date(2028, 2, 29)), 60, 60),
        ((date(2029, 1, 1), date(2029, 1, 31)), 92, 306),  # the first was before that year
    ],
)
def test_a_month_tells_of_the_year_up_to_its_end(period, covered, days):
    (unit,) = taken([("2028-01-01", 91), ("2028-04-01", 46), ("2028-04-02", 46)], period)
    assert unit.groups[1][1] == (pytest.approx(covered / days) if days >= 91 else None)
    assert unit.at == max(datetime(2028, 1 if period[0].year == 2028 else 4, 1, 10, tzinfo=UTC), start_of(period))


def start_of(period: tuple[date, date]) -> datetime:
    return datetime(period[0].year, period[0].month, 1, tzinfo=UTC)


def test_who_died_before_a_month_is_not_counted_in_it():
    filled = [("2029-01-05", 60), ("2029-03-01", 90)]
    dead = {"resourceType": "Patient", "id": "ann", "deceasedDateTime": "2029-06-10T10:00:00Z"}
    (unit,) = taken(filled, (date(2029, 6, 1), date(2029, 6, 30)), dead)
    assert unit.groups[1][1] == pytest.approx(150 / 156)
    assert taken(filled, (date(2029, 7, 1), date(2029, 7, 31)), dead) == []
