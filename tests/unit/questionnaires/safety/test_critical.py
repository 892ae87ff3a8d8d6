"""Which answers are critical, by what their form says."""

from __future__ import annotations

import pytest

from carethread.core.fhir import json
from carethread.core.fhir.fhirpath.functions.weights import ITEM_WEIGHT
from carethread.core.ports import Resource
from carethread.questionnaires.forms.faults import faults_of
from carethread.questionnaires.rendering.words import TRANSLATION
from carethread.questionnaires.safety.critical import MOST, criticals
from carethread.questionnaires.safety.marking import CRITICAL
from carethread.questionnaires.scoring.anonymous import ANONYMOUS_FROM
from carethread.questionnaires.scoring.calculating import calculated
from support.answers import answer, code, form, item, questionnaire, response
from support.instruments import NAMES, answering, shipped

SAFETY = ("/95618-5", "/95617-7", "/95616-9", "/95615-1")


def mark(kind: str = "violence", least: float | None = None, urgency: str = "stat") -> Resource:
    parts: list[Resource] = [{"url": "kind", "valueCode": kind}, {"url": "urgency", "valueCode": urgency}]
    parts += [{"url": "from", "valueDecimal": least}] if least is not None else []
    return {"url": CRITICAL, "extension": parts}


def weighs(number: float) -> Resource:
    return {"url": ITEM_WEIGHT, "valueDecimal": number}


def spanish(text: str) -> Resource:
    parts = [{"url": "lang", "valueCode": "es"}, {"url": "content", "valueString": text}]
    return {"extension": [{"url": TRANSLATION, "extension": parts}]}


def told(name: str, **picks: int) -> list[tuple[str, str]]:
    made = shipped(name)
    given = calculated(made, answering(made, {link.replace("_", "/", 1): n for link, n in picks.items()}))
    return [(each.link_id, each.kind) for each in criticals(made, given)]


@pytest.mark.parametrize("pick", range(4))
def test_any_thought_of_self_harm_is_critical(pick: int) -> None:
    assert told("phq-9", **{"/44260-8": pick}) == ([("/44260-8", "self-harm")] if pick else [])


@pytest.mark.parametrize("status", ["in-progress", "completed", "amended", "stopped"])
def test_whatever_the_status_of_the_response(status: str) -> None:
    made = shipped("phq-9")
    assert len(criticals(made, answering(made, {"/44260-8": 3}, status=status))) == 1


@pytest.mark.parametrize(
    ("picks", "links"),
    [
        ((0, 0, 0, 0), []),
        ((1, 0, 0, 0), ["/95618-5"]),
        ((0, 4, 0, 0), []),
        ((0, 0, 1, 0), []),
        ((0, 0, 2, 0), ["/95616-9"]),
        ((0, 4, 0, 2), []),
        ((0, 4, 0, 3), ["/95614-4"]),
        ((4, 4, 4, 4), ["/95618-5", "/95616-9", "/95614-4"]),
    ],
)
def test_violence_by_single_answers_and_by_the_total(picks: tuple[int, ...], links: list[str]) -> None:
    found = told("social-needs", **dict(zip(SAFETY, picks, strict=True)))
    assert found == [(link, "violence") for link in links]


def test_nothing_to_eat_today() -> None:
    assert told("social-needs", **{"/88122-7": 0, "food-today": 1}) == [("food-today", "no-food-today")]
    assert told("social-needs", **{"/88122-7": 0, "food-today": 0}) == []


def test_every_critical_answer_that_comes_along_says_where_help_is_in_both_languages() -> None:
    for name in NAMES:
        made = shipped(name)
        for each in made.items.values():
            for holder in (each.raw, *(option.raw for option in each.options)):
                for said in (one for one in holder.get("extension", ()) if one["url"] == CRITICAL):
                    (help_,) = [part for part in said["extension"] if part["url"] == "help"]
                    assert "day and night" in help_["valueString"]
                    assert help_["_valueString"]["extension"]


@pytest.mark.parametrize(
    ("kind", "given", "critical"),
    [
        ("integer", 5, True),
        ("integer", 4, False),
        ("decimal", 5.5, True),
        ("quantity", {"value": 7, "unit": "d"}, True),
        ("boolean", True, False),
    ],
)
def test_of_a_number_from_where_on(kind: str, given: object, critical: bool) -> None:
    made = form(item("a", kind, extension=[mark(least=5)]))
    assert bool(criticals(made, response(answer("a", given)))) is critical


def test_a_mark_that_would_call_nobody_is_a_fault_of_the_form() -> None:
    plain, from_5 = {"extension": [mark()]}, {"extension": [mark(least=5)]}
    coded = {"valueCoding": code("x")}
    asked = questionnaire(
        item("whole", "integer", **plain),
        item("words", "string", **from_5),
        item("weightless", "choice", answerOption=[coded], **from_5),
        item("option", "choice", answerOption=[{**coded, **from_5}]),
        item("fine", "choice", answerOption=[{**coded, **plain}]),
    )
    assert [each.expression for each in faults_of(asked)] == [
        "Questionnaire.item[0].extension",
        "Questionnaire.item[1].extension",
        "Questionnaire.item[2].extension",
        "Questionnaire.item[3].answerOption[0].extension",
    ]


def test_the_option_that_says_so_and_no_other_of_that_code() -> None:
    made = form(item("a", "choice", answerOption=[{"extension": [mark()], "valueCoding": code("x")}]))
    assert len(criticals(made, response(answer("a", code("x"))))) == 1
    assert criticals(made, response(answer("a", code("x", "urn:other")))) == []


LOOSE = item(
    "a",
    "choice",
    answerOption=[
        {"valueCoding": code("x") | {"display": "Often", "_display": spanish("A menudo")}, "extension": [weighs(3)]},
        {"valueCoding": code("y") | {"display": "Never"}, "extension": [weighs(0)]},
    ],
    extension=[mark(least=1)],
)


@pytest.mark.parametrize(
    ("given", "critical"),
    [
        ({"valueCoding": {"code": "x"}}, True),
        ({"valueCoding": {"code": "y"}}, False),
        ({"valueCoding": {"display": " often"}}, True),
        ({"valueCoding": {"system": "urn:local", "code": "7", "display": "OFTEN"}}, True),
        ({"valueCoding": {"system": "urn:local", "code": "7", "display": "Never"}}, False),
        ({"valueString": "a menudo"}, True),
        ({"valueString": "not often"}, False),
        ({"valueCoding": {"system": "urn:local", "code": "7", "extension": [weighs(2)]}}, True),
        ({"valueCoding": {"system": "urn:local", "code": "7"}, "extension": [weighs(0)]}, False),
        ({"valueInteger": 2}, True),
    ],
)
def test_what_is_written_less_exactly_than_the_form_counts(given: Resource, critical: bool) -> None:
    said = response({"linkId": "a", "answer": [given]})
    assert bool(criticals(form(LOOSE), said)) is critical


def test_words_that_mean_several_options_mean_none() -> None:
    options = [{"valueCoding": code(each) | {"display": "Yes"}, "extension": [mark()]} for each in "xy"]
    made = form(item("a", "choice", answerOption=options))
    assert criticals(made, response({"linkId": "a", "answer": [{"valueString": "Yes"}]})) == []


def test_it_counts_wherever_it_stands() -> None:
    made = form(item("g", "group", item("a", "integer", extension=[mark(least=5)])))
    there = answer("a", 6)
    for given in (there, {"linkId": "other", "item": [there]}, {"linkId": "g", "answer": [{"item": [there]}]}):
        assert len(criticals(made, response(given))) == 1


def test_how_bad_it_is_is_told() -> None:
    made = shipped("phq-9")
    assert [criticals(made, answering(made, {"/44260-8": n}))[0].level for n in (1, 2, 3)] == [1, 2, 3]


def test_that_is_told_in_few_digits() -> None:
    made = form(item("a", "decimal", extension=[mark(least=5)]))
    for text in ("5." + "3" * 500, "7e9999", "9" * 500):
        (only,) = criticals(made, response({"linkId": "a", "answer": [{"valueDecimal": json.Number(text)}]}))
        assert only.level > 5
        assert len(str(only.level)) < 20


def test_so_many_of_one_response_are_called_to_and_no_more() -> None:
    made = form(item("g", "group", item("a", "integer", extension=[mark(least=5)]), repeats=True))
    groups = [{"linkId": "g", "item": [answer("a", 6)]} for _ in range(MOST + 5)]
    assert len(criticals(made, response(*groups))) == MOST


def test_each_time_it_is_said_counts_by_itself() -> None:
    made = form(item("g", "group", item("a", "integer", extension=[mark(least=5)]), repeats=True))
    groups = [{"linkId": "g", "item": [answer("a", value)]} for value in (6, 1, 7)]
    assert [each.place for each in criticals(made, response(*groups))] == [0, 1]


def test_two_answers_to_one_question_are_one() -> None:
    options = [{"extension": [mark()], "valueCoding": code(each)} for each in "xy"]
    made = form(item("a", "choice", answerOption=options, repeats=True))
    assert len(criticals(made, response(answer("a", code("x"), code("y"))))) == 1


def test_a_form_without_names_has_none() -> None:
    anonymous = {"url": ANONYMOUS_FROM, "valuePositiveInt": 11}
    made = form(item("a", "integer", extension=[mark(least=5)]), extension=[anonymous])
    assert criticals(made, response(answer("a", 5))) == []
