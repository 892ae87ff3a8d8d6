"""What a body says of a measure is heard as what a URL says; and dates of any precision bound the same days."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Request, Response
from carethread.interactions.rest.handling import handle
from support.measuring import MARCH, RATE, Metrics, body, counts, person, said, visit

Resource = dict[str, Any]


@pytest.fixture
def asked(opened: Metrics) -> Iterator[Metrics]:
    opened.facts.resources.clear()
    opened.records.status = 200
    opened.facts.tell(
        person("p"),
        visit("a", "fulfilled", "p", department="heart"),
        visit("b", "noshow", "p", hour=10),
        visit("c", "fulfilled", "q"),
    )
    yield opened


def posted(metrics: Metrics, operation: str, *parts: Resource, **params: str) -> Response:
    """The answer to Parameters; the params are strings."""
    given = [*({"name": name, "valueString": value} for name, value in params.items()), *parts]
    content = {"content-type": "application/fhir+json"}
    sent = json.render({"resourceType": "Parameters", "parameter": given})
    return handle(metrics.runtime, Request("POST", f"Measure/{operation}", (), content, sent), metrics.context)


def refers(name: str, reference: str) -> Resource:
    return {"name": name, "valueReference": {"reference": reference}}


@pytest.mark.parametrize("written", ["Organization/heart", "{base}/Organization/heart"])
def test_a_reference_bounds_what_is_counted(asked: Metrics, written: str) -> None:
    heart = refers("department", written.format(base=asked.runtime.base_url))
    report = body(posted(asked, f"{RATE}/$evaluate-measure", heart, **MARCH))
    assert report["reporter"] == {"reference": "Organization/heart"}
    assert counts(report["group"][0])["denominator"] == 1
    of_one = body(posted(asked, f"{RATE}/$evaluate-measure", refers("subject", "Patient/p"), **MARCH))
    assert (of_one["type"], of_one["subject"]) == ("individual", {"reference": "Patient/p"})
    points = body(posted(asked, f"{RATE}/$series", heart, **MARCH))["entry"]
    assert {each["resource"]["reporter"]["reference"] for each in points} == {"Organization/heart"}
    table = posted(asked, f"{RATE}/$table", heart, **MARCH).body
    assert isinstance(table, bytes)
    assert b"heart" in table


OPERATIONS = (f"{RATE}/$evaluate-measure", f"{RATE}/$series", f"{RATE}/$table")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_who_is_not_known_has_no_number_by_reference_either(asked: Metrics, operation: str) -> None:
    assert said(posted(asked, operation, refers("department", "Organization/unknown"), **MARCH))[:2] == (
        404,
        "not-found",
    )
    assert said(posted(asked, operation, refers("department", "Location/heart"), **MARCH))[:2] == (400, "value")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    "value",
    [
        {"valueIdentifier": {"value": "heart"}},
        {"valueReference": {"identifier": {"value": "heart"}}},
        {"valueReference": {"display": "heart"}},
        {"_valueString": {"extension": [{"url": "urn:x", "valueString": "heart"}]}},
        {"resource": {"resourceType": "Organization", "id": "heart", "name": "Heart"}},
        {"part": [{"name": "id", "valueString": "heart"}]},
    ],
)
def test_an_object_that_nobody_reads_is_refused(asked: Metrics, operation: str, value: Resource) -> None:
    refused = posted(asked, operation, {"name": "department", **value}, **MARCH)
    assert said(refused) == (400, "value", "Parameters.parameter.where(name = 'department')")


def test_gaps_are_asked_by_a_body_too(asked: Metrics) -> None:
    said_ = {**MARCH, "measure": "Measure/plan-adherence"}
    found = posted(asked, "$care-gaps", refers("subject", "Patient/p"), **said_)
    assert found.status == 200, found.body
    assert body(found)["entry"][1]["resource"]["id"] == "p"


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        ("2029", "2029-03", ("2029-01-01", "2029-03-31")),
        ("2029-03-01", "2029-03", ("2029-03-01", "2029-03-31")),
        ("2029-03", "2029-03-31", ("2029-03-01", "2029-03-31")),
        ("2029-03", "2029-03", ("2029-03", "2029-03")),
    ],
)
def test_dates_of_two_precisions_are_stored_as_days(
    asked: Metrics, start: str, end: str, told: tuple[str, str]
) -> None:
    report = posted(asked, f"{RATE}/$evaluate-measure", periodStart=start, periodEnd=end)
    assert report.status == 200, report.body
    assert counts(body(report)["group"][0])["denominator"] == 3
    assert tuple(body(report)["period"].values()) in (told, ("2029-03-01", "2029-03-31"))
    assert body(asked.rate(periodStart=start, periodEnd=end))["period"] == {"start": told[0], "end": told[1]}
