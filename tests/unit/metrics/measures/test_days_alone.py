"""What is counted where of a time the day, the month or the year alone is known."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from support.facts import facts_of
from support.measured import units_of
from support.measures.edges import ZONES, Resource, brought, count, met, stay
from support.measures.plain import CODES
from support.viewing import coded

JUNE = (date(2029, 6, 1), date(2029, 6, 30))
FIRST = datetime(2029, 6, 1, tzinfo=UTC)
ANN = {"reference": "Patient/ann"}
PEOPLE: list[Resource] = [*ZONES, {"resourceType": "Patient", "id": "ann", "birthDate": "1960-01-01"}]


def during(resource: Resource, start: str, end: str = "", place: str = "") -> Resource:
    """The same at another time."""
    provided = {"serviceProvider": {"reference": f"Organization/{place}"}} if place else {}
    return {**resource, **provided, "period": {"start": start, **({"end": end} if end else {})}}


def places(name: str, *resources: Resource) -> list[str]:
    with facts_of([*PEOPLE, *resources]) as facts:
        return [each["resource"] for each in units_of(facts, name, *JUNE)]


BEGIN = met(1, FIRST)


@pytest.mark.parametrize("place", ["new-york", "tokyo", ""])
@pytest.mark.parametrize(
    ("day", "counts"),
    [("2029-05-31", 0), ("2029-06-01", 1), ("2029-06-30", 1), ("2029-07-01", 0), ("2029-06", 1), ("2029", 0)],
)
@pytest.mark.parametrize("name", ["retention", "avoidable-repeat-visits", "social-need-screening"])
def test_a_day_is_that_day_wherever_a_department_is(name, day, counts, place):
    assert len(places(name, during(BEGIN, day, place=place))) == counts


@pytest.mark.parametrize(
    ("stays", "numerator", "denominator", "excluded"),
    [
        (["2029-06-01T10:00:00Z/2029-06-01", "2029-06-10T10:00:00Z/2029-06-12T10:00:00Z"], 1, 2, 0),
        (["2029-06-01T10:00:00Z/2029-06-05", "2029-07-05T08:00:00Z/2029-07-12T10:00:00Z"], 1, 2, 0),
        (["2029-06-01T10:00:00Z/2029-06-05", "2029-07-06T00:00:00Z/2029-07-12T10:00:00Z"], 0, 2, 0),
        (["2029-06-01T10:00:00Z/2029-06-05", "2029-06-05T08:00:00Z/2029-06-12T10:00:00Z"], 1, 2, 0),
        # a stay within one that ends on the same day
        (
            [
                "2029-06-01T10:00:00Z/2029-06-05",
                "2029-06-03T10:00:00Z/2029-06-05T12:00:00Z",
                "2029-06-15T08:00:00Z/2029-06-20T08:00:00Z",
            ],
            1,
            3,
            1,
        ),
    ],
)
def test_stays_of_which_days_are_known(stays, numerator, denominator, excluded):
    made = [during(stay(number, FIRST), *each.split("/")) for number, each in enumerate(stays)]
    told, _ = count("readmission-30-days", made)
    found = [told.get(each, 0) for each in ("numerator", "denominator", "denominator-exclusion")]
    assert found == [numerator, denominator, excluded]


@pytest.mark.parametrize(("at", "excluded"), [("2029-06-06T02:00:00Z", 1), ("2029-06-07T00:00:00Z", 0)])
def test_who_is_brought_on_within_a_day_after_that_of_the_discharge(at, excluded):
    first = during(stay(1, FIRST), "2029-06-01T10:00:00Z", "2029-06-05")
    told, _ = count("readmission-30-days", [first, during(brought(2, FIRST), at, "2029-06-12T10:00:00Z")])
    assert told.get("denominator-exclusion", 0) == excluded


def appointment(id_: str, start: str) -> Resource:
    actors = ("Patient/ann", "Practitioner/p")
    return {
        "resourceType": "Appointment",
        "id": id_,
        "status": "fulfilled",
        "start": start,
        "participant": [{"status": "accepted", "actor": {"reference": each}} for each in actors],
    }


@pytest.mark.parametrize(("start", "visits"), [("2029-06-01T23:30:00Z", 1), ("2029-06-02T00:00:00Z", 2)])
def test_a_visit_of_a_day_is_the_appointment_of_that_day(start, visits):
    with facts_of([*PEOPLE, during(BEGIN, "2029-06-01"), appointment("a", start)]) as facts:
        assert [each["visits"] for each in units_of(facts, "continuity-upc", *JUNE)] == [visits]


def test_a_visit_may_be_that_of_two_appointments():
    both = {"appointment": [{"reference": "Appointment/a"}, {"reference": "Appointment/b"}]}
    visit = {**during(BEGIN, "2029-06-01T08:00:00Z"), **both}
    made = [visit, appointment("a", "2029-06-01T08:00:00Z"), appointment("b", "2029-06-03T08:00:00Z")]
    with facts_of([*PEOPLE, *made]) as facts:
        assert [each["visits"] for each in units_of(facts, "continuity-upc", *JUNE)] == [1]


def hand_off(by: str) -> dict[str, Any]:
    return {
        "resourceType": "Task",
        "id": "h",
        "status": "accepted",
        "code": coded(CODES + "hand-off-kind", "care"),
        "for": ANN,
        "authoredOn": "2029-06-01T08:00:00Z",
        "restriction": {"period": {"end": by}},
        "executionPeriod": {"start": "2029-06-02T09:00:00Z"},
    }


@pytest.mark.parametrize(("by", "in_time"), [("2029-06-02", True), ("2029-06-01", False), ("2029-06", True)])
def test_an_answer_by_a_day_is_in_time_until_that_day_is_over(by, in_time):
    with facts_of([*PEOPLE, hand_off(by)]) as facts:
        assert [each["answered_in_time"] for each in units_of(facts, "hand-off-closure", *JUNE)] == [in_time]


@pytest.mark.parametrize(
    ("died", "reached"), [("2029-06-02", True), ("2029-06-01", False), ("2029-06-02T23:00:00Z", True)]
)
def test_who_is_reached_on_the_day_of_their_death_was_reached(died, reached):
    flag = {
        "resourceType": "Flag",
        "id": "f",
        "status": "active",
        "subject": ANN,
        "code": coded(CODES + "flag-kind", "high-risk"),
        "period": {"start": "2029-06-01T08:00:00Z"},
    }
    contact = {
        "resourceType": "Task",
        "id": "t",
        "status": "completed",
        "for": ANN,
        "code": coded(CODES + "careteam-task", "outreach"),
        "businessStatus": coded(CODES + "outreach-outcome", "reached"),
        "executionPeriod": {"end": "2029-06-02T10:00:00Z"},
    }
    dead = {"resourceType": "Patient", "id": "ann", "deceasedDateTime": died}
    with facts_of([dead, flag, contact]) as facts:
        assert [each["reached"] for each in units_of(facts, "risk-to-first-contact", *JUNE)] == [reached]
