"""What stands behind a number of a stored report, and the gaps in a person's care."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from carethread.core.context import context_of
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Request, Response
from carethread.interactions.rest.handling import handle
from carethread.metrics.answering.guarding import OF_THE_DAY
from support.measuring import MARCH, Metrics, Resource, body, keep, own_measure, person, said, visit

GAP = {"url": "https://carethread.dev/fhir/StructureDefinition/care-gap", "valueString": "A visit that takes place."}
CAME = """
SELECT 'Appointment/' || id AS resource, patient_id AS subject, start_at AS "at", department_id AS department,
  practitioner_id AS practitioner, status <> 'cancelled' AS denominator, status = 'fulfilled' AS numerator
FROM appointments WHERE start_at >= $start AND start_at < $end
"""


@pytest.fixture
def asked(opened: Metrics) -> Iterator[Metrics]:
    opened.facts.resources.clear()
    opened.facts.tell(
        person("p", gender="female"),
        visit("a", "fulfilled", "p", department="heart"),
        visit("b", "noshow", "p", hour=10),
        visit("c", "noshow", "q", hour=11),
    )
    yield opened


def explained(metrics: Metrics, report: Resource, **params: str) -> dict[str, Any]:
    """The simple values by name, `units` by their parts, and lists of what stands there several times."""
    answer = metrics.ask(f"MeasureReport/{report['id']}/$explain", **{"population": "numerator", **params})
    assert answer.status == 200, answer.body
    assert [issue for issue in validate(body(answer)) if issue.severity == "error"] == []
    found: dict[str, Any] = {"units": [], "counted-by": []}
    for each in body(answer)["parameter"]:
        if each["name"] == "unit":
            found["units"].append({part["name"]: part for part in each["part"]})
            continue
        if each["name"] == "sql-parameter":
            continue
        value = next(value for name, value in each.items() if name.startswith("value"))
        found[each["name"]] = [*found["counted-by"], value] if each["name"] == "counted-by" else value
    return found


def listed(found: dict[str, Any]) -> list[str]:
    return [unit["resource"]["valueReference"]["reference"] for unit in found["units"]]


def test_what_is_called_unknown_is_not_what_is_not_known(asked: Metrics) -> None:
    sql = CAME.replace(
        "FROM appointments",
        ", CASE id WHEN 'a' THEN 'unknown' WHEN 'b' THEN NULL ELSE 'x' END AS kind\nFROM appointments",
    )
    for name, left in (("called", ""), ("nameless", " AND id <> 'a'"), ("named", " AND id <> 'b'")):
        measure, library = own_measure(sql + left, ["denominator", "numerator"], name)
        criteria = {"language": "application/sql", "expression": "kind"}
        measure["group"][0]["stratifier"] = [{"code": {"coding": [{"code": "kind"}]}, "criteria": criteria}]
        keep(asked, measure, library)
        report = body(asked.rate("POST", measure=name))
        found = explained(asked, report, population="denominator", stratifier="kind", stratum="unknown")
        assert listed(found) == ["Appointment/b" if name == "nameless" else "Appointment/a"]
        assert (found["reported"], found["found"]) == (1, 1)


def test_each_unit_is_on_one_page(asked: Metrics) -> None:
    """Those too that are of one resource and moment, as activities of a plan may be."""
    parts = CAME.replace("FROM appointments", ", part FROM appointments, unnest(range(400)) AS r(part)")
    keep(asked, *own_measure(parts, ["denominator", "numerator"], "parted"))
    report = body(asked.rate("POST", measure="parted"))
    pages = [explained(asked, report, _count="80", _offset=str(offset)) for offset in range(0, 400, 80)]
    assert sorted(unit["part"]["valueDecimal"] for page in pages for unit in page["units"]) == list(range(400))


def test_a_number_is_opened_down_to_its_resources(asked: Metrics) -> None:
    report = body(asked.rate("POST"))
    found = explained(asked, report)
    assert listed(found) == ["Appointment/b", "Appointment/c"]
    assert found["units"][0]["subject"]["valueReference"] == {"reference": "Patient/p"}
    assert (
        found["units"][0]["at"]["valueInstant"]
        == "2029-03-05T10:00:00.000000Z"[:19] + found["units"][0]["at"]["valueInstant"][19:]
    )
    assert (found["reported"], found["found"], found["moved-on"]) == (2, 2, False)
    assert "status = 'noshow' AS numerator" in found["sql"]
    assert found["counted-by"] == [
        each["valueCanonical"] for each in report["extension"] if each["url"].endswith("counted-by")
    ]
    assert listed(explained(asked, report, population="denominator")) == [f"Appointment/{x}" for x in "abc"]


def test_a_stratum_is_opened_too(asked: Metrics) -> None:
    report = body(asked.rate("POST"))
    assert listed(explained(asked, report, stratifier="sex", stratum="female")) == ["Appointment/b"]
    assert listed(explained(asked, report, stratifier="sex", stratum="unknown")) == ["Appointment/c"]
    where = f"MeasureReport/{report['id']}/$explain"
    refused = asked.ask(where, population="numerator", stratifier="sex", stratum="male")
    assert said(refused) == (400, "value", "stratum")
    assert "unknown, female" in body(refused)["issue"][0]["diagnostics"]
    of_one = body(asked.rate("POST", subject="p"))
    refused = asked.ask(f"MeasureReport/{of_one['id']}/$explain", population="numerator", stratifier="sex", stratum="x")
    assert "no strata" in body(refused)["issue"][0]["diagnostics"]
    heart = explained(asked, report, population="denominator", stratifier="department", stratum="heart")
    assert listed(heart) == ["Appointment/a"]


def test_strata_are_called_as_their_stratifiers_are(asked: Metrics) -> None:
    report = body(asked.rate("POST"))
    parts = explained(asked, report, stratifier="sex", stratum="female")["units"][0]
    assert parts["sex"]["valueString"] == "female"
    assert parts["subject"]["valueReference"] == {"reference": "Patient/p"}
    assert not any(name.startswith("stratum_") for name in parts)


def test_a_column_keeps_its_name_beside_strata(asked: Metrics) -> None:
    sql = CAME.replace("FROM appointments", ", 'mine' AS sex, id AS kind\nFROM appointments")
    measure, library = own_measure(sql, ["denominator", "numerator"], "both")
    measure["group"][0]["stratifier"] = [
        {"code": {"coding": [{"code": name}]}, "criteria": {"language": "application/sql", "expression": name}}
        for name in ("sex", "kind")
    ]
    keep(asked, measure, library)
    report = body(asked.rate("POST", measure="both"))
    (unit,) = explained(asked, report, population="denominator", stratifier="kind", stratum="a")["units"]
    told = {name: unit[name]["valueString"] for name in ("sex", "stratum_0", "kind")}
    assert told == {"sex": "mine", "stratum_0": "female", "kind": "a"}
    assert "stratum_1" not in unit


def test_it_is_read_page_by_page(asked: Metrics) -> None:
    report = body(asked.rate("POST"))
    first = explained(asked, report, _count="1")
    assert (listed(first), first["found"]) == (["Appointment/b"], 2)
    onward = dict(parse_qsl(urlsplit(first["next"]).query))
    second = explained(asked, report, **onward)
    assert listed(second) == ["Appointment/c"]
    assert "next" not in second


def test_it_says_that_the_facts_have_moved_on(asked: Metrics) -> None:
    report = body(asked.rate("POST"))
    asked.facts.tell(visit("c", "fulfilled", "q", hour=11))
    found = explained(asked, report)
    assert (found["reported"], found["found"], found["moved-on"]) == (2, 1, True)


def test_bounds_of_the_report_are_kept(asked: Metrics) -> None:
    narrowed = body(asked.rate("POST", department="heart"))
    assert listed(explained(asked, narrowed, population="denominator")) == ["Appointment/a"]
    of_one = body(asked.rate("POST", subject="Patient/q"))
    assert listed(explained(asked, of_one)) == ["Appointment/c"]
    of_nobody = body(asked.rate("POST", practitioner="Practitioner/nobody"))
    assert explained(asked, of_nobody)["found"] == 0


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({"population": "everybody"}, "population"),
        ({"population": "numerator", "stratifier": "sex"}, "stratum"),
        ({"population": "numerator", "stratifier": "colour", "stratum": "red"}, "stratifier"),
        ({"population": "numerator", "group": "7"}, "group"),
        ({"population": "numerator", "_count": "some"}, "_count"),
        ({"population": "numerator", "_count": "0"}, "_count"),
        ({"population": "numerator", "_count": "99999999999"}, "_count"),
        ({"population": "numerator", "_offset": "-1"}, "_offset"),
        ({"population": "numerator", "colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_named(asked: Metrics, params: dict[str, str], where: str) -> None:
    report = body(asked.rate("POST"))
    refused = asked.ask(f"MeasureReport/{report['id']}/$explain", **params)
    assert said(refused)[::2] == (400, where)
    if where == "_count":
        assert body(refused)["issue"][0]["diagnostics"] == "_count is a number from 1 to 1000."


def test_a_report_of_somebody_else_is_not_explained(asked: Metrics) -> None:
    assert asked.ask("MeasureReport/nobody/$explain", population="numerator").status == 404
    foreign = {
        "resourceType": "MeasureReport", "id": "foreign", "status": "complete", "type": "summary",
        "measure": "https://example.org/m", "period": {"start": "2029-01-01", "end": "2029-02-01"},
    }  # fmt: skip
    keep(asked, foreign)
    assert said(asked.ask("MeasureReport/foreign/$explain", population="numerator"))[:2] == (422, "not-supported")


STRATUM: Any = {"stratifier": [{"stratum": [{"value": {"text": "x"}}]}]}
MISFITS: list[tuple[Callable[[Resource], Resource], str]] = [
    (lambda report: {"group": []}, "MeasureReport.group"),
    (lambda report: {"group": [{}]}, "MeasureReport.group[0].population"),
    (lambda report: {"group": [first(report, population=population(report)[:1])]}, "MeasureReport.group[0].population"),
    (
        lambda report: {"group": [first(report, **STRATUM)]},
        "MeasureReport.group[0].stratifier[0].stratum[0].population",
    ),
    (lambda report: {"extension": [{"url": report["extension"][0]["url"]}]}, "MeasureReport.extension"),
]


def first(report: Resource, **more: Any) -> Resource:
    return {**report["group"][0], **more}


def population(report: Resource) -> list[Resource]:
    return list(report["group"][0]["population"])


@pytest.mark.parametrize(("changed", "where"), MISFITS)
def test_a_report_that_only_says_that_it_was_counted_here(
    asked: Metrics, changed: Callable[[Resource], Resource], where: str
) -> None:
    report = body(asked.rate("POST"))
    keep(asked, {**report, "id": "made-up", **changed(report)})
    assert said(asked.ask("MeasureReport/made-up/$explain", population="numerator"))[::2] == (422, where)
    keep(asked, {name: value for name, value in report.items() if name != "period"} | {"id": "no-period"})
    assert said(asked.ask("MeasureReport/no-period/$explain", population="numerator"))[::2] == (400, "periodStart")


def test_what_was_counted_is_not_changed_by_others(asked: Metrics) -> None:
    report = body(asked.rate("POST"))
    changed = {**report, "group": [first(report, population=[{**each, "count": 999} for each in population(report)])]}
    bare = {name: value for name, value in changed.items() if name != "extension"}
    for sent in (changed, bare):
        assert said(write(asked, sent)) == (422, "business-rule", "MeasureReport")
    assert said(write(asked, {**report, "id": "mine"})) == (422, "business-rule", "MeasureReport.extension")
    day = [{"code": {"coding": [OF_THE_DAY]}, **first(bare)}]
    assert said(write(asked, {**bare, "id": "mine", "group": day})) == (
        422, "business-rule", "MeasureReport.group[0].code",
    )  # fmt: skip
    assert write(asked, {**report, "id": "old"}, {"x-carethread-backfill": "true"}).status == 201
    assert write(asked, {**bare, "id": "mine"}).status == 201
    assert write(asked, {**bare, "id": "mine", "status": "error"}).status == 200
    assert body(asked.rate("POST"))["meta"]["versionId"] == "1"
    asked.facts.tell(visit("b", "fulfilled", "p", hour=10))
    assert body(asked.rate("POST"))["meta"]["versionId"] == "2"


def write(metrics: Metrics, resource: Resource, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    sent = Request(
        "PUT",
        f"MeasureReport/{resource['id']}",
        (),
        {"content-type": "application/fhir+json", **headers},
        json.render(resource),
    )
    return handle(metrics.runtime, sent, context_of(headers))


def test_a_number_of_a_measure_that_has_changed_is_not_explained_by_another(asked: Metrics) -> None:
    keep(asked, *own_measure(CAME, ["denominator", "numerator"], "came"))
    report = body(asked.rate("POST", measure="came"))
    assert explained(asked, report)["found"] == 1
    keep(asked, *own_measure(CAME, ["denominator", "numerator"], "came", version="2.0.0"))
    refused = asked.ask(f"MeasureReport/{report['id']}/$explain", population="numerator")
    assert said(refused)[:2] == (404, "not-found")


def gaps(metrics: Metrics, **params: str) -> dict[str, str]:
    """The state of each gap by the section's title."""
    answer = metrics.ask("Measure/$care-gaps", **{**MARCH, "subject": "Patient/p", "topic": "visits", **params})
    assert answer.status == 200, answer.body
    bundle = body(answer)
    assert [issue for issue in validate(bundle) if issue.severity == "error"] == []
    by_url = {each["fullUrl"]: each["resource"] for each in bundle["entry"]}
    composition = bundle["entry"][0]["resource"]
    found = {}
    for section in composition.get("section", ()):
        issue = by_url[section["entry"][0]["reference"]]
        assert by_url[section["focus"]["reference"]]["type"] == "individual"
        assert issue["evidence"][0]["detail"][0] == section["focus"]
        found[section["title"]] = issue["modifierExtension"][0]["valueCodeableConcept"]["coding"][0]["code"]
    return found


def test_gaps_of_a_person_are_a_document(asked: Metrics) -> None:
    about = {"extension": [GAP], "topic": [{"text": "Visits"}]}
    keep(asked, *own_measure(CAME, ["denominator", "numerator"], "gap", title="Comes", **about))
    assert gaps(asked) == {"Comes": "open-gap"}
    assert gaps(asked, status="closed-gap") == {}
    asked.facts.tell(visit("b", "fulfilled", "p", hour=10))
    assert gaps(asked) == {"Comes": "closed-gap"}
    assert gaps(asked, subject="nobody") == {}, "who is not counted has none"
    refused = asked.ask("Measure/$care-gaps", **MARCH, subject="p", topic="something else")
    assert said(refused) == (400, "value", "topic")
    assert "visits" in body(refused)["issue"][0]["diagnostics"]
    notation = "http://terminology.hl7.org/CodeSystem/measure-improvement-notation"
    decrease = {"coding": [{"system": notation, "code": "decrease"}]}
    keep(
        asked,
        *own_measure(CAME, ["denominator", "numerator"], "gap", title="Comes", improvementNotation=decrease, **about),
    )
    assert gaps(asked) == {"Comes": "open-gap"}
    assert gaps(asked, measure="Measure/gap") == {"Comes": "open-gap"}


def test_gaps_of_who_is_not_known(asked: Metrics) -> None:
    refused = asked.ask("Measure/$care-gaps", **MARCH, subject="Patient/unknown", topic="visits")
    assert said(refused) == (404, "not-found", "subject")


@pytest.mark.parametrize(
    ("params", "code", "where"),
    [
        ({"topic": "visits"}, "required", "subject"),
        ({"subject": "Patient/p"}, "required", "topic"),
        ({"subject": "Patient/p", "topic": "x", "status": "ajar"}, "value", "status"),
        ({"subject": "Patient/p", "measure": "Measure/no-show-rate"}, "not-supported", "measure"),
        ({"subject": "Patient/p", "topic": "x", "practitioner": "y"}, "not-supported", "practitioner"),
    ],
)
def test_what_is_wrong_about_gaps_is_named(asked: Metrics, params: dict[str, str], code: str, where: str) -> None:
    assert said(asked.ask("Measure/$care-gaps", **{**MARCH, **params})) == (400, code, where)
