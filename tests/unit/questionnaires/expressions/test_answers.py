"""What an expression gives becomes the answers of an item, or is refused where it is something else."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.fhir.fhirpath import FhirPathEvaluationError, compile
from carethread.core.ports import Resource
from carethread.questionnaires.expressions.answers import answers_of
from support.answers import form, item

UNIT = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"
SOURCE: Resource = {
    "resourceType": "Observation",
    "valueQuantity": {"value": 5, "unit": "kg"},
    "code": {"coding": [{"system": "s", "code": "c", "display": "C", "userSelected": True}]},
    "subject": {"reference": "Patient/p"},
}


def answers(kind: str, expression: str, **more: Any) -> Any:
    made = form(item("x", kind, **more)).items["x"]
    return json.parse(json.render(answers_of(made, compile(expression).items(SOURCE))))


@pytest.mark.parametrize(
    ("kind", "expression", "expected"),
    [
        ("integer", "3", {"valueInteger": 3}),
        ("integer", "6 / 2", {"valueInteger": 3}),
        ("decimal", "10 / 4", {"valueDecimal": 2.5}),
        ("decimal", "2", {"valueDecimal": 2}),
        ("decimal", "1 / 3", {"valueDecimal": 0.33333333}),
        ("boolean", "1 = 1", {"valueBoolean": True}),
        ("string", "'a' & 'b'", {"valueString": "ab"}),
        ("text", "Observation.subject.reference", {"valueString": "Patient/p"}),
        ("url", "'urn:x'", {"valueUri": "urn:x"}),
        ("date", "@2031-03-03", {"valueDate": "2031-03-03"}),
        ("dateTime", "@2031-03-03T08:00:00Z", {"valueDateTime": "2031-03-03T08:00:00Z"}),
        ("time", "@T08:00:00", {"valueTime": "08:00:00"}),
        ("quantity", "Observation.value", {"valueQuantity": {"value": 5, "unit": "kg"}}),
        (
            "quantity",
            "4 'mg'",
            {"valueQuantity": {"value": 4, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}},
        ),
        ("reference", "Observation.subject", {"valueReference": {"reference": "Patient/p"}}),
        ("open-choice", "'free'", {"valueString": "free"}),
        ("choice", "Observation.code.coding", {"valueCoding": {"system": "s", "code": "c", "display": "C"}}),
    ],
)
def test_by_type_of_item(kind: str, expression: str, expected: Resource) -> None:
    assert answers(kind, expression) == [expected]


def test_a_number_takes_the_unit_of_the_item() -> None:
    unit = {"url": UNIT, "valueCoding": {"system": "http://unitsofmeasure.org", "code": "kg", "display": "kilos"}}
    made = {"value": 5, "unit": "kilos", "system": "http://unitsofmeasure.org", "code": "kg"}
    assert answers("quantity", "5", extension=[unit]) == [{"valueQuantity": made}]
    assert answers("quantity", "5") == [{"valueQuantity": {"value": 5}}]


def test_options_may_be_numbers() -> None:
    assert answers("choice", "7", answerOption=[{"valueInteger": 7}]) == [{"valueInteger": 7}]


def test_several_where_the_item_repeats() -> None:
    assert answers("integer", "1 | 2", repeats=True) == [{"valueInteger": 1}, {"valueInteger": 2}]
    assert answers("integer", "{}") == []


@pytest.mark.parametrize(
    ("kind", "expression"),
    [
        ("integer", "1 | 2"),
        ("integer", "1.5"),
        ("integer", "'1'"),
        ("integer", "2000000000000000"),
        ("decimal", "true"),
        ("boolean", "1"),
        ("date", "'2031'"),
        ("choice", "'c'"),
        ("choice", "1"),
        ("reference", "Observation.code"),
        ("attachment", "'x'"),
        ("quantity", "'x'"),
        ("group", "1"),
        ("display", "'x'"),
    ],
)
def test_what_cannot_answer_the_item_is_refused(kind: str, expression: str) -> None:
    with pytest.raises(FhirPathEvaluationError, match="'x'"):
        answers(kind, expression)
