"""Of whom the day of death alone is known has died as that day begins by the clocks of the department: what was due,
done or over on the evening before was so in their lifetime, west and east of Greenwich."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from support.facts import facts_of
from support.measured import counted, units_of
from support.measures.edges import ZONES, Resource
from support.measures.plain import CODES
from support.viewing import coded, told

DIED = date(2029, 9, 10)
YEAR = (date(2029, 1, 1), date(2029, 12, 31))

PLACES = {"new-york": "-04:00", "tokyo": "+09:00", "no-zone": "+00:00"}
"""The departments, and how far their clocks are from UTC then."""

at_each_place = pytest.mark.parametrize("place", PLACES)
the_evening_before_or_after = pytest.mark.parametrize(
    ("before", "gone"),
    [(timedelta(minutes=1), 0), (timedelta(hours=2), 0), (timedelta(minutes=-1), 1)],
)


def ann(died: date | str = DIED, **more: Any) -> Resource:
    return {"resourceType": "Patient", "id": "ann", "deceasedDateTime": str(died), **more}


def midnight(place: str, day: date = DIED) -> datetime:
    """When the day begins there, in summer."""
    return datetime.fromisoformat(f"{day}T00:00:00{PLACES[place]}")


def there(place: str) -> list[Resource]:
    return [told("department", valueReference={"reference": f"Organization/{place}"})]


def counts(name: str, resources: list[Resource], group: int = 0) -> dict[str, int]:
    with facts_of([*ZONES, *resources]) as facts:
        return dict(counted(facts, name, *YEAR)[group].whole.counts)


def of_ann(name: str = "subject") -> Resource:
    return {name: {"reference": "Patient/ann"}}


def given_out(place: str, number: int, day: date) -> Resource:
    noon = midnight(place, day) + timedelta(hours=12)
    return {
        "resourceType": "MedicationDispense", "id": f"d{number}", "status": "completed", **of_ann(),
        "medicationCodeableConcept": coded("urn:atc", "C10AA01"), "daysSupply": {"value": 30, "code": "d"},
        "whenHandedOver": noon.isoformat(),
    }  # fmt: skip


def treated(place: str, first: date, last: date) -> list[Any]:
    """How many days count of a treatment that began on 1 May."""
    home: Resource = {"managingOrganization": {"reference": f"Organization/{place}"}}
    fills = [given_out(place, number, date(2029, 5, 1 + 30 * number)) for number in range(2)]
    with facts_of([*ZONES, ann(**home), *fills]) as facts:
        return [unit["days"] for unit in units_of(facts, "treatment-adherence", first, last)]


@at_each_place
@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        (date(2029, 9, 1), date(2029, 9, 30), [132]),  # from 1 May to 9 September
        (date(2029, 12, 1), date(2029, 12, 31), []),
        (date(2029, 1, 1), date(2029, 12, 31), [132]),  # a year that begins in winter
        (date(2029, 9, 10), date(2029, 9, 30), [132]),  # the first day of the period
        (date(2029, 9, 11), date(2029, 9, 30), []),
    ],
)
def test_a_treatment_ends_before_the_day_of_death(place, first, last, days):
    assert treated(place, first, last) == days


@at_each_place
@the_evening_before_or_after
def test_who_lived_half_a_year_after_the_first_visit_was_followed(place, before, gone):
    first = midnight(place) - timedelta(days=183) - before
    visit = {
        "resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"}, **of_ann(),
        "period": {"start": first.isoformat()}, "extension": there(place),
    }  # fmt: skip
    assert counts("retention", [ann(), visit])["denominator-exclusion"] == gone


@at_each_place
@the_evening_before_or_after
def test_who_had_time_to_answer_is_asked_in_vain(place, before, gone):
    until = midnight(place) - before
    terms = [("asked", "2029-09-01T08:00:00Z"), ("expires", until.isoformat())]
    asked = told("assignment", extension=[{"url": name, "valueInstant": at} for name, at in terms])
    form = {
        "resourceType": "QuestionnaireResponse", "id": "r", "status": "in-progress", **of_ann(),
        "extension": [*there(place), asked],
    }  # fmt: skip
    assert counts("response-rate", [ann(), form])["denominator-exclusion"] == gone


@at_each_place
@the_evening_before_or_after
def test_what_was_due_until_the_death_is_due(place, before, gone):
    begins = midnight(place) - timedelta(days=2) - before
    daily = {"status": "in-progress", "scheduledTiming": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}
    plan = {
        "resourceType": "CarePlan", "id": "p", "status": "active", "intent": "plan", **of_ann(),
        "extension": there(place), "period": {"start": begins.isoformat()}, "activity": [{"detail": daily}],
    }  # fmt: skip
    assert counts("plan-adherence", [ann(), plan])["denominator"] == 2 - gone


@at_each_place
def test_who_was_reached_on_the_evening_before_was_reached(place):
    risk = {
        "resourceType": "Flag", "id": "f", "status": "inactive", **of_ann(), "extension": there(place),
        "code": coded(CODES + "flag-kind", "high-risk"),
        "period": {"start": (midnight(place) - timedelta(hours=6)).isoformat(), "end": "2029-09-20T12:00:00Z"},
    }  # fmt: skip
    call = {
        "resourceType": "Task", "id": "t", "status": "completed", **of_ann("for"),
        "code": coded(CODES + "careteam-task", "outreach"),
        "businessStatus": coded(CODES + "outreach-outcome", "reached"),
        "executionPeriod": {"end": (midnight(place) - timedelta(hours=3)).isoformat()},
    }  # fmt: skip
    assert counts("risk-to-first-contact", [ann(), risk, call], 1)["numerator"] == 1


@pytest.mark.parametrize("name", ["phq-9-remission", "phq-9-response"])
@pytest.mark.parametrize(
    ("place", "died", "out"),
    [
        ("no-zone", "2029-09-10", 1),
        ("no-zone", "2029-09-11", 0),
        ("new-york", "2029-09-10", 1),
        ("new-york", "2029-09-11", 0),
        ("tokyo", "2029-09-11", 1),  # there it begins before the 10th is over in UTC
        ("tokyo", "2029-09-12", 0),
    ],
)
def test_a_course_is_looked_at_of_who_lived_until_its_days_were_over(name, place, died, out):
    total = {
        "resourceType": "Observation", "id": "o", "status": "final", **of_ann(), "extension": there(place),
        "code": coded("http://loinc.org", "44261-6"), "valueInteger": 20, "effectiveDateTime": "2028-07-12T09:00:00Z",
    }  # fmt: skip
    assert counts(name, [ann(died), total])["denominator-exclusion"] == out


def visit_of_noon(place: str) -> Resource:
    """An Appointment at noon, by the clocks there, of the day before."""
    return {
        "resourceType": "Appointment", "id": "a", "status": "noshow", "extension": there(place),
        "start": (midnight(place) - timedelta(hours=2)).isoformat(),
        "participant": [{"actor": {"reference": "Patient/ann"}, "status": "accepted"}],
    }  # fmt: skip


@at_each_place
@pytest.mark.parametrize("name", ["no-show-rate", "late-cancellation-rate"])
@pytest.mark.parametrize(("died", "excluded"), [("2029-09-10", 0), ("2029-09-09", 1), ("2029-09", 1), ("2029-10", 0)])
def test_a_visit_of_the_evening_before_was_missed(name, place, died, excluded):
    assert counts(name, [ann(died), visit_of_noon(place)])["denominator-exclusion"] == excluded


NEED = {
    "resourceType": "Condition", "id": "n", **of_ann(), "recordedDate": "2029-03-01",
    "category": [coded("http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes",
                       "food-insecurity")],
}  # fmt: skip


def said(id_: str, kind: str, status: str = "active", until: str | None = None) -> Resource:
    about = [{"meaning": "instance", "reference": {"reference": "Condition/n"}}]
    over = {"period": {"end": until}} if until else {}
    provision = {"type": kind, "data": about, **over}
    return {"resourceType": "Consent", "id": id_, "status": status, "provision": provision}


HELP = {
    "resourceType": "Task", "id": "t", "status": "completed", "authoredOn": "2029-03-02T10:00:00Z",
    "code": coded(CODES + "careteam-task", "need-referral"),
    "input": [{"type": {"text": "Consent"}, "valueReference": {"reference": "Consent/yes"}}],
    "output": [{"type": {"text": "x"}, "valueCodeableConcept": coded(CODES + "referral-outcome", "need-met")}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("consents", "consented", "exception", "met"),
    [
        ([said("yes", "permit")], 1, 0, 0),
        ([said("yes", "permit", until="2030-03-17")], 1, 0, 0),  # today, which is meant whole
        ([said("yes", "permit", until="2030-03-16")], 0, 0, 0),
        ([said("yes", "permit", until="2030-03-16"), said("no", "deny")], 0, 1, 0),
        ([said("yes", "permit", until="2030-03-16"), said("no", "deny", "rejected")], 0, 1, 0),
        ([said("yes", "permit", until="2030-03-18"), said("no", "deny", "rejected")], 1, 0, 0),
        ([said("yes", "permit", until="2029-03-02"), HELP], 1, 0, 1),  # helped while it held
        ([said("yes", "permit", until="2029-03-02"), said("no", "deny"), HELP], 1, 0, 1),
        ([said("yes", "permit", until="2029-03-01"), HELP], 0, 0, 0),
        ([said("yes", "permit", "inactive"), HELP], 0, 0, 0),
    ],
)
def test_a_yes_stands_until_it_is_over_and_who_was_helped_by_it_had_said_it(consents, consented, exception, met):
    found = counts("social-need-help", [NEED, *consents])
    assert [found[name] for name in ("consented", "denominator-exception", "numerator")] == [consented, exception, met]
