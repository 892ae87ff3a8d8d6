"""With what a form is opened: names, types, how many, and whose."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.errors import Invalid
from carethread.core.ports import Resource
from carethread.questionnaires.expressions.variables import VARIABLE
from carethread.questionnaires.populating.launching import CONTENT, LAUNCH, launched, wanted
from carethread.questionnaires.populating.person import Person
from support.answers import form, item

ANN = {"resourceType": "Patient", "id": "ann"}
PERSON = Person("Patient/ann", frozenset({"ann", "old"}), ANN, "http://here/fhir")


def launch(name: str, *types: str, several: bool = False, old: bool = False) -> Resource:
    named: dict[str, Any] = {"valueId": name} if old else {"valueCoding": {"code": name}}
    parts = [{"url": "name", **named}, *({"url": "type", "valueCode": each} for each in types)]
    return {
        "url": LAUNCH,
        "extension": [*parts, *([{"url": "multiplesAllowed", "valueBoolean": True}] if several else [])],
    }


FORM = form(
    item("a"),
    extension=[
        launch("patient", "Patient"),
        launch("user", "Practitioner", "RelatedPerson", old=True),
        launch("visits", "Encounter", several=True),
    ],
)


def visit(id_: str, who: str = "ann") -> Resource:
    return {"resourceType": "Encounter", "id": id_, "subject": {"reference": f"Patient/{who}"}}


def test_what_a_form_wants() -> None:
    assert [(each.name, each.types, each.several) for each in wanted(FORM)] == [
        ("patient", ("Patient",), False), ("user", ("Practitioner", "RelatedPerson"), False),
        ("visits", ("Encounter",), True),
    ]  # fmt: skip


def test_the_subject_is_the_patient_and_what_is_not_given_is_empty() -> None:
    found, _, issues = launched(FORM, {}, PERSON)
    assert [each.value for each in found["patient"]] == [ANN]
    assert (found["user"], found["visits"]) == ([], [])
    assert [(each.severity, each.expression) for each in issues] == [
        ("information", "Questionnaire.extension[1]"), ("information", "Questionnaire.extension[2]"),
    ]  # fmt: skip


def test_several_and_what_nobody_wants() -> None:
    given = {"visits": [visit("1"), visit("2", "old")], "other": [ANN], "user": [{"resourceType": "Practitioner"}]}
    found, _, issues = launched(FORM, given, PERSON)
    assert [each.value["id"] for each in found["visits"]] == ["1", "2"]
    assert "other" not in found
    assert [(each.severity, each.code) for each in issues] == [("warning", "not-supported")]


def test_what_stands_in_the_place_of_queries() -> None:
    query = {"name": "seen", "language": "application/x-fhir-query", "expression": "Observation?code=x"}
    made = form(item("a"), extension=[{"url": VARIABLE, "valueExpression": query}])
    bundle = {"resourceType": "Bundle"}
    _, instead, issues = launched(
        made, {"seen": [bundle], "sourceQueries": [bundle, bundle], "other": [bundle]}, PERSON
    )
    assert {name: len(each) for name, each in instead.items()} == {"seen": 1, "sourceQueries": 2}
    assert [each.code for each in issues] == ["not-supported"]


@pytest.mark.parametrize(
    "given",
    [
        {"user": [{"resourceType": "Organization"}]},
        {"user": [{"resourceType": "Practitioner"}] * 2},
        {"patient": [{"resourceType": "Patient", "id": "bob"}]},
        {"visits": [visit("1", "bob")]},
        {"user": [{"resourceType": "RelatedPerson", "patient": {"reference": "Patient/bob"}}]},
    ],
)
def test_what_is_refused(given: dict[str, list[Resource]]) -> None:
    with pytest.raises(Invalid) as refused:
        launched(FORM, given, PERSON)
    assert [each.expression for each in refused.value.issues] == [CONTENT]
