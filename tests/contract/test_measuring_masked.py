"""Numbers of few people are not told: in reports, in what is stored, in lists, behind a number, nor about one person;
those who treat all these people see them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.composition.parts import store as store_of
from carethread.core.context import Principal
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports.analytics import Answer
from carethread.core.settings import Settings
from carethread.metrics.answering.marking import SMALL_CELLS, shown
from support.facts import Filled
from support.measuring import MARCH, Metrics, Resource, body, counts, keep, metrics, own_measure, person, said, visit
from support.stores import open_store

ROOMS = """
SELECT 'Slot/' || id AS resource, NULL AS subject, TIMESTAMP '2029-03-05' AS "at", NULL AS department,
  NULL AS practitioner, TRUE AS denominator, TRUE AS numerator
FROM appointments
"""
BASIS = "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/cqfm-populationBasis"


@pytest.fixture(scope="module")
def opened(opened: Metrics) -> Metrics:
    return opened.masking()


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


def test_the_zones_are_asked_for_once_in_an_answer(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    query, seen = Filled.query, list[str]()

    def queried(self: Filled, sql: str, *more: Any) -> Answer:
        seen.append(sql)
        return query(self, sql, *more)

    monkeypatch.setattr(Filled, "query", queried)
    for place, who in enumerate((asked, asked.masking("exact"))):
        answer = who.ask("Measure/no-show-rate/$series", periodStart="2028-04-01", periodEnd="2029-04-30")
        assert len(body(answer)["entry"]) == 13
        assert sum("SELECT zone, id FROM organizations" in sql for sql in seen) == place + 1, "of each state once"


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


def awaited(who: Metrics, **params: str) -> str:
    """The id of an evaluation that is answered."""
    place = who.rate(_h_prefer="respond-async", **params).headers["Content-Location"]
    job = place.partition("job=")[2]
    while who.ask("Measure/$evaluation", job=job).status == 202:
        time.sleep(0.02)
    return job


def test_what_was_answered_to_who_treated_people_is_read_while_they_do(asked: Metrics) -> None:
    doctor = replace(asked, context=replace(asked.context, principal=Principal("Practitioner/doctor")))
    april = {"periodStart": "2029-04-01", "periodEnd": "2029-04-30"}
    masked = awaited(doctor, **april)
    asked.facts.tell(*team(*(f"p{i}" for i in range(40))))
    exact = awaited(doctor, **april)
    told = body(doctor.ask("Measure/$evaluation", job=exact))
    assert counts(told["group"][0])["numerator"] == 5
    assert {"url": SMALL_CELLS, "valueCode": "exact"} in told["extension"], "who hands it on knows what it is"
    asked.facts.tell(*team("p39", period={"end": "2029-01-01"}))
    assert said(doctor.ask("Measure/$evaluation", job=exact)) == (403, "suppressed", "job")
    assert doctor.ask("Measure/$evaluation", job=masked).status == 200
    asked.facts.tell(*team("p39"))
    assert doctor.ask("Measure/$evaluation", job=exact).status == 200


@pytest.mark.parametrize(
    ("principal", "period", "sees"),
    [
        ("Practitioner/doctor", {}, True),
        ("Practitioner/another", {}, False),
        ("Patient/p1", {}, False),
        ("metrics", {}, False),
        ("Practitioner/doctor", {"start": "2029-03-01"}, True),
        (
            "Practitioner/doctor",
            {"start": "2029-05-02"},
            True,
        ),  # who treats them now: it is care teams that are guarded
        ("Practitioner/doctor", {"start": "2039-05-02"}, False),
        ("Practitioner/doctor", {"start": "2029-03-01", "end": "2029-05-02"}, False),
    ],
)
def test_who_treats_people_now_sees_their_numbers(
    asked: Metrics, principal: str, period: dict[str, str], sees: bool
) -> None:
    asked.facts.tell(*team(*(f"p{i}" for i in range(40)), **({"period": period} if period else {})))
    who = replace(asked, context=replace(asked.context, principal=Principal(principal)))
    april = {"periodStart": "2029-04-01", "periodEnd": "2029-04-30"}
    assert counts(body(who.rate(**april))["group"][0])["numerator"] == (5 if sees else None)
    report = body(asked.rate("POST", **april))
    explained = who.ask(f"MeasureReport/{report['id']}/$explain", population="numerator")
    assert explained.status == (200 if sees else 403)


def test_that_nobody_is_counted_is_told_to_nobody_who_does_not_treat_them(asked: Metrics) -> None:
    """Else who is not refused for a person would learn that the person is not among those counted."""
    another = replace(asked, context=replace(asked.context, principal=Principal("Practitioner/another")))
    answers = [
        said(another.rate(subject="Patient/p1", periodStart=f"{year}-04-01", periodEnd=f"{year}-04-30"))
        for year in (2029, 2019)
    ]
    assert answers[0] == answers[1] and answers[0][0] == 403


def test_what_is_not_about_people_is_told(asked: Metrics) -> None:
    slots: list[dict[str, Any]] = [
        {"resourceType": "Schedule", "id": "s", "actor": [{"reference": "Practitioner/doctor"}]},
        *(
            {
                "resourceType": "Slot", "id": f"s{i}", "schedule": {"reference": "Schedule/s"}, "status": "free",
                "start": f"2029-03-0{i + 1}T09:00:00Z", "end": f"2029-03-0{i + 1}T09:20:00Z",
            }
            for i in range(4)
        ),
    ]  # fmt: skip
    asked.facts.tell(*slots)
    told = body(asked.rate(measure="third-next-available"))["group"][0]
    assert None not in counts(told).values()


@pytest.mark.parametrize("basis", ["Slot", "Schedule"])
def test_what_a_measure_says_of_its_units_does_not_unmask_them(asked: Metrics, basis: str) -> None:
    """Nor in a shipped Measure that somebody has changed, nor in one of their own that tells each person apart."""
    april = {"periodStart": "2029-04-01", "periodEnd": "2029-04-30"}
    changed = body(asked.ask("Measure/no-show-rate"))
    says = [{"url": BASIS, "valueCode": basis}]
    keep(asked, {**changed, "group": [{**each, "extension": says} for each in changed["group"]]})
    try:
        assert set(counts(body(asked.rate(**april))["group"][0]).values()) == {None}
    finally:
        keep(asked, changed)
    sql = ROOMS.replace("NULL AS subject", "patient_id AS subject")
    made = own_measure(sql, ["denominator", "numerator"], f"each-{basis.lower()}")
    person_ = {"language": "application/sql", "expression": "subject"}
    by_person = {"code": {"coding": [{"code": "subject"}]}, "criteria": person_}
    made[0]["group"][0] |= {"extension": says, "stratifier": [by_person]}
    keep(asked, *made)
    told = body(asked.rate(measure=f"each-{basis.lower()}"))["group"][0]
    assert {n for each in told["stratifier"][0]["stratum"] for n in counts(each).values()} == {None}


def test_of_a_masked_department_nothing_is_explained(asked: Metrics) -> None:
    """Neither its numbers, nor those of a stratum, which its report does not have."""
    for i in range(3):
        asked.facts.tell(visit(f"v{i}", "noshow", f"p{i}", department="x"))
    report = body(asked.rate("POST", department="Organization/x"))
    assert set(counts(report["group"][0]).values()) == {None} and "stratifier" not in report["group"][0]
    where = f"MeasureReport/{report['id']}/$explain"
    assert said(asked.ask(where, population="numerator")) == (403, "suppressed", "population")
    for column, stratum in (("sex", "male"), ("age", "18-39"), ("age", "unknown"), ("department", "x")):
        refused = asked.ask(where, population="numerator", stratifier=column, stratum=stratum)
        assert refused.status in (400, 403), (column, stratum)
        assert b"Appointment" not in refused.body


def test_strata_are_explained_without_lists_that_could_be_laid_beside_each_other(asked: Metrics) -> None:
    for i in range(90, 130):
        sex = "female" if i % 2 else "male"
        asked.facts.tell(person(f"p{i}", gender=sex), visit(f"v{i}", "noshow", f"p{i}", department="x"))
    report = body(asked.rate("POST"))
    where = f"MeasureReport/{report['id']}/$explain"
    women = body(asked.ask(where, population="numerator", stratifier="sex", stratum="female"))["parameter"]
    assert {each["name"]: each.get("valueInteger") for each in women}["found"] == 21
    assert "unit" not in [each["name"] for each in women]
    ward = body(asked.ask(where, population="numerator", stratifier="department", stratum="x"))["parameter"]
    assert [each["name"] for each in ward].count("unit") == 40


def answered(number: int, **given: int | str) -> Resource:
    """What somebody says of their visit."""
    item = [
        {"linkId": name, "answer": [{"valueInteger": v} if isinstance(v, int) else {"valueCoding": {"code": v}}]}
        for name, v in given.items()
    ]
    return {
        "resourceType": "QuestionnaireResponse", "id": f"r{number}", "status": "completed", "authored": "2029-03-05",
        "questionnaire": "https://carethread.dev/fhir/Questionnaire/visit-experience|1.0.0",
        "subject": {"reference": f"Patient/p{number}"}, "item": item,
    }  # fmt: skip


def test_groups_are_not_told_that_differ_by_few_people(asked: Metrics) -> None:
    """33 people have answered one question and 30 of them another: wherever that is told, 3 would follow."""
    for i in range(33):
        step = "fully" if i % 2 else "partly"
        asked.facts.tell(answered(i, listened=step, **({"time": step} if i < 30 else {})))
    asked_of = {"measure": "satisfaction-top-box"}
    listing = body(asked.rate(**asked_of, reportType="subject-list"))
    assert {n for group in listing["group"] for n in counts(group).values()} == {None}
    assert "contained" not in listing
    stored = body(asked.rate("POST", **asked_of))
    for group in ("listened", "time"):
        refused = asked.ask(f"MeasureReport/{stored['id']}/$explain", group=group, population="denominator")
        assert said(refused) == (403, "suppressed", "population")
    series = asked.ask("Measure/satisfaction-top-box/$series", by="month", **MARCH)
    (point,) = [each["resource"] for each in body(series)["entry"]]
    assert {n for group in point["group"] for n in counts(group).values()} == {None}
    table = asked.ask("Measure/satisfaction-top-box/$table", **MARCH).body
    assert b"33" not in table and b"30," not in table
    asked.facts.tell(*(answered(i, listened="fully", time="fully") for i in range(30, 33)))
    told = body(asked.rate(**asked_of, reportType="subject-list"))
    assert {each["id"].split("-")[1] for each in told["contained"]} == {"0"}, "lists are of the first group"
    by_code = {group["code"]["coding"][0]["code"]: counts(group) for group in told["group"]}
    assert by_code["time"]["denominator"] == 33


def test_what_was_stored_while_few_were_told_is_not_read_once_they_are_not(asked: Metrics, database_url: str) -> None:
    """Neither by its id, nor an older version, nor in a search, in history or in what is copied."""
    store = open_store(database_url, "metrics")
    exact = metrics(store)
    exact = replace(exact, facts=asked.facts, runtime=replace(exact.runtime, analytics=asked.facts))
    april = {"periodStart": "2029-04-01", "periodEnd": "2029-04-30", "reportType": "subject-list"}
    listing = body(exact.rate("POST", **april))
    asked.facts.tell(visit("w1", "fulfilled", "p1", day="2029-04-03"))
    assert counts(body(exact.rate("POST", **april))["group"][0])["numerator"] == 4
    later = SqlStore(store.engine, "metrics", lambda stored: shown(stored, "mask"))
    masks = replace(exact, runtime=replace(exact.runtime, store=later)).masking()
    where = f"MeasureReport/{listing['id']}"
    read = [body(masks.ask(where)), body(masks.ask(f"{where}/_history/1"))]
    found = [body(masks.ask(each)) for each in ("MeasureReport", f"{where}/_history", "MeasureReport/_history")]
    read += [entry["resource"] for each in found for entry in each["entry"]]
    read += [json.parse_object(each.body) for chunk in later.dump("MeasureReport") for each in chunk.versions]
    assert len(read) >= 7
    for report in read:
        assert [issue for issue in validate(report) if issue.severity == "error"] == []
        assert set(counts(report["group"][0]).values()) == {None}
        assert "stratifier" not in report["group"][0] and "contained" not in report
        assert report["group"][0]["measureScore"]["extension"][0]["valueCode"] == "masked"
    assert said(masks.ask(f"{where}/$explain", population="numerator")) == (403, "suppressed", "population")
    assert body(masks.rate("POST", **april))["meta"]["versionId"] == "3", "it is stored anew, and says so"
    march = body(masks.rate("POST"))
    assert counts(body(masks.ask(f"MeasureReport/{march['id']}"))["group"][0])["numerator"] == 30, "this may be told"
    assert counts(body(exact.ask(f"{where}/_history/2"))["group"][0])["numerator"] == 4, "nothing is lost"
    store.close()


def test_the_setting_decides_how_reports_are_read(asked: Metrics, tmp_path: Path) -> None:
    told: dict[str, int | None] = {}
    settings = Settings(data=tmp_path)
    open_store(settings.database("metrics"), "metrics").close()
    for few in ("exact", "mask"):
        store = store_of(replace(settings, small_cells=few), "metrics")
        made = metrics(store)
        exact = replace(made, runtime=replace(made.runtime, analytics=asked.facts))
        if not told:
            report = body(exact.rate("POST", periodStart="2029-04-01", periodEnd="2029-04-30"))
        told[few] = counts(body(exact.ask(f"MeasureReport/{report['id']}"))["group"][0])["numerator"]
        store.close()
    assert told == {"exact": 5, "mask": None}


PULSE = "https://carethread.dev/fhir/Questionnaire/staff-pulse|1.0.0"


def pulse(number: int, step: str = "worn-out") -> Resource:
    """What somebody of the staff says without a name."""
    return {
        "resourceType": "QuestionnaireResponse", "id": f"pulse{number}", "questionnaire": PULSE, "status": "completed",
        "authored": "2029-03-05", "item": [{"linkId": "worn", "answer": [{"valueCoding": {"code": step}}]}],
    }  # fmt: skip


def seconds(number: int) -> Resource:
    """How long somebody of the staff has worked on a form, by a name that means nothing elsewhere."""
    score = {"value": 40 + number, "unit": "s", "system": "http://unitsofmeasure.org", "code": "s"}
    return {
        "resourceType": "MeasureReport", "id": f"time{number}", "status": "complete", "type": "individual",
        "measure": "https://carethread.dev/fhir/Measure/documentation-burden|1.0.0",
        "subject": {"identifier": {"system": "urn:authors", "value": f"author{number}"}},
        "period": {"start": "2029-03-05", "end": "2029-03-05"},
        "group": [{"code": {"coding": [{"code": "seconds"}]}, "measureScore": score}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("measure", "population", "said_by"),
    [("staff-burnout-share", "numerator", pulse), ("documentation-time", "measure-population", seconds)],
)
def test_what_is_said_without_a_name_is_told_of_few_to_nobody(
    asked: Metrics, measure: str, population: str, said_by: Callable[[int], Resource]
) -> None:
    """Where exact numbers are told, and to staff too: neither the number, nor what stands behind it."""
    exact = asked.masking("exact")
    staff = replace(exact, context=replace(exact.context, principal=Principal("Practitioner/doctor")))
    for number in range(10):
        asked.facts.tell(said_by(number))
    for who in (exact, staff):
        listing = body(who.rate(measure=measure, reportType="subject-list"))
        assert set(counts(listing["group"][0]).values()) == {None} and "contained" not in listing
        stored = body(who.rate("POST", measure=measure))
        assert set(counts(stored["group"][0]).values()) == {None}
        refused = who.ask(f"MeasureReport/{stored['id']}/$explain", population=population)
        assert said(refused) == (403, "suppressed", "population")
        assert said(who.rate(measure=measure, periodStart="2029-03-02")) == (403, "suppressed", "periodStart")
        assert b"pulse" not in refused.body and b"time" not in refused.body
    asked.facts.tell(said_by(10))
    stored = body(exact.rate("POST", measure=measure))
    assert counts(stored["group"][0])[population] == 11
    found = body(exact.ask(f"MeasureReport/{stored['id']}/$explain", population=population))["parameter"]
    units = [each["part"] for each in found if each["name"] == "unit"]
    assert len(units) == 11 and {part["name"] for unit in units for part in unit} == {"resource"}
