"""Calculated items: in document order, in every repetition, where the form has them; an override stays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from carethread.core.fhir.fhirpath import BudgetExceeded, Purse
from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import judge
from carethread.questionnaires.forms.expressions import SDC
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.scoring.calculating import CALCULATED, calculate, calculated
from support.answers import answer, form, item, response, when


def worked(link: str, text: str, kind: str = "integer", *, read_only: bool = True, **more: Any) -> Resource:
    said = {"url": CALCULATED, "valueExpression": {"language": "text/fhirpath", "expression": text}}
    return item(link, kind, extension=[said, *more.pop("extension", [])], readOnly=read_only, **more)


def shape(holder: Resource) -> list[Any]:
    """The items of a response: linkIds with values, or with what is in them."""
    found: list[Any] = []
    for each in holder.get("item", ()):
        answers = [next(v for k, v in one.items() if k.startswith("value")) for one in each.get("answer", ())]
        inner = [shape(one) for one in (each, *each.get("answer", ())) if "item" in one]
        found.append((each["linkId"], *answers, *inner))
    return found


SUM = "%resource.item.where(linkId != 'sum').answer.value.sum()"


@pytest.fixture
def plain() -> Form:
    return form(item("a", "integer"), worked("sum", SUM), item("b", "integer"))


def test_it_is_filled_in_where_the_form_has_it(plain: Form) -> None:
    given = response(answer("a", 1), answer("b", 2))
    made = calculated(plain, given)
    assert shape(made) == [("a", 1), ("sum", 3), ("b", 2)]
    assert made["item"][1]["text"] == "About sum"
    assert shape(given) == [("a", 1), ("b", 2)], "what was given stays as it was"


def test_an_order_that_is_not_the_forms_stays_and_is_told_of(plain: Form) -> None:
    given = response(answer("b", 2), answer("a", 1))
    made = calculated(plain, given)
    assert shape(made) == [("sum", 3), ("b", 2), ("a", 1)]
    (wrong,) = judge(plain, made)
    assert (wrong.code, wrong.expression) == ("structure", "QuestionnaireResponse.item[2]")
    assert len(judge(plain, given)) == 1


ORDERED = form(
    item("a", "integer"),
    worked("sum", SUM),
    item("g", "group", item("b", "integer"), worked("inner", "%resource.item.count()"), item("c", "integer")),
    item("h", "group", worked("alone", "1")),
    item("d", "integer"),
)


@drawn(st.permutations(["a", "g", "d"]), st.permutations(["b", "c"]))
def test_with_calculated_items_an_order_is_as_wrong_as_without(outer: list[str], inner: list[str]) -> None:
    items = {"a": answer("a", 1), "d": answer("d", 1), "g": answer("g", inner=[answer(each, 1) for each in inner])}
    sent = response(*(items[each] for each in outer))
    made = calculated(ORDERED, sent)
    assert [each["linkId"] for each in made["item"] if each["linkId"] in items] == outer
    told = [[(each.code, each.diagnostics) for each in judge(ORDERED, one)] for one in (sent, made)]
    assert told[0] == told[1]


def test_what_is_right_stays_the_same(plain: Form) -> None:
    given = response(answer("a", 1), answer("sum", 3, id="kept"), answer("b", 2))
    assert calculated(plain, given) is given
    nothing = form(item("a", "integer"))
    assert calculated(nothing, given) is given


def test_nobody_writes_what_is_read_only(plain: Form) -> None:
    assert shape(calculated(plain, response(answer("a", 1), answer("sum", 99)))) == [("a", 1), ("sum", 1)]
    assert shape(calculated(plain, response(answer("sum", 99)))) == []


def test_what_may_be_written_is_filled_in_once_and_then_theirs() -> None:
    made = form(item("a", "integer"), worked("sum", SUM, read_only=False))
    assert shape(calculated(made, response(answer("a", 1)))) == [("a", 1), ("sum", 1)]
    theirs = response(answer("a", 1), answer("sum", 7))
    assert calculated(made, theirs) is theirs


def test_one_may_need_another_wherever_it_stands() -> None:
    of_twice = "%resource.item.where(linkId = 'twice').answer.value + 1"
    of_a = "%resource.item.where(linkId = 'a').answer.value * 2"
    made = form(worked("more", of_twice), item("a", "integer"), worked("twice", of_a))
    found = calculate(made, response(answer("a", 5)))
    assert (shape(found.response), found.issues) == ([("more", 11), ("a", 5), ("twice", 10)], [])


def test_what_never_settles_is_told() -> None:
    grows = "iif(%resource.item.where(linkId = '{}').exists(), %resource.item.answer.value.sum() + 1, 1)"
    made = form(worked("x", grows.format("y")), worked("y", grows.format("x")))
    found = calculate(made, response())
    assert [each.code for each in found.issues] == ["processing"]


def test_each_repetition_has_its_own_and_sees_its_own_variables() -> None:
    variable = {"url": "http://hl7.org/fhir/StructureDefinition/variable"}
    here = {"name": "here", "language": "text/fhirpath", "expression": "%context.item.answer.value"}
    made = form(
        item(
            "group", "group", item("a", "integer"), worked("twice", "%here.first() * 2"), repeats=True,
            extension=[{**variable, "valueExpression": here}],
        )
    )  # fmt: skip
    given = response(answer("group", inner=[answer("a", 1)]), answer("group", inner=[answer("a", 4)]))
    assert shape(calculated(made, given)) == [("group", [("a", 1), ("twice", 2)]), ("group", [("a", 4), ("twice", 8)])]


def test_groups_that_are_not_there_come_to_be_where_something_is_in_them() -> None:
    inner = item("inner", "group", worked("sum", "%resource.item.where(linkId = 'a').answer.value"))
    made = form(
        item("outer", "group", inner), item("many", "group", worked("m", "1"), repeats=True), item("a", "integer")
    )
    assert shape(calculated(made, response(answer("a", 3)))) == [("outer", [("inner", [("sum", 3)])]), ("a", 3)]
    assert shape(calculated(made, response())) == []


def test_within_answers() -> None:
    made = form(item("q", "integer", worked("w", "%resource.item.answer.value.first() + 1"), repeats=True))
    assert shape(calculated(made, response(answer("q", 1)))) == [("q", 1, [("w", 2)])]
    assert shape(calculated(made, response(answer("q")))) == [("q",)]


def test_what_is_disabled_has_no_value() -> None:
    on = [when("a", "exists", answerBoolean=True)]
    made = form(
        item("a", "integer"), worked("w", "1", enableWhen=on), item("group", "group", worked("x", "2"), enableWhen=on)
    )
    assert shape(calculated(made, response(answer("a", 1)))) == [("a", 1), ("w", 1), ("group", [("x", 2)])]
    assert shape(calculated(made, response())) == []
    assert shape(calculated(made, response(answer("w", 1)))) == []


def test_what_cannot_be_worked_out_is_told_and_left_out() -> None:
    made = form(
        item("a", "integer", repeats=True), worked("w", "%resource.item.answer.value.single()"), worked("t", "'x'")
    )
    found = calculate(made, response(answer("a", 1, 2)))
    assert shape(found.response) == [("a", 1, 2)]
    assert [(each.severity, each.expression) for each in found.issues] == [
        ("information", "Questionnaire.item[1].extension"),
        ("information", "Questionnaire.item[2].extension"),
    ]


def test_an_expression_that_never_ends_is_refused() -> None:
    made = form(worked("w", "%resource.descendants().select(%resource.descendants().select(%resource.descendants()))"))
    much = response(*(answer(f"x{n}", 1) for n in range(300)))
    with pytest.raises(BudgetExceeded) as refused:
        calculated(made, much)
    assert refused.value.issues[0].expression == "Questionnaire.item[0].extension"


def test_now_is_when_it_was_authored() -> None:
    made = form(worked("today", "today()", "date"))
    assert shape(calculated(made, response(authored="2031-03-03T23:00:00Z"))) == [("today", "2031-03-03")]
    nowhere = {name: value for name, value in response().items() if name != "authored"}
    found = calculate(made, nowhere, clock=lambda: datetime(2032, 4, 4, tzinfo=UTC))
    assert shape(found.response) == [("today", "2032-04-04")]


def test_several_responses_may_share_what_they_take() -> None:
    made = form(item("a", "integer"), worked("w", "%resource.descendants().count()"))
    purse = Purse(500)
    with pytest.raises(BudgetExceeded):
        for _ in range(100):
            calculate(made, response(answer("a", 1)), purse=purse)


def test_other_languages_are_passed_over() -> None:
    cql = {"url": SDC + "calculatedExpression", "valueExpression": {"language": "text/cql", "expression": "1"}}
    made = form(item("w", "integer", extension=[cql]))
    given = response()
    assert calculated(made, given) is given


def test_many_items_take_time_in_proportion() -> None:
    made = form(*(worked(f"w{n}", str(n)) for n in range(2000)))
    found = calculated(made, response())
    assert [each[1] for each in shape(found)] == list(range(2000))
