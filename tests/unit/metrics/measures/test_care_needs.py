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
from support.measures.needs_made import DOMAINS, dispenses, needs, screenings, visits
from support.measures.plain import GRAVITY, TIMEZONE, Practice, Unit
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


STAY: dict[str, Any] = {
    "resourceType": "Encounter", "id": "v", "status": "finished", "class": {"code": "IMP"},
    "subject": {"reference": "Patient/ann"}, "period": {"start": "2029-03-10T08:00:00Z", "end": "2029-03-14T18:00:00Z"},
}  # fmt: skip
ADULT = {"resourceType": "Patient", "id": "ann", "birthDate": "1970-05-05"}
NEW_YORK = {
    "resourceType": "Organization", "id": "there", "extension": [{"url": TIMEZONE, "valueCode": "America/New_York"}],
}  # fmt: skip
NEVER_CLOSED = {"class": {"code": "AMB"}}
GOES_ON = {"status": "in-progress", "period": {"start": "2029-03-10T08:00:00Z"}}


def screened(at: str) -> list[dict[str, Any]]:
    """Answers on all five domains."""
    return [
        {"resourceType": "Observation", "id": domain, "status": "final", "effectiveDateTime": at,
         "category": [coded("urn:x", "survey"), coded(GRAVITY, domain)], "code": coded("http://loinc.org", "88124-3"),
         "subject": {"reference": "Patient/ann"}, "valueCodeableConcept": coded("http://loinc.org", "LA33-6")}
        for domain in DOMAINS
    ]  # fmt: skip


def told_of(visit: dict[str, Any], at: str, **dead: Any) -> set[str]:
    """What both computations say of the one stay of Ann."""
    visit = {**visit, "serviceProvider": {"reference": "Organization/there"}}
    resources = [{**ADULT, **dead}, NEW_YORK, visit, *screened(at)]
    (unit,) = social_need_screening.units(Practice(resources))
    agree("social-need-screening", resources, date(2029, 3, 1), date(2029, 3, 31), [unit])
    return set(unit.groups[0][0]) - {"initial-population", "denominator"}


@pytest.mark.parametrize(
    ("visit", "at", "told"),
    [
        (STAY, "2029-03-13T08:00:00Z", {"numerator"}),
        (STAY, "2029-03-14T18:00:00Z", set()),
        (STAY | GOES_ON, "2029-03-13T08:00:00Z", {"numerator"}),
        (STAY | GOES_ON | {"status": "finished"}, "2029-03-11T07:59:59Z", {"numerator"}),
        (STAY | GOES_ON | {"status": "finished"}, "2029-03-11T08:00:00Z", set()),
        (STAY | GOES_ON | {"class": {"code": "OBSENC"}}, "2029-03-13T08:00:00Z", {"numerator"}),
        (STAY | GOES_ON | NEVER_CLOSED, "2029-03-11T07:59:59Z", {"numerator"}),
        (STAY | GOES_ON | NEVER_CLOSED, "2029-03-11T08:00:00Z", set()),
    ],
)
def test_until_when_somebody_is_asked(visit, at, told):
    assert told_of(visit, at) == told


@pytest.mark.parametrize(
    ("died", "visit", "left", "told"),
    [
        ("2029-03-13T10:00:00Z", STAY, None, {"denominator-exclusion"}),
        ("2029-03-13T10:00:00Z", STAY | GOES_ON, None, {"denominator-exclusion"}),
        ("2029-11-13", STAY | GOES_ON | NEVER_CLOSED, None, {"numerator"}),
        ("2029-03-14", STAY, None, {"denominator-exclusion"}),
        (
            "2029-03-14",
            STAY | {"period": {"start": "2029-03-10", "end": "2029-03-14"}},
            None,
            {"denominator-exclusion"},
        ),
        ("2029-03-14", STAY | {"period": {"start": "2029-03-10", "end": "2029-03-13"}}, None, {"numerator"}),
        ("2029-03-14", STAY, "home", {"numerator"}),  # they left alive, and died later that day
        ("2029-03-14T18:00:01Z", STAY, None, {"numerator"}),
        ("2029-05-01", STAY, "exp", {"denominator-exclusion"}),
    ],
)
def test_who_died_in_a_stay_was_to_be_asked_for_nothing(died, visit, left, told):
    system = "http://terminology.hl7.org/CodeSystem/discharge-disposition"
    codings = [{"system": "urn:of-the-house", "code": "20"}, {"system": system, "code": left}]
    ended = {**visit, "hospitalization": {"dischargeDisposition": {"coding": codings}}} if left else visit
    assert told_of(ended, "2029-03-10T08:00:00Z", deceasedDateTime=died) == told


@pytest.mark.parametrize(
    ("start", "zone", "counts"),
    [
        ("2029-03-12T00:00:00+09:00", "Asia/Tokyo", True),
        ("2029-03-11T23:59:59+09:00", "Asia/Tokyo", False),
        ("2029-03-11T23:59:59-04:00", "America/New_York", False),
        ("2029-03-12T00:00:00-04:00", "America/New_York", True),
    ],
)
def test_an_adult_is_who_is_18_where_they_are_seen(start, zone, counts):
    resources: list[dict[str, Any]] = [
        {**ADULT, "birthDate": "2011-03-12"},
        {"resourceType": "Organization", "id": "there", "extension": [{"url": TIMEZONE, "valueCode": zone}]},
        {**STAY, "serviceProvider": {"reference": "Organization/there"}, "period": {"start": start}},
    ]
    units = list(social_need_screening.units(Practice(resources)))
    agree("social-need-screening", resources, date(2029, 3, 1), date(2029, 3, 31), units)
    assert len(units) == counts


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
