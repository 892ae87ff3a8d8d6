"""Where numbers of few people are not told: periods of several months tell no more than their months, whom somebody
names says nothing of who is counted, and a mean has as many people behind it as were measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from carethread.core.context import Principal
from carethread.core.fhir import json
from carethread.core.ports import Stored
from carethread.metrics.answering.marking import SMALL_CELLS, shown
from support.measuring import MARCH, Metrics, Resource, body, counts, keep, metrics, own_measure, person, said, visit
from support.stores import open_store

TWO_MONTHS = {"periodStart": "2029-03-01", "periodEnd": "2029-04-30"}
CQFM = "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/"

FIRST_VISIT = """
SELECT 'Appointment/' || min(id) AS resource, patient_id AS subject, min(start_at) AS "at", NULL AS department,
  NULL AS practitioner, TRUE AS denominator, TRUE AS numerator
FROM appointments {within} GROUP BY patient_id
"""
WITHIN = "WHERE start_at >= $start AND start_at < $end"

MEASURED = """
SELECT 'Appointment/' || id AS resource, patient_id AS subject, start_at AS "at", NULL AS department,
  NULL AS practitioner, TRUE AS initial_population, TRUE AS measure_population,
  CASE WHEN status = 'fulfilled' THEN 50.0 WHEN status = 'noshow' THEN 10.0 END AS points
FROM appointments
"""


@pytest.fixture
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('metrics')}/metrics.db", "metrics")
    yield metrics(store).masking()
    store.close()


def doctor_of(asked: Metrics, *people: str) -> Metrics:
    """Who is in the care team of these."""
    for who in people:
        member = {"member": {"reference": "Practitioner/doctor"}}
        subject = {"reference": f"Patient/{who}"}
        asked.facts.tell(
            {
                "resourceType": "CareTeam",
                "id": f"of-{who}",
                "status": "active",
                "subject": subject,
                "participant": [member],
            }
        )
    return replace(asked, context=replace(asked.context, principal=Principal("Practitioner/doctor")))


@pytest.mark.parametrize("measure", ["continuity-upc", "treatment-adherence"])
def test_what_chooses_in_its_period_is_told_of_one_month(asked: Metrics, measure: str) -> None:
    assert said(asked.rate(measure=measure, **TWO_MONTHS)) == (403, "suppressed", "periodStart")
    assert asked.rate(measure=measure).status == 200
    assert asked.masking("exact").rate(measure=measure, **TWO_MONTHS).status == 200


@pytest.mark.parametrize(("within", "is_listed"), [(WITHIN, False), ("", True)])
def test_lists_of_months_are_of_what_was_judged_by_month(asked: Metrics, within: str, is_listed: bool) -> None:
    """Whose first visit it is depends on the period where the SQL knows it: the list would be another one."""
    for i in range(20):
        asked.facts.tell(person(f"p{i}"), visit(f"m{i}", "fulfilled", f"p{i}"))
        asked.facts.tell(visit(f"n{i}", "fulfilled", f"q{i}", day="2029-04-05"))
    keep(asked, *own_measure(FIRST_VISIT.format(within=within), ["denominator", "numerator"]))
    told = asked.rate("POST", measure="own", **TWO_MONTHS)
    assert counts(body(told)["group"][0])["denominator"] == 40
    listed = asked.rate(measure="own", reportType="subject-list", **TWO_MONTHS)
    explained = asked.ask(f"MeasureReport/{body(told)['id']}/$explain", population="denominator")
    if is_listed:
        assert len(body(listed)["contained"][0]["entry"]) == 40 and explained.status == 200
    else:
        assert said(listed) == said(explained) == (403, "suppressed", "periodStart")
        assert asked.rate(measure="own", reportType="subject-list").status == 200


def test_whom_a_group_names_are_not_found_out_by_it(asked: Metrics) -> None:
    """Of two groups with somebody whom they treat and a stranger, the one stranger is counted and the other is not."""
    asked.facts.tell(person("mine"), person("seen"), person("away"))
    asked.facts.tell(visit("a", "noshow", "mine"), visit("b", "noshow", "seen"))
    doctor = doctor_of(asked, "mine")
    for name in ("seen", "away"):
        members = [{"entity": {"reference": f"Patient/{who}"}} for who in ("mine", name)]
        group = {"resourceType": "Group", "id": name, "actual": True, "type": "person", "member": members}
        asked.records.groups[f"Group/{name}"] = group
    answers = {name: said(doctor.rate(group=name)) for name in ("seen", "away")}
    assert answers == dict.fromkeys(("seen", "away"), (403, "suppressed", "group"))


def test_of_whom_they_treat_staff_learn_too_that_they_are_not_counted(asked: Metrics) -> None:
    asked.facts.tell(person("mine", birthDate="1980-01-01"))
    encounter: Resource = {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"}}
    period = {"start": "2029-03-05T09:00:00Z", "end": "2029-03-05T09:20:00Z"}
    asked.facts.tell({**encounter, "subject": {"reference": "Patient/mine"}, "period": period})
    doctor = doctor_of(asked, "mine")
    assert counts(body(doctor.rate(subject="mine"))["group"][0])["denominator"] == 0
    gaps = doctor.ask("Measure/$care-gaps", subject="mine", topic="social needs", **MARCH)
    assert gaps.status == 200, "they are counted in one measure of the topic, and not in another"
    assert said(asked.ask("Measure/$care-gaps", subject="mine", topic="social needs", **MARCH))[0] == 403


def mean(method: str = "average", sql: str = MEASURED, *strata: str) -> list[Resource]:
    made = own_measure(sql, ["initial-population", "measure-population"], "mean")
    observation: dict[str, Any] = {
        "code": {"coding": [{"code": "measure-observation"}]},
        "criteria": {"language": "application/sql", "expression": "points"},
        "extension": [{"url": f"{CQFM}cqfm-aggregateMethod", "valueCode": method}],
    }
    made[0]["scoring"] = {"coding": [{"code": "continuous-variable"}]}
    made[0]["group"][0]["population"].append(observation)
    made[0]["group"][0]["stratifier"] = [
        {"code": {"text": each}, "criteria": {"language": "application/sql", "expression": each}} for each in strata
    ]
    return made


def points(answer: Any) -> tuple[int | None, Any]:
    group = body(answer)["group"][0]
    return counts(group)["measure-population"], group["measureScore"].get("value")


def test_a_mean_has_as_many_behind_it_as_were_measured(asked: Metrics) -> None:
    keep(asked, *mean())
    asked.facts.tell(*(visit(f"a{i}", "fulfilled" if i < 2 else "booked", f"a{i}") for i in range(20)))
    assert points(asked.rate(measure="mean")) == (None, None), "two people have a value"
    assert points(asked.masking("exact").rate(measure="mean")) == (2, 50)


def test_a_mean_of_months_is_that_of_all_who_were_measured(asked: Metrics) -> None:
    keep(asked, *mean())
    asked.facts.tell(*(visit(f"a{i}", "fulfilled" if i < 15 else "booked", f"a{i}") for i in range(40)))
    asked.facts.tell(*(visit(f"b{i}", "noshow", f"b{i}", day="2029-04-05") for i in range(45)))
    assert points(asked.rate(measure="mean", **TWO_MONTHS)) == (60, 20)
    assert points(asked.masking("exact").rate(measure="mean", **TWO_MONTHS)) == (60, 20)


def test_what_somebodys_sql_takes_for_departments_is_not_named(asked: Metrics) -> None:
    sql = MEASURED.replace("NULL AS department", "patient_id AS department")
    made = own_measure(sql, ["initial-population", "measure-population"], "parted")
    by_department = {
        "code": {"coding": [{"code": "department"}]},
        "criteria": {"language": "application/sql", "expression": "department"},
    }
    made[0]["group"][0]["stratifier"] = [by_department]
    keep(asked, *made)
    asked.facts.tell(*(visit(f"v{i}", "fulfilled", f"somebody-{i}") for i in range(20)))
    assert b"somebody-3" in asked.masking("exact").rate(measure="parted").body
    assert b"somebody" not in asked.rate(measure="parted").body
    report = body(asked.rate("POST", measure="parted"))
    assert b"somebody" not in asked.ask(f"MeasureReport/{report['id']}").body
    one = asked.rate(measure="parted", department="Organization/somebody-3")
    assert set(counts(body(one)["group"][0]).values()) == {None}


@pytest.mark.parametrize("extension", [[], [{"url": SMALL_CELLS, "valueCode": "mask"}]])
def test_what_was_reported_of_feedback_before_few_were_masked_is_not_shown(extension: list[Resource]) -> None:
    population = {"code": {"coding": [{"code": "open"}]}, "count": 2}
    report = {"resourceType": "MeasureReport", "id": "f", "group": [{"population": [population]}]}
    report |= {"measure": "https://carethread.dev/fhir/Measure/feedback-loop|1.0.0", "extension": extension}
    stored = Stored("MeasureReport", "f", 1, 0, False, json.render(report))
    assert (b'"count":2' in shown(stored, "mask").body) is bool(extension), "what is marked was judged"
    assert shown(stored, "exact") == stored


@pytest.mark.parametrize("method", ["sum", "average", "median"])
def test_a_number_of_many_in_which_few_differ_is_not_told(asked: Metrics, method: str) -> None:
    """What is observed of all but some is 0, so that the sum is theirs."""
    sql = MEASURED.replace("CASE WHEN status = 'fulfilled' THEN 50.0 WHEN status = 'noshow' THEN 10.0 END", "{points}")
    one = "CASE WHEN patient_id IN ('a0', 'w0') AND status = 'fulfilled' THEN 1.0 ELSE 0.0 END"
    keep(asked, *mean(method, sql.format(points=one), "sex"))
    for i in range(60):
        who = f"{'a' if i < 30 else 'w'}{i % 30}"
        asked.facts.tell(person(who, gender="male" if i < 30 else "female"))
        asked.facts.tell(visit(f"m{i}", "fulfilled", who), visit(f"n{i}", "noshow", who, day="2029-04-05"))
    march, both = asked.rate(measure="mean"), asked.rate(measure="mean", **TWO_MONTHS)
    assert (points(march), points(both)) == ((60, None), (120, None)), "they are counted"
    parted = body(march)["group"][0]["stratifier"][0]["stratum"]
    assert {each["measureScore"].get("value") for each in parted} == {None}
    assert points(asked.rate(measure="mean", periodStart="2029-04-01", periodEnd="2029-04-30")) == (60, 0), "of nobody"
    series = [each["resource"] for each in body(asked.ask("Measure/mean/$series", by="month", **TWO_MONTHS))["entry"]]
    assert [each["group"][0]["measureScore"].get("value") for each in series] == [None, 0]
    rows = asked.ask("Measure/mean/$table", by="month", **TWO_MONTHS).body
    assert isinstance(rows, bytes) and [b",1.0" in row for row in rows.splitlines()].count(True) == 0
    assert points(asked.masking("exact").rate(measure="mean"))[1] is not None


def test_a_sum_in_which_enough_people_differ_is_told(asked: Metrics) -> None:
    sql = MEASURED.replace("CASE WHEN status = 'fulfilled' THEN 50.0", "CASE WHEN status = 'fulfilled' THEN 0.0")
    keep(asked, *mean("sum", sql))
    asked.facts.tell(*(visit(f"a{i}", "fulfilled" if i < 30 else "noshow", f"a{i}") for i in range(41)))
    assert points(asked.rate(measure="mean")) == (41, 110)
    asked.facts.tell(visit("a40", "fulfilled", "a40"))
    assert points(asked.rate(measure="mean")) == (41, None), "ten people missed a visit"
