"""What is known, as an answer to a question: units converted, and what does not fit is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.fhir.json import Number
from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import judge
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


UNITS = ("kg", "g", "cm", "Cel", "1", "[lb_av]", "nonsense")
PLAIN = ("boolean", "integer", "decimal", "string", "text", "date", "dateTime", "time", "url")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "integer": st.integers(-(10**6), 10**6),
    "decimal": st.decimals(-100, 100, places=2).map(lambda each: Number(str(each))),
    "string": st.text(min_size=1, max_size=8),
    "date": st.dates().map(lambda each: each.isoformat()),
    "dateTime": st.datetimes().map(lambda each: f"{each:%Y-%m-%dT%H:%M:%S}Z".zfill(20)),
    "time": st.times().map(lambda each: f"{each:%H:%M:%S}"),
    "uri": st.just("urn:x"),
    "Coding": st.sampled_from("xyz").map(code),
    "CodeableConcept": st.lists(st.sampled_from("xyz").map(code), max_size=3).map(lambda each: {"coding": each}),
    "Quantity": st.builds(
        unit, st.integers(0, 500), st.sampled_from(["kg", "g", "cm", "Cel", "1", "[lb_av]", "nonsense"])
    ),
    "Reference": st.just({"reference": "Patient/ann"}),
}
QUESTIONS: list[Resource] = [
    *(
        item("a", kind)
        for kind in ("boolean", "integer", "decimal", "string", "text", "date", "dateTime", "time", "url")
    ),
    *(item("a", kind, extension=[in_kg()]) for kind in ("integer", "decimal", "quantity")),
    item("a", "quantity", extension=[in_kg(UNIT_OPTION), ext(UNIT_OPTION, valueCoding=CM)]),
    item("a", "decimal", extension=[in_kg(), ext(PLACES, valueInteger=1), ext(MAX_VALUE, valueDecimal=80)]),
    item("a", "string", maxLength=3),
    *(item("a", kind, options="x y") for kind in ("choice", "open-choice")),
    item("a", "reference"),
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(QUESTIONS), st.sampled_from(sorted(VALUES)), st.data())
def test_what_fits_is_an_answer(question: Resource, kind: str, data: st.DataObject) -> None:
    made = form(question)
    try:
        answer = answer_of(plans_of(made).items["a"], kind, data.draw(VALUES[kind]), HEAD)
    except Unfit:
        return
    response = {**HEAD, "item": [{"linkId": "a", "answer": [answer]}], "status": "completed"}
    assert judge(made, response) == []
