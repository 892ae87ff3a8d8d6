"""What an answer weighs: said at the answer, by the option of its own item, or by what the Questionnaire contains."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from carethread.core.fhir.fhirpath import Budget, BudgetExceeded, Element, Purse, compile
from carethread.core.fhir.fhirpath.functions.weights import ITEM_WEIGHT, ORDINAL_VALUE
from carethread.core.fhir.json import Number

Json = dict[str, Any]


def weighs(value: Any, url: str = ITEM_WEIGHT) -> list[Json]:
    return [{"url": url, "valueDecimal": value}]


def option(code: str, weight: Any, url: str = ITEM_WEIGHT) -> Json:
    return {"extension": weighs(weight, url), "valueCoding": {"system": "s", "code": code}}


def answered(link: str, code: str, **more: Any) -> Json:
    return {"linkId": link, "answer": [{"valueCoding": {"system": "s", "code": code, **more}}]}


FORM: Json = {
    "resourceType": "Questionnaire",
    "contained": [
        {
            "resourceType": "ValueSet",
            "id": "set",
            "compose": {
                "include": [
                    {"system": "s", "concept": [{"code": "x", "extension": weighs(7)}, {"code": "y"}]},
                    {"system": "urn:codes"},
                ]
            },
        },
        {
            "resourceType": "CodeSystem",
            "url": "urn:codes",
            "concept": [
                {"code": "up", "concept": [{"code": "far", "property": [{"code": "itemWeight", "valueDecimal": 9}]}]}
            ],
        },
    ],
    "item": [
        {"linkId": "a", "answerOption": [option("x", 1), option("y", Number("1.50"), ORDINAL_VALUE), option("z", 0)]},
        {"linkId": "group", "item": [{"linkId": "b", "answerOption": [option("x", 4), option("only", 5)]}]},
        {"linkId": "c", "answerValueSet": "#set"},
        {"linkId": "n", "answerOption": [{"extension": weighs(3), "valueInteger": 10}, {"valueInteger": 11}]},
        {"linkId": "inner", "answerOption": [{"valueCoding": {"code": "q", "extension": weighs(6)}}]},
    ],
}


def weights(expression: str, *items: Json, form: Any = FORM) -> list[Any]:
    response = {"resourceType": "QuestionnaireResponse", "item": list(items)}
    return compile(expression).evaluate(response, environment={"questionnaire": form})


@pytest.mark.parametrize("expression", ["item.answer.value.weight()", "item.answer.weight()", "item.answer.ordinal()"])
def test_the_option_of_the_item_that_was_answered(expression: str) -> None:
    assert weights(expression, answered("a", "x"), answered("a", "y"), answered("a", "z")) == [1, Decimal("1.50"), 0]
    inside = {"linkId": "group", "item": [answered("b", "x")]}
    assert weights(f"item.{expression}", inside) == [4]


def test_all_answers_below() -> None:
    within = answered("a", "x")
    within["answer"][0]["item"] = [answered("c", "x")]
    inside = {"linkId": "group", "item": [answered("b", "x")]}
    assert sorted(weights("%resource.answers().value.weight()", within, inside)) == [1, 4, 7]
    assert weights("item.first().answer.first().answers().weight()", within, inside) == [7]


def test_what_the_answer_says_itself_comes_first() -> None:
    assert weights("item.answer.value.weight()", answered("a", "x", extension=weighs(0))) == [0]
    said = {"linkId": "a", "answer": [{"extension": weighs(8), "valueCoding": {"system": "s", "code": "x"}}]}
    assert weights("item.answer.weight()", said) == [8]
    primitive = {"linkId": "n", "answer": [{"valueInteger": 10, "_valueInteger": {"extension": weighs(2)}}]}
    assert weights("item.answer.value.weight()", primitive) == [2]


def test_value_sets_and_code_systems_that_the_form_contains() -> None:
    far = {"linkId": "c", "answer": [{"valueCoding": {"system": "urn:codes", "code": "far"}}]}
    assert weights("item.answer.value.weight()", answered("c", "x"), answered("c", "y"), far) == [7, 9]


def test_what_weighs_nothing_is_empty() -> None:
    assert weights("item.answer.value.weight()", answered("a", "unknown"), {"linkId": "a"}) == []
    assert weights("item.answer.value.weight()", answered("a", "x"), form=None) == []
    assert weights("item.answer.value.weight()", {"linkId": "a", "answer": [{"valueString": "x"}]}) == []
    assert weights("('x' | 1).weight()") == []


def test_an_option_may_be_a_number_or_weigh_inside() -> None:
    assert weights("item.answer.value.weight()", {"linkId": "n", "answer": [{"valueInteger": 10}]}) == [3]
    assert weights("item.answer.value.weight()", {"linkId": "inner", "answer": [{"valueCoding": {"code": "q"}}]}) == [6]


def test_of_an_answer_from_elsewhere_only_what_all_items_agree_on_counts() -> None:
    elsewhere = [{"valueCoding": {"system": "s", "code": code}} for code in ("x", "only")]
    response: Json = {"resourceType": "QuestionnaireResponse"}
    environment = {"questionnaire": FORM, "other": [Element(each["valueCoding"], "Coding") for each in elsewhere]}
    assert compile("%other.weight()").evaluate(response, environment=environment) == [5]


def test_answers_that_are_one_object_weigh_what_their_items_agree_on() -> None:
    shared = {"answer": [{"valueCoding": {"system": "s", "code": "x"}}]}
    assert weights("item.answer.value.weight()", {"linkId": "a", **shared}, {"linkId": "c", **shared}) == []


def test_sums() -> None:
    assert weights("(1 | 2.5).sum()") == [Decimal("3.5")]
    assert weights("{}.sum()") == []
    assert weights("(4 'mg' | 2 'mg').sum() = 6 'mg'") == [True]
    assert weights("item.answer.value.weight().sum()", answered("a", "x"), answered("a", "y")) == [Decimal("2.50")]


def test_a_purse_is_for_several_evaluations() -> None:
    budget = Budget(steps=100, purse=Purse(150))
    resource: Json = {"resourceType": "Patient", "name": [{"given": ["a"] * 30}]}
    compile("name.given").items(resource, budget=budget)
    compile("name.given").items(resource, budget=budget)
    with pytest.raises(BudgetExceeded):
        for _ in range(5):
            compile("name.given").items(resource, budget=budget)
