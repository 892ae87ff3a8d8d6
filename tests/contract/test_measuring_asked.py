"""What may be asked of a measure, and how each refusal reads: SQL over facts of plain resources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carethread.core.errors import TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Request, Response
from carethread.interactions.rest.handling import handle
from carethread.metrics.evaluating.asking import REFERS
from support.measuring import (
    MARCH,
    RATE,
    Facts,
    Metrics,
    Resource,
    body,
    counts,
    keep,
    own_measure,
    person,
    said,
    visit,
)

GOOD_SQL = """
SELECT 'Appointment/' || id AS resource, patient_id AS subject, start_at AS "at", department_id AS department,
  practitioner_id AS practitioner, TRUE AS denominator, status = 'noshow' AS numerator
FROM appointments WHERE start_at >= $start AND start_at < $end
"""


@pytest.fixture
def asked(opened: Metrics) -> Iterator[Metrics]:
    """Three visits of two people in March, one of them missed, and one in April."""
    opened.facts.resources.clear()
    opened.records.groups.clear()
    opened.records.status = 200
    opened.facts.tell(
        visit("a", "fulfilled", "p", department="heart"),
        visit("b", "noshow", "p", hour=10),
        visit("c", "fulfilled", "q"),
        visit("d", "noshow", "q", day="2029-04-02"),
    )
    yield opened


def numbers(metrics: Metrics, **params: str) -> tuple[Any, Any]:
    """Denominator and numerator."""
    answer = metrics.rate(**params)
    assert answer.status == 200, answer.body
    assert [issue for issue in validate(body(answer)) if issue.severity == "error"] == []
    found = counts(body(answer)["group"][0])
    return found["denominator"], found["numerator"]


def test_a_report_says_what_counted(asked: Metrics) -> None:
    found = body(asked.rate())
    said = [each["valueCanonical"] for each in found["extension"] if each["url"].endswith("/counted-by")]
    assert said[0] == "https://carethread.dev/fhir/Library/no-show-rate|2.3.0"
    views = {each.rpartition("/")[2].partition("|")[0] for each in said[1:]}
    assert {"appointments", "patients", "coverages", "patient_links"} <= {each.replace("-", "_") for each in views}
    assert all(each.partition("|")[2] for each in said)
    assert [each for each in found["extension"] if each["url"].endswith("/facts-as-of")]


def test_filters_narrow_what_is_counted(asked: Metrics) -> None:
    assert numbers(asked) == (3, 1)
    assert numbers(asked, periodStart="2029-03", periodEnd="2029-04") == (4, 2)
    assert numbers(asked, subject="Patient/p") == (2, 1)
    assert numbers(asked, subject="q", reportType="subject") == (1, 0)
    assert numbers(asked, department="Organization/heart") == (1, 0)
    assert numbers(asked, practitioner="Practitioner/nobody") == (0, 0)


@pytest.mark.parametrize("name", ["department", "practitioner", "subject", "group"])
def test_who_is_not_known_has_no_number(asked: Metrics, name: str) -> None:
    refused = asked.rate(**{name: "unknown"})
    assert said(refused) == (404, "not-found", name)
    assert f"{REFERS[name]}/unknown" in body(refused)["issue"][0]["diagnostics"]
    asked.records.status = 503
    assert said(asked.rate(**{name: "p"}))[:2] == (503, "transient")


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("no-shows-rate", "Measure/no-show-rate"),
        ("Measure/no-show", "Measure/no-show-rate"),
        ("https://carethread.dev/fhir/Measure/no-show-rate|0.0.1", "https://carethread.dev/fhir/Measure/no-show-rate|"),
        ("https://example.org/Measure/retentions", "https://carethread.dev/fhir/Measure/retention|"),
        ("x" * 5000, ""),
    ],
)
def test_a_measure_that_is_not_there_leads_to_those_that_are(asked: Metrics, named: str, meant: str) -> None:
    refused = asked.ask("Measure/$evaluate-measure", measure=named, **MARCH)
    assert said(refused) == (404, "not-found", "measure")
    told = body(refused)["issue"][0]["diagnostics"]
    assert named[:100] in told
    assert (f"Is {meant}" in told) if meant else "meant" not in told
    assert "GET Measure?status=active" in told
    assert len(told) < 1000


def test_a_department_that_is_not_there_leads_to_how_they_are_found(asked: Metrics) -> None:
    told = body(asked.rate(department="unknown"))["issue"][0]["diagnostics"]
    assert told == "Organization/unknown is not known here. GET Organization?name=... finds a department's id."
    assert "Organization?name" not in body(asked.rate(practitioner="unknown"))["issue"][0]["diagnostics"]


@pytest.mark.parametrize("operation", ["$series", "$table"])
def test_a_department_that_is_not_known_has_none_elsewhere(asked: Metrics, operation: str) -> None:
    refused = asked.ask(f"Measure/{RATE}/{operation}", **MARCH, department="unknown")
    assert said(refused) == (404, "not-found", "department")


def test_the_members_of_a_group_are_asked_of_its_owner(asked: Metrics) -> None:
    def group(*who: Resource, **more: Any) -> None:
        made = {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": list(who), **more}
        asked.records.groups["Group/g"] = made

    def entity(id_: str, **more: Any) -> Resource:
        return {"entity": {"reference": f"Patient/{id_}"}, **more}

    group(entity("p"), entity("q", inactive=True))
    assert numbers(asked, group="Group/g") == (2, 1)
    group(entity("q"))
    assert numbers(asked, group="g", subject="Patient/p") == (0, 0)
    asked.facts.tell(person("q", active=False, link=[{"other": {"reference": "Patient/p"}, "type": "replaced-by"}]))
    assert numbers(asked, group="g") == (3, 1), "who was merged is whom they are now"
    assert numbers(asked, subject="Patient/q") == (3, 1)
    group()
    assert numbers(asked, group="g") == (0, 0)
    group(entity("p"), actual=False)
    assert said(asked.rate(group="g")) == (422, "invalid", "group")
    assert said(asked.rate(group="other")) == (404, "not-found", "group")
    asked.records.status = 503
    assert said(asked.rate(group="g"))[:2] == (503, "transient")


def test_a_group_of_very_many_is_too_costly(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carethread.metrics.evaluating.members._MOST", 1)
    entities = [{"entity": {"reference": f"Patient/{id_}"}} for id_ in "pq"]
    asked.records.groups["Group/g"] = {
        "resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": entities,
    }  # fmt: skip
    assert said(asked.rate(group="g")) == (403, "too-costly", "group")


def test_a_subject_list_names_who_is_counted(asked: Metrics) -> None:
    found = body(asked.rate(reportType="subject-list"))
    assert found["type"] == "subject-list"
    assert [issue for issue in validate(found) if issue.severity == "error"] == []
    lists = {f"#{each['id']}": [e["item"]["reference"] for e in each.get("entry", ())] for each in found["contained"]}
    by_code = {
        each["code"]["coding"][0]["code"]: lists[each["subjectResults"]["reference"]]
        for each in found["group"][0]["population"]
    }
    assert by_code["numerator"] == ["Appointment/b"]
    assert by_code["denominator"] == ["Appointment/a", "Appointment/b", "Appointment/c"]
    keep(asked, *own_measure(GOOD_SQL, ["denominator", "numerator"], "people"))
    people = body(asked.rate(measure="people", reportType="subject-list"))
    assert [e["item"]["reference"] for e in people["contained"][0]["entry"]] == ["Patient/p", "Patient/q"]


def test_a_list_of_very_many_is_too_costly(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carethread.metrics.evaluating.listing._MOST", 3)
    assert said(asked.rate(reportType="subject-list")) == (403, "too-costly", "reportType")


def test_a_person_is_counted_once_where_people_are(asked: Metrics) -> None:
    keep(asked, *own_measure(GOOD_SQL, ["denominator", "numerator"], "people"))
    found = body(asked.rate(measure="people", subject="Patient/p"))
    assert (found["type"], found["subject"]) == ("individual", {"reference": "Patient/p"})
    assert counts(found["group"][0]) == {"denominator": 1, "numerator": 1}


def test_the_measure_is_named_on_the_type(asked: Metrics) -> None:
    where = "Measure/$evaluate-measure"
    month = {"periodStart": "2029-03", "periodEnd": "2029-03"}
    for named in (RATE, f"Measure/{RATE}", f"https://carethread.dev/fhir/Measure/{RATE}"):
        assert counts(body(asked.ask(where, measure=named, **month))["group"][0])["denominator"] == 3
    assert said(asked.ask(where, **month)) == (400, "required", "measure")
    assert said(asked.rate(**{"measure ": "x"}))[0] == 400
    old = f"https://carethread.dev/fhir/Measure/{RATE}|1.0.0"
    assert said(asked.ask(where, measure=old, **month)) == (404, "not-found", "measure")


@pytest.mark.parametrize(
    ("params", "status", "code", "where"),
    [
        ({"periodStart": "2029-04-01"}, 400, "value", "periodEnd"),
        ({"periodStart": "2029-02-30"}, 400, "value", "periodStart"),
        ({"lastReceivedOn": "2029-03-01T00:00:00Z"}, 400, "not-supported", "lastReceivedOn"),
        ({"reportType": "everybody"}, 400, "value", "reportType"),
        ({"reportType": "subject"}, 400, "required", "subject"),
        ({"reportType": "population", "subject": "p"}, 400, "value", "reportType"),
        ({"department": "Group/1"}, 400, "value", "department"),
        ({"colour": "red"}, 400, "not-supported", "colour"),
    ],
)
def test_what_is_wrong_is_named(asked: Metrics, params: dict[str, str], status: int, code: str, where: str) -> None:
    assert said(asked.rate(**params)) == (status, code, where)


@pytest.mark.parametrize("counted_elsewhere", ["documentation-burden", "feedback-loop", "workload"])
def test_what_others_count_is_reported_by_them(asked: Metrics, counted_elsewhere: str) -> None:
    refused = asked.rate(measure=counted_elsewhere)
    assert said(refused) == (422, "not-supported", "Measure.library")
    assert "reported by its service" in body(refused)["issue"][0]["diagnostics"]


SQL = "Library.content[0].data"
SHARE = ["denominator", "numerator"]
POPULATION = "Measure.group[0].population"
A_SHARE = {"scoring": {"coding": [{"code": "proportion"}]}}
BAD: list[tuple[str, list[Resource], str, str]] = [
    ("unknown", [], "not-found", "measure"),
    ("no-groups", own_measure(GOOD_SQL, SHARE, "no-groups", group=[]), "not-supported", "Measure.group"),
    ("no-library", own_measure(GOOD_SQL, SHARE, "no-library")[:1], "not-found", "Measure.library"),
    ("wrong-column", own_measure("SELECT 1 AS resource", SHARE, "wrong-column"), "invalid", SQL),
    ("no-sql", own_measure("SELEC 1", SHARE, "no-sql"), "invalid", SQL),
    ("writes", own_measure("DELETE FROM appointments", SHARE, "writes"), "invalid", SQL),
    ("no-view", own_measure("SELECT * FROM fairies", SHARE, "no-view"), "invalid", SQL),
    ("no-value", own_measure(GOOD_SQL.replace("$end", "$until"), SHARE, "no-value"), "invalid", SQL),
    (
        "mistyped",
        own_measure(GOOD_SQL, ["denominator", "numerater"], "mistyped", **A_SHARE),
        "not-supported",
        POPULATION,
    ),
    (
        "in-capitals",
        own_measure(GOOD_SQL, ["denominator", "Numerator"], "in-capitals", **A_SHARE),
        "not-supported",
        f"{POPULATION}[1].criteria",
    ),
    ("nobody-due", own_measure(GOOD_SQL, ["numerator"], "nobody-due", **A_SHARE), "not-supported", POPULATION),
    ("twice", own_measure(GOOD_SQL, [*SHARE, "numerator"], "twice"), "not-supported", f"{POPULATION}[2].code"),
]


@pytest.mark.parametrize(("name", "resources", "code", "where"), BAD, ids=[each[0] for each in BAD])
def test_a_measure_that_cannot_be_counted(
    asked: Metrics, name: str, resources: list[Resource], code: str, where: str
) -> None:
    keep(asked, *resources)
    refused = asked.rate(measure=name)
    status, found, expression = said(refused)
    assert (status, found, expression or "") == (404 if name == "unknown" else 422, code, where)
    if name == "no-view":
        assert "fairies" in body(refused)["issue"][0]["diagnostics"]
    if name == "in-capitals":
        assert "a column in small letters" in body(refused)["issue"][0]["diagnostics"]
    if name == "wrong-column":
        lacks = "The SELECT has no columns subject, at, department, denominator, numerator; it has resource."
        assert body(refused)["issue"][0]["diagnostics"] == lacks


ESCAPES = ["SELECT 1), w AS (DELETE FROM appointments), zz AS (SELECT 1", "SELECT 1; SELECT 2", "", "-- nothing"]


def sent(asked: Metrics, method: str, path: str, resource: Resource) -> Response:
    content = {"content-type": "application/fhir+json"}
    return handle(asked.runtime, Request(method, path, (), content, json.render(resource)), asked.context)


@pytest.mark.parametrize("sql", ESCAPES)
def test_sql_that_is_not_one_select_is_refused_when_it_is_written(asked: Metrics, sql: str) -> None:
    _, library = own_measure(sql or " ", ["numerator"])
    written = handle(
        asked.runtime,
        Request("PUT", "Library/own", (), {"content-type": "application/fhir+json"}, json.render(library)),
        asked.context,
    )
    assert said(written) == (422, "invalid", SQL)
    issues = body(sent(asked, "POST", "Library/$validate", library))["issue"]
    assert [each["expression"] for each in issues if each["severity"] == "error"] == [[SQL]]
    keep(asked, *own_measure(sql or " ", ["numerator"]))  # as one that was there before
    assert said(asked.rate(measure="own")) == (422, "invalid", SQL)
    good = {**own_measure(GOOD_SQL, ["numerator"])[1], "version": "2"}
    written = handle(
        asked.runtime,
        Request("PUT", "Library/own", (), {"content-type": "application/fhir+json"}, json.render(good)),
        asked.context,
    )
    assert written.status in (200, 201)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (GOOD_SQL.replace("status = 'noshow' AS numerator", "1 AS numerator"), "The column numerator is INTEGER"),
        (GOOD_SQL.replace("subject", "who"), "The SELECT has no column subject; it has"),
        (f"{GOOD_SQL} HAVING nope", "nope"),
        (GOOD_SQL.replace("SELECT ", "SELECT TRUE AS Numerator, ", 1), "has the column numerator more than once"),
        (f"SELECT *, FALSE AS denominator FROM ({GOOD_SQL})", "has the column denominator more than once"),
        (f"SELECT * FROM ({GOOD_SQL}), visits", "has the column resource more than once"),
    ],
)
def test_what_a_select_lacks_is_told_by_its_name(asked: Metrics, sql: str, told: str) -> None:
    keep(asked, *own_measure(sql, ["denominator", "numerator"]))
    refused = asked.rate(measure="own")
    assert said(refused) == (422, "invalid", SQL)
    assert told in body(refused)["issue"][0]["diagnostics"]
    assert '"unit"' not in body(refused)["issue"][0]["diagnostics"]


def test_sql_that_runs_long_is_too_costly(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = "FROM range(1000000) a, range(1000000) b"
    endless = f"""SELECT 'a/1' AS resource, 'p' AS subject, $start AS "at", NULL AS department,
        sum(a.range * b.range) > 1 AS denominator {numbers}"""
    keep(asked, *own_measure(endless, ["denominator"], "endless"))
    with asked.facts.look() as facts:
        bounds = facts._sandbox._bounds
        monkeypatch.setattr(facts._sandbox, "_bounds", replace(bounds, seconds=0.2))
    assert said(asked.rate(measure="endless"))[:2] == (403, TooCostly.code)


def test_before_there_are_facts_the_answer_is_to_try_again(asked: Metrics, tmp_path: Path) -> None:
    from carethread.adapters.analytics.duck import DuckAnalytics

    early = replace(asked, runtime=replace(asked.runtime, analytics=DuckAnalytics(tmp_path)))
    refused = early.rate()
    assert said(refused)[:2] == (503, "transient")
    assert refused.headers["Retry-After"]


def test_a_changed_library_counts_at_once(asked: Metrics) -> None:
    keep(asked, *own_measure(GOOD_SQL, ["denominator", "numerator"], "mine"))
    assert counts(body(asked.rate(measure="mine"))["group"][0]) == {"denominator": 3, "numerator": 1}
    keep(asked, *own_measure(GOOD_SQL.replace("noshow", "fulfilled"), ["denominator", "numerator"], "mine"))
    assert counts(body(asked.rate(measure="mine"))["group"][0]) == {"denominator": 3, "numerator": 2}


def test_facts_of_nothing_count_nothing(asked: Metrics) -> None:
    empty = replace(asked, runtime=replace(asked.runtime, analytics=Facts()))
    assert numbers(empty) == (0, 0)
    assert body(empty.rate())["group"][0]["measureScore"]["extension"][0]["valueCode"] == "not-applicable"


ODD = """
SELECT 'Appointment/' || id AS resource, patient_id AS subject, start_at AS "at", department_id AS department,
  practitioner_id AS practitioner, TRUE AS initial_population, CAST({value} AS DOUBLE) AS minutes
FROM appointments WHERE start_at >= $start AND start_at < $end
"""


def observing(value: str) -> list[Resource]:
    """A Measure of one's own of the mean of a value."""
    measure, library = own_measure(ODD.format(value=value), ["initial-population", "measure-observation"], "odd")
    url = "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/cqfm-aggregateMethod"
    measure["group"][0]["population"][1] |= {
        "criteria": {"language": "application/sql", "expression": "minutes"},
        "extension": [{"url": url, "valueCode": "average"}],
    }
    return [measure | {"scoring": {"coding": [{"code": "continuous-variable"}]}}, library]


@pytest.mark.parametrize("value", ["'inf'", "'-inf'", "'nan'"])
def test_what_is_no_finite_number_is_not_told(asked: Metrics, value: str) -> None:
    keep(asked, *observing(value))
    assert said(asked.rate(measure="odd")) == (422, "value", "Measure.group[0]")
    assert said(asked.ask("Measure/odd/$series", **MARCH)) == (422, "value", "Measure.group[0]")
    keep(asked, *observing("3"))
    assert body(asked.rate(measure="odd"))["group"][0]["measureScore"]["value"] == 3


@pytest.mark.parametrize("listed", ["'<b>x</b>/../..'", "'Appointment/a/_history/1'", "'https://example.org/x'", "'x'"])
def test_what_is_no_reference_is_not_listed(asked: Metrics, listed: str) -> None:
    sql = GOOD_SQL.replace("'Appointment/' || id AS resource", f"{listed} AS resource, sqrt(id = 'a') AS odd")
    basis = {"url": "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/cqfm-populationBasis"}
    measure, library = own_measure(sql.replace("sqrt(id = 'a')", "CAST('inf' AS DOUBLE)"), ["denominator"], "odd")
    measure["group"][0]["extension"] = [basis | {"valueCode": "Appointment"}]
    keep(asked, measure, library)
    assert said(asked.rate(measure="odd", reportType="subject-list")) == (422, "value", "Library.content")
    report = body(asked.rate("POST", measure="odd"))
    explained = asked.ask(f"MeasureReport/{report['id']}/$explain", population="denominator")
    unit = next(each for each in body(explained)["parameter"] if each["name"] == "unit")
    told = {part["name"]: part for part in unit["part"]}
    assert told["odd"]["valueString"] == "inf"
    assert ("valueReference" in told["resource"]) == ("http" in listed or "_history" in listed)


def test_a_stored_report_is_valid_without_a_word(asked: Metrics) -> None:
    asked.facts.tell(visit("waits", "booked", "p", hour=11))
    for measure in (RATE, "late-cancellation-rate", "waiting-time"):
        report = body(asked.rate("POST", measure=measure))
        sent = Request("GET", f"MeasureReport/{report['id']}/$validate", ())
        issues = body(handle(asked.runtime, sent, asked.context))["issue"]
        found = [each for each in issues if each["severity"] != "information"]
        assert [each for each in found if not each["diagnostics"].startswith("dom-6")] == []
