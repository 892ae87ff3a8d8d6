"""Modular forms put together of parts that are stored, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Resource
from support.answers import CORE, SDC, ext, item, questionnaire
from support.care import Care, care

CHILD = ext(SDC + "assemble-expectation", valueCode="independent-child")
PREFIX = ext(
    CORE + "variable", valueExpression={"name": "linkIdPrefix", "language": "text/fhirpath", "expression": "'p.'"}
)


def sub(link: str, canonical: str) -> Resource:
    return item(link, "display", extension=[ext(SDC + "subQuestionnaire", valueCanonical=canonical)])


PART = questionnaire(item("1"), url="urn:part", id="part-1", extension=[CHILD])
ROOT = questionnaire(
    item("1"), item("g", "group", sub("x", "urn:part|1"), extension=[PREFIX]), url="urn:root", id="root"
)


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("questionnaires",)) as made:
        made.put(PART)
        made.put(ROOT)
        yield made


def asked(home: Care, path: str, body: Any = None) -> tuple[int, Resource]:
    answer = home.ask("POST" if body else "GET", f"Questionnaire{path}", body, service="questionnaires")
    return answer.status, json.parse_object(answer.body)


def parameters(**value: Any) -> Resource:
    return {"resourceType": "Parameters", "parameter": [{"name": "questionnaire", **value}]}


def test_however_it_is_named_it_is_the_same(home: Care) -> None:
    status, made = asked(home, "/root/$assemble")
    assert (status, made["resourceType"]) == (200, "Questionnaire")
    assert [each["linkId"] for each in made["item"][1]["item"]] == ["p.1"]
    said = [each["valueCanonical"] for each in made["extension"]]
    assert said == ["urn:part|1"]
    for path, body in (
        ("/$assemble?questionnaire=urn:root", None),
        ("/$assemble?questionnaire=urn:root|1", None),
        ("/$assemble", ROOT),
        ("/$assemble", parameters(resource=ROOT)),
        ("/$assemble", parameters(valueUri="urn:root")),
        ("/$assemble", parameters(valueCanonical="urn:root|1")),
        ("/$assemble", parameters(valueReference={"reference": "Questionnaire/root"})),
    ):
        assert asked(home, path, body) == (200, made), path


def test_a_part_without_a_version_is_the_newest_and_that_is_said(home: Care) -> None:
    home.put(PART | {"id": "part-2", "version": "2", "item": [item("2")]})
    status, answer = asked(home, "/$assemble", questionnaire(sub("x", "urn:part")))
    made, outcome = (each["resource"] for each in answer["parameter"])
    assert (status, [each["linkId"] for each in made["item"]]) == (200, ["2"])
    assert [(each["severity"], each["expression"]) for each in outcome["issue"]] == [
        ("information", ["Questionnaire.item[0]"])
    ]
    assert "urn:part|2" in outcome["issue"][0]["diagnostics"]


def test_what_is_refused(home: Care) -> None:
    home.put(questionnaire(sub("x", "urn:circle|1"), url="urn:circle", id="circle", extension=[CHILD]))
    twice = questionnaire(item("1"), sub("x", "urn:part|1"), sub("y", "urn:gone|1"), sub("z", "urn:circle|1"))
    status, outcome = asked(home, "/$assemble", twice)
    assert status == 422
    assert [(each["code"], each["expression"]) for each in outcome["issue"]] == [
        ("duplicate", ["Questionnaire.item[1]"]),
        ("not-found", ["Questionnaire.item[2]"]),
        ("business-rule", ["Questionnaire.item[3]"]),
    ]
    for path, body, expected in (
        ("/none/$assemble", None, 404),
        ("/$assemble", None, 400),
        ("/$assemble?questionnaire=urn:none", None, 404),
        ("/$assemble?questionnaire=urn:root&questionnaire=urn:part", None, 400),
        ("/$assemble?form=urn:root", None, 400),
        ("/root/$assemble?questionnaire=urn:root", None, 400),
        ("/root/$assemble", ROOT, 400),
        ("/$assemble", parameters(valueReference={"reference": "Patient/1"}), 400),
        ("/$assemble", parameters(valueReference={"reference": "Questionnaire/none"}), 404),
        ("/$assemble", parameters(resource={"resourceType": "Patient"}), 400),
        ("/$assemble", parameters(valueBoolean=True), 400),
        ("/$assemble", {"resourceType": "Questionnaire"}, 422),
    ):
        assert asked(home, path, body)[0] == expected, (path, body)


def test_a_form_with_parameters_is_no_form(home: Care) -> None:
    status, told = asked(home, "/$assemble", {**ROOT, "parameter": [{}]})
    assert (status, told["issue"][0]["code"]) == (422, "structure")


def test_a_part_that_cannot_be_read_is_told(home: Care) -> None:
    wrong = ext(SDC + "enableWhenExpression", valueExpression={"language": "text/fhirpath", "expression": "("})
    broken = questionnaire(item("a", extension=[wrong]), url="urn:broken", id="broken", extension=[CHILD])
    home.put(broken)
    status, outcome = asked(home, "/$assemble", questionnaire(sub("x", "urn:broken|1")))
    assert (status, outcome["issue"][0]["expression"]) == (422, ["Questionnaire.item[0]"])
    assert "urn:broken|1 cannot be read: Questionnaire.item[0]" in outcome["issue"][0]["diagnostics"]
