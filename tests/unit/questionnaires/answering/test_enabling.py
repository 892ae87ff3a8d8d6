"""Which items are enabled, against an evaluator that is slow and obvious, over all small cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, product
from typing import Any

import pytest

from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import disabled
from support.answers import answer, code, form, item, response, unit, when

OPERATORS = ("exists", "=", "!=", ">", "<", ">=", "<=")

ORDERED: Mapping[str, tuple[str, Sequence[Any]]] = {
    "integer": ("Integer", (1, 2, 3)),
    "decimal": ("Decimal", (1.0, 1.5, 2.25)),
    "date": ("Date", ("2026-01-01", "2026-01-02", "2027-01-01")),
    "dateTime": ("DateTime", ("2026-01-01T09:00:00Z", "2026-01-01T10:00:00Z", "2026-01-02T00:00:00Z")),
    "time": ("Time", ("08:00:00", "08:00:01", "20:00:00")),
    "string": ("String", ("a", "b", "c")),
    "quantity": ("Quantity", (unit(1, "kg"), unit(2, "kg"), unit(3, "kg"))),
}
"""Types with an order, and values in that order; each but the quantity as Python orders it."""

UNORDERED: Mapping[str, tuple[str, Sequence[Any]]] = {
    "boolean": ("Boolean", (True, False)),
    "choice": ("Coding", (code("x"), code("y"), code("x", "urn:example:others"))),
    "reference": ("Reference", ({"reference": "Patient/a"}, {"reference": "Patient/b"})),
}


ALL = {**ORDERED, **UNORDERED}


def obvious(operator: str, answers: Sequence[Any], wanted: Any, values: Sequence[Any]) -> bool:
    """What the operator's definition says, by the places of the values in their list."""
    places, place = [values.index(each) for each in answers], values.index(wanted)
    return {
        "=": any(each == place for each in places),
        "!=": not any(each == place for each in places),
        ">": any(each > place for each in places),
        "<": any(each < place for each in places),
        ">=": any(each >= place for each in places),
        "<=": any(each <= place for each in places),
    }[operator]


def is_on(link: str, asked: Any, *given: Resource) -> bool:
    """Whether an item at the top of the form is enabled."""
    return ("QuestionnaireResponse", link) not in disabled(asked, response(*given))


@pytest.mark.parametrize("kind", ALL)
def test_every_operator_on_every_type(kind: str) -> None:
    name, values = ALL[kind]
    operators = OPERATORS[1:] if kind in ORDERED else ("=", "!=")
    some = [(), *((each,) for each in values), *product(values, repeat=2)]
    for operator, wanted, answers in product(operators, values, some):
        asked = form(
            item("q", kind, repeats=True), item("a", enableWhen=[when("q", operator, **{f"answer{name}": wanted})])
        )
        given = answer("q", *[{f"value{name}": each} for each in answers])
        assert is_on("a", asked, given) is obvious(operator, answers, wanted, values), (operator, wanted, answers)


@pytest.mark.parametrize("kind", ALL)
def test_exists_on_every_type(kind: str) -> None:
    name, values = ALL[kind]
    for wanted, there in product((True, False), repeat=2):
        asked = form(item("q", kind), item("a", enableWhen=[when("q", "exists", answerBoolean=wanted)]))
        given = answer("q", {f"value{name}": values[0]}) if there else answer("q")
        assert is_on("a", asked, given) is (wanted is there)
        assert is_on("a", asked) is not wanted


@pytest.mark.parametrize("kind", UNORDERED)
def test_what_has_no_order_is_neither_more_nor_less(kind: str) -> None:
    name, values = UNORDERED[kind]
    for operator in OPERATORS[3:]:
        asked = form(item("q", kind), item("a", enableWhen=[when("q", operator, **{f"answer{name}": values[0]})]))
        assert not is_on("a", asked, answer("q", {f"value{name}": values[0]}))


@pytest.mark.parametrize(
    ("kind", "given", "operator", "wanted", "on"),
    [
        ("integer", {"valueInteger": 2}, "=", {"answerDecimal": 2.0}, True),
        ("quantity", {"valueQuantity": unit(1000, "g")}, "=", {"answerQuantity": unit(1, "kg")}, True),
        ("quantity", {"valueQuantity": unit(5, "cm")}, ">", {"answerQuantity": unit(1, "kg")}, False),
        ("quantity", {"valueQuantity": {"value": 5, "unit": "kg"}}, ">", {"answerQuantity": unit(1, "kg")}, False),
        ("date", {"valueDate": "2026"}, "=", {"answerDate": "2026-01-01"}, False),
        ("date", {"valueDate": "2026"}, ">", {"answerDate": "2026-01-01"}, False),
        ("date", {"valueDate": "2027"}, ">", {"answerDate": "2026-01-01"}, True),
        ("dateTime", {"valueDateTime": "2026-01-01T10:00:00+01:00"}, "=",
         {"answerDateTime": "2026-01-01T09:00:00Z"}, True),
        ("open-choice", {"valueString": "x"}, "=", {"answerCoding": code("x")}, False),
        ("open-choice", {"valueString": "x"}, "!=", {"answerCoding": code("x")}, True),
    ],
)  # fmt: skip
def test_values_are_compared_as_what_they_are(
    kind: str, given: Resource, operator: str, wanted: Resource, on: bool
) -> None:
    asked = form(item("q", kind), item("a", enableWhen=[when("q", operator, **wanted)]))
    assert is_on("a", asked, answer("q", given)) is on


STATES: Sequence[bool | None] = (None, True, False)
CONDITIONS = [
    (question, operator, wanted) for question in "pq" for operator in ("=", "!=", "exists") for wanted in (True, False)
]


def met(condition: tuple[str, str, bool], state: Mapping[str, bool | None]) -> bool:
    question, operator, wanted = condition
    found = state[question]
    if operator == "exists":
        return (found is not None) is wanted
    return (found is wanted) is (operator == "=")


@pytest.mark.parametrize("behavior", [None, "all", "any"])
def test_several_conditions(behavior: str | None) -> None:
    more = {"enableBehavior": behavior} if behavior else {}
    for one, two in product(CONDITIONS, repeat=2):
        conditions = [when(q, operator, answerBoolean=wanted) for q, operator, wanted in (one, two)]
        asked = form(item("p", "boolean"), item("q", "boolean"), item("a", enableWhen=conditions, **more))
        for p, q in product(STATES, repeat=2):
            given = [answer(link, value) for link, value in (("p", p), ("q", q)) if value is not None]
            both = [met(each, {"p": p, "q": q}) for each in (one, two)]
            assert is_on("a", asked, *given) is (any(both) if behavior == "any" else all(both))


def test_what_is_disabled_has_no_answer() -> None:
    """A chain of three, each enabled by the one before: what is written for one that is disabled counts for nothing."""
    for first, second in product(CONDITIONS[:6], repeat=2):
        one, two = (first[0], *first[1:]), ("q", *second[1:])
        asked = form(
            item("p", "boolean"),
            item("q", "boolean", enableWhen=[when("p", one[1], answerBoolean=one[2])]),
            item("a", enableWhen=[when("q", two[1], answerBoolean=two[2])]),
        )
        for p, q in product(STATES, repeat=2):
            given = [answer(link, value) for link, value in (("p", p), ("q", q)) if value is not None]
            q_is_on = met(("p", one[1], one[2]), {"p": p})
            assert is_on("q", asked, *given) is q_is_on
            assert is_on("a", asked, *given) is met(two, {"q": q if q_is_on else None})


@pytest.mark.parametrize("order", ["pqa", "aqp", "qap", "paq"])
def test_a_question_may_stand_behind_what_it_enables(order: str) -> None:
    items = {
        "p": item("p", "boolean"),
        "q": item("q", "boolean", enableWhen=[when("p", "=", answerBoolean=True)]),
        "a": item("a", enableWhen=[when("q", "=", answerBoolean=True)]),
    }
    asked = form(*(items[link] for link in order))
    values = {"p": True, "q": True}
    given = [answer(link, values[link]) for link in order if link in values]
    assert is_on("a", asked, *given)
    values["p"] = False
    assert not is_on("a", asked, *[answer(link, values[link]) for link in order if link in values])


def test_what_stands_in_what_is_disabled_has_no_answer() -> None:
    asked = form(
        item("p", "boolean"),
        item("g", "group", item("q", "boolean"), enableWhen=[when("p", "=", answerBoolean=True)]),
        item("a", enableWhen=[when("q", "exists", answerBoolean=True)]),
    )
    inside = answer("g", inner=[answer("q", True)])
    assert is_on("a", asked, answer("p", True), inside)
    assert not is_on("a", asked, answer("p", False), inside)


def test_in_a_group_that_repeats_the_question_of_the_same_repetition_counts() -> None:
    asked = form(
        item(
            "g", "group", item("q", "boolean"), item("a", enableWhen=[when("q", "=", answerBoolean=True)]), repeats=True
        )
    )
    given = [answer("g", inner=[answer("q", True)]), answer("g", inner=[answer("q", False)]), answer("g", inner=[])]
    assert disabled(asked, response(*given)) == {
        ("QuestionnaireResponse.item[1]", "a"),
        ("QuestionnaireResponse.item[2]", "a"),  # where it is not answered, another repetition's answer is not its own
    }


def test_of_several_repetitions_the_nearest_counts() -> None:
    group = item("g", "group", item("q", "boolean"), repeats=True)
    condition = [when("q", "=", answerBoolean=True)]
    behind, before = form(group, item("a", enableWhen=condition)), form(item("a", enableWhen=condition), group)
    given = [answer("g", inner=[answer("q", True)]), answer("g", inner=[answer("q", False)])]
    assert not is_on("a", behind, *given)
    assert is_on("a", behind, *reversed(given))
    assert is_on("a", before, *given)
    assert not is_on("a", before, *reversed(given))


def test_a_question_enables_what_is_asked_about_its_answers() -> None:
    asked = form(item("q", "choice", item("a", enableWhen=[when("q", "=", answerCoding=code("x"))]), repeats=True))
    two = {"linkId": "q", "answer": [{"valueCoding": code("x"), "item": []}, {"valueCoding": code("y"), "item": []}]}
    assert disabled(asked, response(two)) == set()
    assert disabled(asked, response(answer("q", code("y")))) == {("QuestionnaireResponse.item[0].answer[0]", "a")}


def test_a_chain_as_long_as_a_form_ends() -> None:
    links = [f"q{n}" for n in range(4000)]
    chain = [
        item(link, "boolean", enableWhen=[when(before, "=", answerBoolean=True)]) for before, link in pairwise(links)
    ]
    asked = form(item(links[0], "boolean"), *reversed(chain))
    given = [answer(link, True) for link in [links[0], *reversed(links[1:])]]
    assert disabled(asked, response(*given)) == set()
    given[0] = answer(links[0], False)
    assert len(disabled(asked, response(*given))) == len(links) - 1
