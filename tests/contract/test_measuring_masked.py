"""Numbers of few people are not told: in reports, in what is stored, in lists, behind a number, nor about one person;
those who treat all these people see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from carethread.core.context import Principal
from carethread.core.fhir.validation import validate
from support.measuring import Metrics, Resource, body, counts, keep, metrics, own_measure, person, said, visit
from support.stores import open_store

ROOMS = """
SELECT 'Slot/' || id AS resource, NULL AS subject, TIMESTAMP '2029-03-05' AS "at", NULL AS department,
  NULL AS practitioner, TRUE AS denominator, TRUE AS numerator
FROM appointments
"""
BASIS = "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/cqfm-populationBasis"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('metrics')}/metrics.db", "metrics")
    yield metrics(store).masking()
    store.close()


@pytest.fixture
def asked(opened: Metrics) -> Iterator[Metrics]:
    """In March 60 people came and 30 missed their visit: of women 3; in April 5 missed it."""
    opened.facts.resources.clear()
    for i in range(90):
        sex = "female" if i % 30 < 1 or 30 <= i < 60 else "male"
        opened.facts.tell(person(f"p{i}", gender=sex), visit(f"v{i}", "noshow" if i < 30 else "fulfilled", f"p{i}"))
    for i in range(40):
        opened.facts.tell(visit(f"w{i}", "noshow" if i < 5 else "fulfilled", f"p{i}", day="2029-04-03"))
    yield opened


def strata(report: Resource, column: str) -> dict[str, dict[str, int | None]]:
    found = next(e for e in report["group"][0]["stratifier"] if e["code"][0]["coding"][0]["code"] == column)
    return {each["value"]["text"]: counts(each) for each in found["stratum"]}


def test_what_few_people_stand_behind_is_masked_with_its_score(asked: Metrics) -> None:
    report = body(asked.rate())
    assert [issue for issue in validate(report) if issue.severity == "error"] == []
    assert counts(report["group"][0])["numerator"] == 30
    assert {each["numerator"] for each in strata(report, "sex").values()} == {None}, "of 1 woman, and so of the men"
    stratum = next(e for e in report["group"][0]["stratifier"] if e["code"][0]["coding"][0]["code"] == "sex")["stratum"]
    assert stratum[0]["measureScore"]["extension"][0]["valueCode"] == "masked"
    april = body(asked.rate(periodStart="2029-04-01", periodEnd="2029-04-30"))["group"][0]
    assert set(counts(april).values()) == {None}
    both = body(asked.rate(periodEnd="2029-04-30"))["group"][0]
    assert set(counts(both).values()) == {None}, "March is told, so that April would follow"


def test_stored_reports_are_masked_alike(asked: Metrics) -> None:
    stored = body(asked.rate("POST", periodStart="2029-04-01", periodEnd="2029-04-30"))
    assert set(counts(stored["group"][0]).values()) == {None}
    kept = body(asked.ask(f"MeasureReport/{stored['id']}"))
    assert set(counts(kept["group"][0]).values()) == {None}


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({"subject": "Patient/p1"}, "subject"),
        ({"practitioner": "Practitioner/x"}, "practitioner"),
        ({"periodStart": "2029-03-02"}, "periodStart"),
        ({"periodStart": "2031-03-01", "periodEnd": "2031-03-31"}, "periodEnd"),
    ],
)
def test_what_could_be_subtracted_is_refused(asked: Metrics, params: dict[str, str], where: str) -> None:
    assert said(asked.rate(**params)) == (403, "suppressed", where)


def test_lists_are_given_of_what_is_told(asked: Metrics) -> None:
    told = body(asked.rate(reportType="subject-list"))
    assert len(told["contained"]) >= 3
    masked = body(asked.rate(reportType="subject-list", periodStart="2029-04-01", periodEnd="2029-04-30"))
    assert "contained" not in masked


def test_what_is_masked_is_not_explained(asked: Metrics) -> None:
    march = body(asked.rate("POST"))
    where = f"MeasureReport/{march['id']}/$explain"
    told = body(asked.ask(where, population="numerator"))
    units = [each for each in told["parameter"] if each["name"] == "unit"]
    assert len(units) == 30
    assert {part["name"] for unit in units for part in unit["part"]} == {"resource"}, "nothing that tells strata"
    refused = asked.ask(where, population="numerator", stratifier="sex", stratum="female")
    assert said(refused) == (403, "suppressed", "population")
    exact = body(asked.masking("exact").rate("POST", periodStart="2029-04-01", periodEnd="2029-04-30"))
    assert said(asked.ask(f"MeasureReport/{exact['id']}/$explain", population="numerator"))[1] == "suppressed"


def test_gaps_of_a_person_are_for_who_treats_them(asked: Metrics) -> None:
    gap = {"url": "https://carethread.dev/fhir/StructureDefinition/care-gap", "valueString": "A visit."}
    keep(asked, *own_measure(ROOMS, ["denominator", "numerator"], "gap", extension=[gap], topic=[{"text": "x"}]))
    refused = asked.ask("Measure/$care-gaps", subject="p1", topic="x", periodStart="2029-03-01", periodEnd="2029-03-31")
    assert said(refused)[1] == "suppressed"


def team(*people: str, **more: Any) -> list[Resource]:
    return [
        {
            "resourceType": "CareTeam", "id": f"team-{who}", "status": "active",
            "subject": {"reference": f"Patient/{who}"},
            "participant": [{"member": {"reference": "Practitioner/doctor"}, **more}],
        }
        for who in people
    ]  # fmt: skip


def test_staff_see_the_numbers_of_the_people_whom_they_treat(asked: Metrics) -> None:
    doctor = replace(asked, context=replace(asked.context, principal=Principal("Practitioner/doctor")))
    april = {"periodStart": "2029-04-01", "periodEnd": "2029-04-30"}
    asked.facts.tell(*team(*(f"p{i}" for i in range(39))))
    assert set(counts(body(doctor.rate(**april))["group"][0]).values()) == {None}, "there is one whom they do not treat"
    asked.facts.tell(*team("p39"))
    assert counts(body(doctor.rate(**april))["group"][0])["numerator"] == 5
    assert counts(body(doctor.rate(**april, subject="p1"))["group"][0])["numerator"] == 1
    assert set(counts(body(doctor.rate("POST", **april))["group"][0]).values()) == {None}, "what is stored others read"
    assert set(counts(body(asked.rate(**april))["group"][0]).values()) == {None}
    asked.facts.tell(*team("p39", period={"end": "2029-01-01"}))
    assert set(counts(body(doctor.rate(**april))["group"][0]).values()) == {None}, "they treated them once"


def test_what_is_not_about_people_is_told(asked: Metrics) -> None:
    made = own_measure(ROOMS, ["denominator", "numerator"], "rooms")
    made[0]["group"][0]["extension"] = [{"url": BASIS, "valueCode": "Slot"}]
    keep(asked, *made)
    few = {key: value for key, value in asked.facts.resources.items() if key[1] in ("v1", "v2", "v3")}
    asked.facts.resources.clear()
    asked.facts.tell(*few.values())
    assert counts(body(asked.rate(measure="rooms"))["group"][0]) == {"denominator": 3, "numerator": 3}
    assert counts(body(asked.rate(measure="rooms", periodStart="2029-03-02"))["group"][0])["denominator"] == 3
