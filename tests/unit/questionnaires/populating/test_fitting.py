"""What is known, as an answer to a question: units converted, and what does not fit is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from carethread.core.fhir.json import Number
from carethread.core.ports import Resource
from carethread.questionnaires.answering.plans import Plan, plans_of
from carethread.questionnaires.forms.comparing import number
from carethread.questionnaires.forms.limits import MAX_VALUE, PLACES, UNIT_OPTION
from carethread.questionnaires.populating.fitting import UNIT, Unfit, answer_of
from support.answers import SYSTEM, code, form, item, unit

UCUM = "http://unitsofmeasure.org"
KG, LB, CM = ({"system": UCUM, "code": each, "display": each} for each in ("kg", "[lb_av]", "cm"))
HEAD = {"resourceType": "QuestionnaireResponse", "status": "in-progress"}


def plan(kind: str, *extensions: Resource, **more: Any) -> Plan:
    marked = {"extension": list(extensions)} if extensions else {}
    return plans_of(form(item("a", kind, **marked, **more))).items["a"]


def ext(url: str, **value: Any) -> Resource:
    return {"url": url, **value}


def in_kg(url: str = UNIT) -> Resource:
    return ext(url, valueCoding=KG)


@pytest.mark.parametrize(
    ("asked", "kind", "value", "expected"),
    [
        (plan("boolean"), "boolean", False, {"valueBoolean": False}),
        (plan("integer"), "integer", 3, {"valueInteger": 3}),
        (plan("integer"), "decimal", Number("3.0"), {"valueInteger": 3}),
        (plan("integer"), "Quantity", unit(3, "{score}"), {"valueInteger": 3}),
        (plan("decimal", in_kg()), "Quantity", unit(72.5, "kg"), {"valueDecimal": 72.5}),
        (plan("decimal", in_kg()), "Quantity", unit(72500, "g"), {"valueDecimal": 72.5}),
        (plan("integer", in_kg()), "Quantity", unit(72000, "g"), {"valueInteger": 72}),
        (plan("quantity"), "Quantity", unit(3, "mmol/L"), {"valueQuantity": unit(3, "mmol/L")}),
        (plan("quantity", in_kg(UNIT_OPTION)), "Quantity", unit(3, "kg"), {"valueQuantity": unit(3, "kg")}),
        (plan("quantity", in_kg(UNIT_OPTION)), "Quantity", unit(3000, "g"), {"valueQuantity": unit(3, "kg")}),
        (plan("string"), "string", "so", {"valueString": "so"}),
        (plan("text"), "CodeableConcept", {"coding": [{"display": "So"}]}, {"valueString": "So"}),
        (plan("date"), "dateTime", "2031-03-03T08:00:00Z", {"valueDate": "2031-03-03"}),
        (plan("dateTime"), "date", "2031-03-03", {"valueDateTime": "2031-03-03"}),
        (plan("time"), "time", "08:00:00", {"valueTime": "08:00:00"}),
        (plan("choice", options="x y"), "Coding", {**code("x"), "userSelected": True}, {"valueCoding": code("x")}),
        (plan("choice", options="x y"), "CodeableConcept", {"coding": [{"system": "u", "code": "x"}, code("y")]},
         {"valueCoding": code("y")}),
        (plan("open-choice", options="x"), "string", "z", {"valueString": "z"}),
        (plan("open-choice", options="x"), "CodeableConcept", {"text": "z"}, {"valueString": "z"}),
        (plan("choice", answerOption=[{"valueInteger": 1}]), "integer", 1, {"valueInteger": 1}),
    ],
)  # fmt: skip
def test_what_fits(asked: Plan, kind: str, value: Any, expected: Resource) -> None:
    found = answer_of(asked, kind, value, HEAD)
    quantity = found.get("valueQuantity")
    if quantity:
        assert {**quantity, "value": float(quantity["value"])} == expected["valueQuantity"]
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("asked", "kind", "value"),
    [
        (plan("boolean"), "string", "true"),
        (plan("integer"), "decimal", Number("3.5")),
        (plan("integer", in_kg()), "Quantity", unit(72500, "g")),
        (plan("decimal"), "Quantity", unit(72.5, "kg")),
        (plan("decimal", in_kg()), "Quantity", unit(72.5, "cm")),
        (plan("decimal", in_kg()), "Quantity", {"value": 72, "unit": "kg"}),
        (plan("decimal", in_kg()), "Quantity", {**unit(72, "kg"), "comparator": ">"}),
        (plan("decimal", in_kg()), "Quantity", {"unit": "kg"}),
        (plan("quantity", in_kg()), "Quantity", unit(37, "Cel")),
        (plan("quantity", ext(UNIT, valueCoding={"system": UCUM, "code": "[degF]"})), "Quantity", unit(37, "Cel")),
        (plan("choice", options="x y"), "Coding", code("z")),
        (plan("choice", options="x y"), "string", "x"),
        (plan("choice", options="x y"), "Coding", {"system": SYSTEM, "display": "x"}),
        (plan("integer", ext(MAX_VALUE, valueInteger=5)), "integer", 6),
        (plan("string", maxLength=3), "string", "long"),
        (plan("url"), "string", "urn:x"),
        (plan("integer"), "decimal", Number("1e300")),
    ],
)
def test_what_does_not_fit(asked: Plan, kind: str, value: Any) -> None:
    with pytest.raises(Unfit):
        answer_of(asked, kind, value, HEAD)


def test_a_converted_number_has_the_places_that_the_question_takes() -> None:
    asked = plan("decimal", ext(UNIT, valueCoding=LB), ext(PLACES, valueInteger=1))
    found = answer_of(asked, "Quantity", unit(72, "kg"), HEAD)
    assert number(found["valueDecimal"]) == Decimal("158.7")
