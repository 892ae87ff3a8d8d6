"""Rules of single measures, each on facts small enough to be counted by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from support.facts import facts_of
from support.measured import counted
from support.measures.edges import BEGIN, LATE, PATIENT, Resource, booked, count
from support.measures.plain import CODES, NOW, OURS

EARLY, PROVIDER = {"valueBoolean": False}, {"valueCode": "provider"}
TODAY = NOW.date()


@pytest.mark.parametrize(
    ("visit", "told"),
    [
        (booked("cancelled", late_cancellation=LATE, cancelled_by=PROVIDER), {"cancelled-otherwise"}),
        (booked("cancelled", late_cancellation=EARLY, cancelled_by=PROVIDER), {"cancelled-otherwise"}),
        (booked("cancelled", "prov-pers", late_cancellation=LATE), {"cancelled-otherwise"}),
        (booked("cancelled", "prov-pers", late_cancellation=LATE, cancelled_by=PATIENT), {"denominator", "numerator"}),
        (booked("cancelled", "oth-weath", late_cancellation=LATE), {"denominator", "numerator"}),
        (booked("cancelled", "oth-weath", late_cancellation=EARLY), {"denominator"}),
        (booked("cancelled", "oth-weath"), {"cancelled-otherwise"}),
    ],
)
def test_only_what_the_person_called_off_is_late(visit, told):
    assert count("late-cancellation-rate", [visit])[0].keys() == told | {"initial-population"}


@pytest.mark.parametrize("name", ["no-show-rate", "late-cancellation-rate", "waiting-time", "waitlist-fairness"])
@pytest.mark.parametrize("status", ["fulfilled", "noshow", "booked", "cancelled"])
def test_what_is_of_nobody_is_no_visit(name, status):
    """Such as a meeting of staff."""
    waited = {"extension": [{"url": "since", "valueInstant": BEGIN.isoformat()}]}
    meeting = booked(status, waited=waited, late_cancellation=LATE)
    staff = [{"actor": {"reference": f"Practitioner/{each}"}, "status": "accepted"} for each in "pq"]
    assert _sizes(name, [{**meeting, "participant": staff}], date(2029, 1, 1), date(2029, 12, 31)) == {}
    assert _sizes(name, [meeting], date(2029, 1, 1), date(2029, 12, 31)) or status == "cancelled"


def _slot(number: int, status: str, day: int) -> Resource:
    at = {"start": f"2030-03-{day}T09:00:00Z", "end": f"2030-03-{day}T09:20:00Z"}
    return {"resourceType": "Slot", "id": f"s{number}", "schedule": {"reference": "Schedule/c"}, "status": status, **at}


@pytest.mark.parametrize(
    ("slots", "days"),
    [
        ([], None),
        ([_slot(1, "free", 10)], None),  # which is past
        ([_slot(1, "entered-in-error", 20)], None),
        ([_slot(n, "busy-unavailable", 20 + n) for n in range(4)], None),
        ([_slot(n, "busy", 20 + n) for n in range(4)], None),
        ([*(_slot(n, "busy-unavailable", 20 + n) for n in range(4)), _slot(5, "free", 25)], None),
        ([_slot(n, status, 20 + n) for n, status in enumerate(["free", "busy-unavailable", "free", "free"])], 6),
    ],
    ids=["none", "past", "error", "blocked", "taken", "one-free", "three-free"],
)
def test_a_schedule_that_has_nothing_to_give_is_counted_apart(slots, days):
    schedule = {"resourceType": "Schedule", "id": "c", "actor": [{"reference": "Practitioner/gp"}]}
    with facts_of([schedule, *slots]) as facts:
        (found,) = counted(facts, "third-next-available", TODAY, TODAY)
    assert found.whole.value == days
    sizes = (found.whole.counts["initial-population"], found.whole.counts["fewer-than-three"])
    assert sizes == (1, 1 if days is None else 0)


@pytest.mark.parametrize(
    "other",
    [{"active": False}, {"actor": [{"reference": "Location/room"}]}],
    ids=["not-in-use", "a-room"],
)
def test_a_schedule_that_nobody_is_to_be_seen_by_is_none(other):
    schedule = {"resourceType": "Schedule", "id": "c", "actor": [{"reference": "Practitioner/gp"}], **other}
    assert _sizes("third-next-available", [schedule], TODAY, TODAY) == {}


def _answered(form: str, **answers: int) -> Resource:
    items = [{"linkId": name, "answer": [{"valueInteger": value}]} for name, value in answers.items()]
    return {
        "resourceType": "QuestionnaireResponse", "id": "r", "status": "completed", "authored": "2029-03-12T09:00:00Z",
        "questionnaire": f"https://carethread.dev/fhir/Questionnaire/{form}", "item": items,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "response"),
    [
        ("satisfaction-top-box", _answered("visit-experience", overall=11)),
        ("satisfaction-top-box", _answered("visit-experience", overall=-1)),
        ("net-promoter", _answered("visit-experience", recommend=11)),
        ("shared-decision-top-score", _answered("collaborate", understand=9, listen=9, include=10)),
    ],
)
def test_what_is_beyond_the_scale_is_no_answer(name, response):
    groups = _counts(name, [response], date(2029, 3, 1), date(2029, 3, 31))
    assert groups[0] == {"initial-population": 1}


def test_what_is_declined_is_open_as_long_as_what_is_answered():
    """Counted at once, while answers wait, it would have every new month begin at none."""
    asked = [("asked", "2030-03-02T08:00:00Z"), ("expires", "2030-03-20T00:00:00Z")]
    terms = {"url": OURS + "assignment", "extension": [{"url": url, "valueInstant": at} for url, at in asked]}
    made = [
        {"resourceType": "QuestionnaireResponse", "id": status, "status": status, "extension": [terms]}
        for status in ("stopped", "completed", "in-progress")
    ]
    (told,) = _counts("response-rate", made, TODAY.replace(day=1), TODAY.replace(day=31))
    assert told == {"initial-population": 3, "open": 3}


def test_who_was_born_nobody_knows_when_is_old_enough_for_a_course():
    total: Resource = {
        "resourceType": "Observation", "id": "o", "status": "final", "subject": {"reference": "Patient/ann"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "44261-6"}]}, "valueInteger": 15,
        "effectiveDateTime": "2028-06-01T10:00:00Z",
    }  # fmt: skip
    told, _ = count("phq-9-remission", [total])
    assert told == {"initial-population": 1, "denominator": 1, "unmeasured": 1}
    told, _ = count("phq-9-remission", [total, {"resourceType": "Patient", "id": "ann", "birthDate": "2018-01-01"}])
    assert told == {}


@pytest.mark.parametrize(
    ("codes", "reports"),
    [(("initial-population", "measure-population"), 1), (("initial-population",), 1), ((), 1)],
)
def test_a_report_of_several_populations_is_one(codes, reports):
    populations = [{"code": {"coding": [{"code": each}]}, "count": 1} for each in codes]
    group = {"code": {"coding": [{"system": CODES + "documentation-burden", "code": "seconds"}]}}
    report: Resource = {
        "resourceType": "MeasureReport", "id": "m", "status": "complete", "type": "individual",
        "measure": "https://carethread.dev/fhir/Measure/documentation-burden",
        "subject": {"identifier": {"value": "x"}}, "period": {"start": "2029-03-12", "end": "2029-03-12"},
        "group": [{**group, "measureScore": {"value": 100}, **({"population": populations} if populations else {})}],
    }  # fmt: skip
    told = _sizes("documentation-time", [report], date(2029, 3, 1), date(2029, 3, 31))
    assert told == {"initial-population": reports, "measure-population": reports}


def _counts(name: str, resources: list[Resource], first: date, last: date) -> list[dict[str, int]]:
    with facts_of([{"resourceType": "Patient", "id": "ann"}, *resources]) as facts:
        found = counted(facts, name, first, last)
    return [{key: size for key, size in each.whole.counts.items() if size} for each in found]


def _sizes(name: str, resources: list[Resource], first: date, last: date) -> dict[str, Any]:
    """Of the first group."""
    return _counts(name, resources, first, last)[0]
