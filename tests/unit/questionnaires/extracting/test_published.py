"""The examples of extraction that HL7 publishes behave as they say; see published/README.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from carethread.questionnaires.extracting.extracted import extracted
from carethread.questionnaires.forms.form import read
from support.extracting import answered

FOLDER = Path(__file__).with_name("published")
FEMALE = {"system": "http://hl7.org/fhir/administrative-gender", "code": "female", "display": "Female"}
NEXT_OF_KIN = {"system": "http://terminology.hl7.org/CodeSystem/v2-0131", "code": "N"}

NAMES = (
    answered("name", item=(answered("given", "Person", "Two"), answered("family", "Example"))),
    answered("name", item=(answered("given", "Nickname"),)),
)
PERSON = (answered("gender", FEMALE), answered("ihi", "8003"), answered("mobile-phone", "0400"))
CONTACTS = (
    answered("contacts", item=(answered("contact-name", "First"), answered("relationship", NEXT_OF_KIN))),
    answered("contacts", item=(answered("contact-name", "Second"), answered("phone", "1"))),
)


def run(name: str, *items: Resource) -> Resource:
    form = read(json.parse_object((FOLDER / f"extract-complex-{name}.json").read_bytes()))
    return extracted(form, {
        "resourceType": "QuestionnaireResponse", "id": "r1", "questionnaire": form.url, "status": "completed",
        "subject": {"reference": "Patient/somebody"}, "authored": "2031-03-03T08:00:00Z",
        "author": {"reference": "Practitioner/doctor"}, "item": list(items),
    })  # fmt: skip


def whole(name: str) -> list[Resource]:
    height, weight = answered("height", 1.75), answered("weight", 70.5)
    vitals = answered("obs", item=(height, weight, answered("complication", False)))
    made = run(name, answered("patient", item=(*NAMES, *PERSON)), *CONTACTS, vitals)
    assert made.get("type") == "transaction", made
    found: list[Resource] = made["entry"]
    return found


def urls(entries: list[Resource]) -> list[str]:
    assert {each["request"]["method"] for each in entries} == {"POST"}
    return [each["request"]["url"] for each in entries]


@pytest.mark.parametrize("name", ["defn3", "template", "template2"])
def test_a_new_patient_and_who_belongs_to_it(name: str) -> None:
    entries = whole(name)
    patient = entries[0]["resource"]
    assert patient["name"] == [
        {"text": "Person Two Example", "given": ["Person", "Two"], "family": "Example"},
        {"text": "Nickname", "given": ["Nickname"]},
    ]
    assert patient["gender"] == "female"
    national = {"type": {"text": "National Identifier (IHI)"}, "system": "http://example.org/nhio", "value": "8003"}
    assert patient["identifier"] == [national]
    assert patient["telecom"][0]["value"] == "0400"
    assert "id" not in patient
    kin = [each for each in entries if each["resource"]["resourceType"] == "RelatedPerson"]
    assert [each["resource"]["name"] for each in kin] == [[{"text": "First"}], [{"text": "Second"}]]
    assert kin[0]["resource"]["relationship"] == [{"coding": [NEXT_OF_KIN]}]
    assert "relationship" not in kin[1]["resource"]
    assert {each["resource"]["patient"]["reference"] for each in kin} == {entries[0]["fullUrl"]}
    assert len({each["fullUrl"] for each in entries}) == len(entries)


def test_by_definitions() -> None:
    entries = whole("defn3")
    # The example has no definitionExtract for its last question, so nothing is made of that.
    assert urls(entries) == ["Patient", *["RelatedPerson"] * 2, *["Observation"] * 2, "Provenance"]
    height = entries[3]["resource"]
    assert height["valueQuantity"] == {"value": 1.75, "unit": "m"}
    assert height["subject"] == {"reference": entries[0]["fullUrl"]}
    assert height["performer"] == [{"reference": "Practitioner/doctor"}]
    assert height["derivedFrom"] == [{"reference": "QuestionnaireResponse/r1"}]
    assert height["effectiveDateTime"] == height["issued"] == "2031-03-03T08:00:00Z"
    assert errors(height) == []
    # Its use and system of a telephone number are each in the place of the other.
    assert {issue.expression for issue in errors(entries[0]["resource"])} == {
        "Patient.telecom[0].use",
        "Patient.telecom[0].system",
    }


@pytest.mark.parametrize("name", ["template", "template2"])
def test_by_templates(name: str) -> None:
    entries = whole(name)
    assert urls(entries) == ["Patient", *["RelatedPerson"] * 2, *["Observation"] * 3, "Provenance"]
    assert [issue for each in entries for issue in errors(each["resource"])] == []
    height, weight, complication = (each["resource"] for each in entries[3:6])
    assert height["valueQuantity"]["value"] == 175
    assert weight["valueQuantity"]["value"] == 70.5
    assert complication["valueBoolean"] is False
    assert {each["subject"]["reference"] for each in (height, weight, complication)} == {entries[0]["fullUrl"]}
    assert not any(key.startswith("_") or key == "extension" for each in entries for key in members(each["resource"]))


@pytest.mark.parametrize("name", ["defn3", "template"])
def test_what_is_not_answered_is_not_made(name: str) -> None:
    entries = run(name, answered("patient", item=(NAMES[1],)))["entry"]
    assert urls(entries) == ["Patient", "Provenance"]
    assert set(entries[0]["resource"]) == {"resourceType", "name"}


def errors(resource: Resource) -> list[Any]:
    return [issue for issue in validate(resource) if issue.severity == "error"]


def members(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {name for each in value.values() for name in members(each)}
    return {name for each in value for name in members(each)} if isinstance(value, list) else set()
