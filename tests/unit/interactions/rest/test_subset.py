"""`_summary` and `_elements` of one resource."""

from __future__ import annotations

import pytest

from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.interactions.rest.subset import SUBSETTED, shape_of, subset

PATIENT = json.render(
    {
        "resourceType": "Patient",
        "id": "p",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
        "name": [{"family": "Made-Up"}],
        "birthDate": "1980-01-01",
        "_birthDate": {"extension": [{"url": "urn:x", "valueString": "y"}]},
        "contact": [{"name": {"family": "Other"}}],
        "deceasedBoolean": False,
        "link": [{"id": "l", "other": {"reference": "Patient/q"}, "type": "refer"}],
    }
)
QUESTIONNAIRE = json.render(
    {
        "resourceType": "Questionnaire",
        "status": "active",
        "item": [{"linkId": "1", "type": "string"}],
        "title": "A",
        "useContext": [{"code": {"code": "focus"}, "valueRange": {"low": {"value": json.Number("1.10")}}}],
    }
)


def kept(body: bytes, summary: str | None = None, *elements: str) -> set[str]:
    resource = json.parse_object(subset(body, json.parse_object(body)["resourceType"], summary, elements))
    assert SUBSETTED in resource["meta"]["tag"]
    assert not [issue for issue in validate(resource) if issue.severity == "error"]
    return set(resource) - {"resourceType", "meta"}


def test_what_is_whole_stays_the_same_bytes() -> None:
    assert subset(PATIENT, "Patient", None, ()) is PATIENT
    assert subset(PATIENT, "Patient", "false", ()) is PATIENT


def test_summaries() -> None:
    assert kept(PATIENT, "true") == {"id", "name", "birthDate", "_birthDate", "deceasedBoolean", "link"}
    assert kept(PATIENT, "text") == {"id", "text"}
    assert kept(PATIENT, "data") == {
        "id", "name", "birthDate", "_birthDate", "contact", "deceasedBoolean", "link"
    }  # fmt: skip
    assert kept(QUESTIONNAIRE, "true") == {"status", "title", "useContext"}
    assert kept(QUESTIONNAIRE, "text") == {"status"}


def test_elements_keep_what_is_mandatory_or_modifies() -> None:
    assert kept(PATIENT, None, "name") == {"id", "name", "deceasedBoolean", "link"}
    assert kept(PATIENT, None, "birthDate", "deceased") == {"id", "birthDate", "_birthDate", "deceasedBoolean", "link"}
    assert kept(QUESTIONNAIRE, None, "title") == {"status", "title"}


def test_the_order_and_the_text_of_numbers_stay() -> None:
    text = subset(QUESTIONNAIRE, "Questionnaire", "true", ()).decode()
    assert "1.10" in text
    assert text.index("status") < text.index("title")


def test_the_tag_stands_once_beside_others() -> None:
    other = {"system": "urn:t", "code": "1"}
    body = json.render({"resourceType": "Patient", "meta": {"versionId": "2", "tag": [other, SUBSETTED]}})
    meta = json.parse_object(subset(body, "Patient", "true", ()))["meta"]
    assert meta == {"versionId": "2", "tag": [other, SUBSETTED]}


def test_what_a_read_asks_for() -> None:
    assert shape_of("Patient", []) == (None, ())
    assert shape_of("Patient", [("_summary", "false"), ("_elements", "Patient.name,link")]) == (None, ("name", "link"))
    assert shape_of("Patient", [("_summary", "text"), ("_format", "json")]) == ("text", ())


@pytest.mark.parametrize(
    "params",
    [
        [("_summary", "some")],
        [("_summary", "count")],
        [("_summary", "")],
        [("_elements", "nme")],
        [("_elements", "name.family")],
        [("_elements", "name"), ("_summary", "true")],
    ],
)
def test_refuses(params: list[tuple[str, str]]) -> None:
    with pytest.raises(Malformed) as refused:
        shape_of("Patient", params)
    assert refused.value.issues[0].expression in ("_summary", "_elements")
