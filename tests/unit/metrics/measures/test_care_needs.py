"""Measures of what people need: medication, social needs asked for and met, each beside its second computation."""

from __future__ import annotations

from datetime import date
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.measures import social_need_help, social_need_screening, treatment_adherence
from support.measures.comparing import agree
from support.measures.needs_made import dispenses, needs, screenings, visits
from support.measures.plain import Practice
from support.measures.surrounding import FIRST, LAST, surroundings
from support.viewing import coded

few = settings(max_examples=30, deadline=None)

HALF_YEARS = ((date(2029, 7, 1), date(2029, 12, 31)), (date(2029, 11, 1), date(2030, 4, 30)))
"""One that is over, and one that is not; in both clocks change."""


def several(made: Any, prefix: str, most: int) -> st.SearchStrategy[list[Any]]:
    """So many, with ids that tell them apart."""
    return st.tuples(*(made(f"{prefix}{number}") for number in range(most))).map(list)


@settings(max_examples=40, deadline=None)
@given(surroundings(), st.sampled_from(HALF_YEARS), st.data())
def test_days_covered(around, period, data):
    first, last = period
    made = data.draw(several(lambda id_: dispenses(id_, first), "d", 12))
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
def test_when_somebody_is_adherent(filled, counts, adherent, share):
    first, last = HALF_YEARS[0]
    resources = [given_out(f"d{number}", *each) for number, each in enumerate(filled)]
    (unit,) = treatment_adherence.units(Practice(resources), first, last)
    agree("treatment-adherence", resources, first, last, [unit])
    assert ("denominator" in unit.groups[0][0], unit.groups[1][1]) == (counts, share)
    if counts:
        assert ("numerator" in unit.groups[0][0]) == adherent
