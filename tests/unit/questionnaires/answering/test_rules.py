"""Each rule that a response keeps to, with what keeps it and what breaks it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.questionnaires.answering import asking
from carethread.questionnaires.answering.judging import MOST_ITEMS, judge
from carethread.questionnaires.answering.report import MOST_ISSUES
from support.answers import CORE, SDC, SYSTEM, answer, code, ext, form, item, response, told, unit, when

SECRET = "what nobody else is to read"


def good(asked: Any, *items: Any, **more: Any) -> None:
    assert told(asked, response(*items, **more)) == []


def bad(asked: Any, *items: Any, at: str | list[str], **more: Any) -> None:
    assert told(asked, response(*items, **more)) == ([at] if isinstance(at, str) else at)


def test_every_item_is_one_of_the_form() -> None:
    asked = form(item("a"), item("g", "group", item("b")))
    good(asked, answer("a", "x"), answer("g", inner=[answer("b", "y")]))
    bad(asked, answer("a", "x"), answer("no", "y"), at="e item[1].linkId")


def test_what_the_form_does_not_know_is_not_looked_into() -> None:
    bad(form(item("a")), answer("no", inner=[answer("nor", "x")]), at="e item[0].linkId")


@pytest.mark.parametrize(
    ("items", "at"),
    [
        ([answer("b", "y")], "e item[0]"),
        ([answer("g", inner=[answer("a", "x")])], "e item[0].item[0]"),
        ([answer("q", "x", inner=[answer("b", "y")])], "e item[0].answer[0].item[0]"),
        ([answer("q", inner=[answer("r", "y")])], "e item[0].item"),
        ([{**answer("q", "x"), "item": [answer("r", "y")]}], "e item[0].item"),
    ],
)
def test_items_are_nested_as_in_the_form(items: list[Any], at: str) -> None:
    asked = form(item("a"), item("g", "group", item("b")), item("q", "string", item("r")))
    good(asked, answer("g", inner=[answer("b", "y")]), answer("q", "x", inner=[answer("r", "y")]))
    bad(asked, *items, at=at)


def test_items_are_in_the_forms_order() -> None:
    asked = form(item("a"), item("b"), item("c"))
    good(asked, answer("a", "x"), answer("c", "z"))
    bad(asked, answer("b", "y"), answer("a", "x"), answer("c", "z"), at="e item[1]")


def test_what_is_not_enabled_is_left_out_and_nothing_is_asked_of_it() -> None:
    asked = form(
        item("a", "boolean"),
        item("b", "group", item("c", required=True), enableWhen=[when("a", "=", answerBoolean=True)], required=True),
    )
    good(asked, answer("a", False))
    bad(asked, answer("a", True), at="e")
    bad(asked, answer("a", False), answer("b", inner=[]), at="e item[1]")
    bad(asked, answer("a", False), answer("b", inner=[answer("c", 7)]), at="e item[1]")
    bad(asked, answer("a", False), answer("b", inner=[answer("c", "x")]), status="in-progress", at="w item[1]")


def test_what_is_required_is_answered() -> None:
    asked = form(item("a", required=True), item("g", "group", item("b", required=True), item("c")))
    good(asked, answer("a", "x"))
    good(asked, answer("a", "x"), answer("g", inner=[answer("b", "y")]))
    bad(asked, at="e")
    bad(asked, answer("a"), at="e item[0]")
    bad(asked, answer("a", "x"), answer("g", inner=[answer("c", "y")]), at="e item[1]")
    bad(asked, answer("a", {"item": []}), at="e item[0]")


def test_a_required_group_has_an_answer_somewhere_within() -> None:
    asked = form(item("g", "group", item("h", "group", item("a")), required=True))
    good(asked, answer("g", inner=[answer("h", inner=[answer("a", "x")])]))
    bad(asked, at="e")
    bad(asked, answer("g"), at="e item[0]")
    bad(asked, answer("g", inner=[answer("h", inner=[answer("a")])]), at="e item[0]")


def test_what_is_asked_about_an_answer_is_required_with_that_answer_only() -> None:
    asked = form(item("a", "string", item("why", required=True), repeats=True))
    good(asked)
    good(asked, answer("a", "x", inner=[answer("why", "y")]))
    bad(asked, answer("a", "x"), at="e item[0].answer[0]")
    two = {"linkId": "a", "answer": [{"valueString": "x", "item": [answer("why", "y")]}, {"valueString": "z"}]}
    bad(asked, two, at="e item[0].answer[1]")


def test_only_what_repeats_is_there_more_than_once() -> None:
    asked = form(
        item("a"),
        item("b", repeats=True),
        item("g", "group", item("c")),
        item("h", "group", item("d"), repeats=True),
    )
    good(asked, answer("b", "x", "y"), answer("h", inner=[answer("d", "1")]), answer("h", inner=[answer("d", "2")]))
    bad(asked, answer("a", "x", "y"), at="e item[0]")
    bad(asked, answer("g", inner=[answer("c", "1")]), answer("g", inner=[answer("c", "2")]), at="e item[0]")
    bad(asked, answer("b", "x"), answer("b", "y"), at="e item[1]")


def test_how_often_at_least_and_at_most() -> None:
    number = [
        ext(CORE + "questionnaire-minOccurs", valueInteger=2),
        ext(CORE + "questionnaire-maxOccurs", valueInteger=3),
    ]
    asked = form(item("a", repeats=True, extension=number))
    good(asked, answer("a", "x", "y"))
    bad(asked, answer("a", "x"), at="e item[0]")
    bad(asked, answer("a", *"wxyz"), at="e item[0]")
    bad(asked, at="e")
    groups = form(item("g", "group", item("a"), repeats=True, extension=number))
    good(groups, *[answer("g", inner=[answer("a", "x")])] * 3)
    bad(groups, *[answer("g", inner=[answer("a", "x")])] * 4, at="e item[0]")


TYPES: list[tuple[str, Any]] = [
    ("boolean", True),
    ("decimal", 1.5),
    ("integer", 2),
    ("date", {"valueDate": "2026-01-05"}),
    ("dateTime", {"valueDateTime": "2026-01-05T09:00:00Z"}),
    ("time", {"valueTime": "09:00:00"}),
    ("string", "x"),
    ("text", "x\ny"),
    ("url", {"valueUri": "https://care.example"}),
    ("choice", code("a")),
    ("open-choice", code("a")),
    ("attachment", {"valueAttachment": {"contentType": "text/plain"}}),
    ("reference", {"valueReference": {"reference": "Patient/p"}}),
    ("quantity", unit(2, "kg")),
]


@pytest.mark.parametrize(("kind", "value"), TYPES, ids=[kind for kind, _ in TYPES])
def test_an_answer_is_of_the_items_type(kind: str, value: Any) -> None:
    asked = form(item("a", kind))
    good(asked, answer("a", value))
    others = [each for name, each in TYPES if {name, kind} not in ({"string", "text"}, {"choice", "open-choice"})]
    for other in others:
        if other is value or (kind == "open-choice" and isinstance(other, str)):
            continue
        bad(asked, answer("a", other), at="e item[0].answer[0]")
        bad(asked, answer("a", other), status="in-progress", at="e item[0].answer[0]")


def test_groups_displays_and_abstract_questions_have_no_answers() -> None:
    asked = form(item("g", "group", item("a")), item("d", "display"), item("q", "question"))
    good(asked, answer("g", inner=[answer("a", "x")]), answer("d"), answer("q"))
    for link in "gdq":
        bad(asked, answer(link, "x"), at="e item[0].answer")


def test_a_choice_is_one_of_the_options() -> None:
    asked = form(item("a", "choice", options="x y"))
    good(asked, answer("a", code("y")))
    for other in (code("z"), code("x", "urn:example:others"), {"display": "x", "system": SYSTEM}):
        bad(asked, answer("a", other), at="e item[0].answer[0]")
    bad(asked, answer("a", code("z")), status="in-progress", at="w item[0].answer[0]")


def test_options_need_not_be_codes() -> None:
    numbers = form(item("a", "choice", answerOption=[{"valueInteger": 1}, {"valueInteger": 2}]))
    good(numbers, answer("a", 2))
    bad(numbers, answer("a", 3), at="e item[0].answer[0]")
    bad(numbers, answer("a", code("2")), at="e item[0].answer[0]")
    words = form(item("a", "string", answerOption=[{"valueString": "yes"}]))
    good(words, answer("a", "yes"))
    bad(words, answer("a", "no"), at="e item[0].answer[0]")
    people = form(item("a", "choice", answerOption=[{"valueReference": {"reference": "Patient/p"}}]))
    good(people, answer("a", {"valueReference": {"reference": "Patient/p"}}))
    bad(people, answer("a", {"valueReference": {"reference": "Patient/q"}}), at="e item[0].answer[0]")


def test_an_open_choice_may_be_words_but_no_other_code() -> None:
    asked = form(item("a", "open-choice", options="x y"))
    good(asked, answer("a", code("x")))
    good(asked, answer("a", "something else"))
    bad(asked, answer("a", code("z")), at="e item[0].answer[0]")


def test_a_choice_is_of_the_value_set() -> None:
    known = form(item("a", "choice", answerValueSet="http://hl7.org/fhir/ValueSet/administrative-gender"))
    good(known, answer("a", code("female", "http://hl7.org/fhir/administrative-gender")))
    bad(known, answer("a", code("x", "http://hl7.org/fhir/administrative-gender")), at="e item[0].answer[0]")
    pinned = form(item("a", "choice", answerValueSet="http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1"))
    bad(pinned, answer("a", code("x", "http://hl7.org/fhir/administrative-gender")), at="e item[0].answer[0]")


def test_a_value_set_may_stand_in_the_form() -> None:
    inside = {
        "resourceType": "ValueSet",
        "id": "set",
        "status": "active",
        "compose": {"include": [{"system": SYSTEM, "concept": [{"code": "x"}]}]},
    }
    asked = form(item("a", "choice", answerValueSet="#set"), contained=[inside])
    good(asked, answer("a", code("x")))
    bad(asked, answer("a", code("y")), at="e item[0].answer[0]")


def test_a_value_set_that_is_not_known_refuses_nothing_but_says_so() -> None:
    asked = form(item("a", "choice", answerValueSet="urn:example:set"))
    bad(asked, answer("a", code("x")), at="i item[0]")


def test_an_exclusive_option_is_alone() -> None:
    none = {"valueCoding": code("none"), "extension": [ext(CORE + "questionnaire-optionExclusive", valueBoolean=True)]}
    asked = form(item("a", "choice", repeats=True, answerOption=[none, *({"valueCoding": code(c)} for c in "xy")]))
    good(asked, answer("a", code("x"), code("y")))
    good(asked, answer("a", code("none")))
    bad(asked, answer("a", code("x"), code("none")), at="e item[0]")


LIMITS: list[tuple[str, Any, Any, Any]] = [
    ("string", {"maxLength": 3}, "abc", "abcd"),
    ("string", ext(CORE + "minLength", valueInteger=2), "ab", "a"),
    ("string", ext(CORE + "regex", valueString=r"\d{3}"), "123", "1234"),
    ("integer", ext(CORE + "minValue", valueInteger=1), 1, 0),
    ("integer", ext(CORE + "maxValue", valueInteger=5), 5, 6),
    ("decimal", ext(CORE + "maxValue", valueDecimal=0.3), 0.3, 0.31),
    ("decimal", ext(CORE + "maxDecimalPlaces", valueInteger=1), 1.5, 1.25),
    ("date", ext(CORE + "minValue", valueDate="2026-02-01"), {"valueDate": "2026-02"}, {"valueDate": "2026-01"}),
    ("dateTime", ext(CORE + "maxValue", valueDateTime="2026-02-01"),
     {"valueDateTime": "2026-01-31T23:00:00Z"}, {"valueDateTime": "2026-02-02T01:00:00Z"}),
    ("time", ext(CORE + "minValue", valueTime="08:00:00"), {"valueTime": "08:00:00"}, {"valueTime": "07:59:59"}),
    ("quantity", ext(SDC + "minQuantity", valueQuantity=unit(1, "kg")), unit(1000, "g"), unit(999, "g")),
    ("quantity", ext(SDC + "maxQuantity", valueQuantity=unit(1, "kg")), unit(1, "kg"), unit(2, "cm")),
    ("quantity", ext(CORE + "questionnaire-unitOption", valueCoding=code("kg", "http://unitsofmeasure.org")),
     unit(1, "kg"), unit(1, "g")),
    ("attachment", ext(CORE + "mimeType", valueCode="image/png"),
     {"valueAttachment": {"contentType": "image/png"}}, {"valueAttachment": {"contentType": "image/gif"}}),
    ("attachment", ext(CORE + "maxSize", valueDecimal=0.001),
     {"valueAttachment": {"size": 1000}}, {"valueAttachment": {"size": 1001}}),
    ("reference", ext(CORE + "questionnaire-referenceResource", valueCode="Patient"),
     {"valueReference": {"reference": "Patient/p"}}, {"valueReference": {"reference": "Group/g"}}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "limit", "right", "wrong"), LIMITS)
def test_an_answer_keeps_to_the_limits(kind: str, limit: Any, right: Any, wrong: Any) -> None:
    asked = form(item("a", kind, **({"extension": [limit]} if "url" in limit else limit)))
    good(asked, answer("a", right))
    bad(asked, answer("a", wrong), at="e item[0].answer[0]")
    bad(asked, answer("a", wrong), status="in-progress", at="w item[0].answer[0]")


def test_decimal_places_are_those_that_were_written() -> None:
    asked = form(item("a", "decimal", extension=[ext(CORE + "maxDecimalPlaces", valueInteger=1)]))
    written = json.parse(b'{"valueDecimal": 1.50}')
    bad(asked, answer("a", written), at="e item[0].answer[0]")


def test_a_unit_that_is_not_known_cannot_be_compared() -> None:
    asked = form(item("a", "quantity", extension=[ext(SDC + "minQuantity", valueQuantity=unit(1, "[car_Au]"))]))
    bad(asked, answer("a", unit(5, "[smoot]")), at="w item[0].answer[0]")


@pytest.mark.parametrize(("opened", "at"), [("optionsOnly", 1), ("optionsOrString", 0), ("optionsOrType", 0)])
def test_units_may_be_open(opened: str, at: int) -> None:
    option = ext(CORE + "questionnaire-unitOption", valueCoding=code("kg", "http://unitsofmeasure.org"))
    asked = form(item("a", "quantity", extension=[option, ext(SDC + "unitOpen", valueCode=opened)]))
    assert len(told(asked, response(answer("a", {"value": 1, "unit": "handful"})))) == at


def test_an_attachment_says_its_size_rightly() -> None:
    data = base64.b64encode(b"abc").decode()
    asked = form(item("a", "attachment"))
    good(asked, answer("a", {"valueAttachment": {"data": data, "size": 3}}))
    bad(asked, answer("a", {"valueAttachment": {"data": data, "size": 4}}), at="e item[0].answer[0]")


def test_what_a_reference_leads_to_may_stand_in_the_response() -> None:
    kind = ext(CORE + "questionnaire-referenceResource", valueCode="Patient")
    asked = form(item("a", "reference", extension=[kind]))
    inside = [{"resourceType": "Group", "id": "g"}]
    bad(asked, answer("a", {"valueReference": {"reference": "#g"}}), contained=inside, at="e item[0].answer[0]")
    good(asked, answer("a", {"valueReference": {"display": "somebody"}}))


def invariant(text: str, severity: str = "error", url: str = CORE + "questionnaire-constraint") -> Any:
    value = (
        {"valueString": text}
        if url.endswith("questionnaire-constraint")
        else {"valueExpression": {"language": "text/fhirpath", "expression": text}}
    )
    return {
        "url": url,
        "extension": [
            ext("key", valueId="k-1"),
            ext("severity", valueCode=severity),
            ext("human", valueString="The end is not before the beginning."),
            ext("expression", **value),
        ],
    }


@pytest.mark.parametrize("url", [CORE + "questionnaire-constraint", CORE + "targetConstraint"])
def test_constraints_hold(url: str) -> None:
    group = form(
        item(
            "g",
            "group",
            item("a", "integer"),
            item("b", "integer"),
            extension=[
                invariant("item.where(linkId='b').answer.value >= item.where(linkId='a').answer.value", url=url)
            ],
        )
    )
    good(group, answer("g", inner=[answer("a", 1), answer("b", 2)]))
    bad(group, answer("g", inner=[answer("a", 3), answer("b", 2)]), at="e item[0]")
    whole = form(item("a", "integer"), extension=[invariant("item.answer.value.sum() < 5", "warning", url)])
    good(whole, answer("a", 4))
    bad(whole, answer("a", 5), at="w")


def test_an_expression_sees_the_response_the_form_and_the_item() -> None:
    text = (
        "%resource.status = 'completed' and %questionnaire.version = '1' and %qitem.linkId = 'a' "
        "and %context.linkId = 'a' and answer.exists()"
    )
    good(form(item("a", extension=[invariant(text)])), answer("a", "x"))


@pytest.mark.parametrize("text", ["%nothing.exists()", "answer.value.single() and (1 | 2).single()"])
def test_a_constraint_that_cannot_be_asked_is_an_error(text: str) -> None:
    bad(form(item("a", extension=[invariant(text)])), answer("a", "x"), at="e item[0]")


def test_an_expression_that_never_ends_does() -> None:
    every = "%resource.descendants()"
    text = f"{every}.select({every}.select({every}.select({every}))).count() > 0"
    asked = form(item("a", repeats=True, extension=[invariant(text)]))
    found = judge(asked, response(answer("a", *"abcdefghijklmnopqrstuvwxyz")))
    assert [(each.code, each.expression) for each in found] == [("too-costly", "QuestionnaireResponse.item[0]")]


def test_expressions_together_are_bounded() -> None:
    asked = form(item("g", "group", item("a"), repeats=True, extension=[invariant("true")]))
    given = response(*[answer("g", inner=[answer("a", "x")])] * (asking.MOST + 5))
    assert told(asked, given) == ["e"]


def test_an_expression_sees_the_variables_around_it() -> None:
    variable = ext(CORE + "variable", valueExpression={
        "name": "most", "language": "text/fhirpath", "expression": "%resource.item.where(linkId='a').answer.value"
    })  # fmt: skip
    below = invariant("answer.value <= %most")
    asked = form(
        item("a", "integer"), item("g", "group", item("b", "integer", extension=[below])), extension=[variable]
    )
    good(asked, answer("a", 3), answer("g", inner=[answer("b", 3)]))
    bad(asked, answer("a", 3), answer("g", inner=[answer("b", 4)]), at="e item[1].item[0]")


def test_what_relies_on_more_than_the_response_refuses_nothing_but_says_so() -> None:
    launch = {"url": SDC + "launchContext", "extension": [ext("name", valueCoding={"code": "patient"})]}
    variable = ext(CORE + "variable", valueExpression={
        "name": "old", "language": "text/fhirpath", "expression": "%patient.birthDate < @2000-01-01"
    })  # fmt: skip
    for text in ("%patient.active", "%old"):
        asked = form(item("a", extension=[invariant(text)]), extension=[launch, variable])
        bad(asked, answer("a", "x"), at="i item[0]")


def test_now_is_what_the_clock_says() -> None:
    asked = form(item("a", "date", extension=[invariant("answer.value = today()")]))
    given = response(answer("a", {"valueDate": "2026-01-05"}))
    assert judge(asked, given, lambda: datetime(2026, 1, 5, 9, tzinfo=UTC)) == []
    assert len(judge(asked, given, lambda: datetime(2026, 1, 6, 9, tzinfo=UTC))) == 1


def test_enabled_by_an_expression() -> None:
    enable = ext(SDC + "enableWhenExpression",
                 valueExpression={"language": "text/fhirpath",
                                  "expression": "%resource.item.where(linkId='a').answer.value > 3"})  # fmt: skip
    asked = form(item("a", "integer"), item("b", required=True, extension=[enable]))
    good(asked, answer("a", 3))
    good(asked)
    good(asked, answer("a", 4), answer("b", "x"))
    bad(asked, answer("a", 4), at="e")
    bad(asked, answer("a", 3), answer("b", "x"), at="e item[1]")


def test_options_are_switched_off() -> None:
    toggle = {
        "url": SDC + "answerOptionsToggleExpression",
        "extension": [
            ext("option", valueCoding=code("y")),
            ext("expression", valueExpression={
                "language": "text/fhirpath", "expression": "%resource.item.where(linkId='a').answer.value = true",
            }),
        ],
    }  # fmt: skip
    asked = form(item("a", "boolean"), item("b", "choice", options="x y", extension=[toggle]))
    good(asked, answer("a", True), answer("b", code("y")))
    good(asked, answer("a", False), answer("b", code("x")))
    bad(asked, answer("a", False), answer("b", code("y")), at="e item[1].answer[0]")


def test_texts_are_the_forms() -> None:
    spanish = {
        "url": "http://hl7.org/fhir/StructureDefinition/translation",
        "extension": [ext("lang", valueCode="es"), ext("content", valueString="Sobre a")],
    }
    asked = form(item("a", _text={"extension": [spanish]}))
    good(asked, answer("a", "x", text="About a"))
    good(asked, answer("a", "x", text="Sobre a"))
    bad(asked, answer("a", "x", text="About b"), at="e item[0].text")


def test_what_is_read_only_keeps_its_value() -> None:
    asked = form(item("a", "integer", readOnly=True, initial=[{"valueInteger": 1}]))
    good(asked, answer("a", 1))
    bad(asked, answer("a", 2), at="w item[0]")
    hidden = ext(CORE + "questionnaire-hidden", valueBoolean=True)
    good(form(item("a", "integer", readOnly=True, extension=[hidden])), answer("a", 2))


def test_the_subject_is_of_the_forms_type() -> None:
    asked = form(item("a"), subjectType=["Patient"])
    good(asked, answer("a", "x"))
    bad(asked, answer("a", "x"), subject={"reference": "Group/g"}, at="e subject")


def test_of_what_was_entered_in_error_nothing_is_asked() -> None:
    good(form(item("a", required=True)), answer("no", "x"), status="entered-in-error")


@pytest.mark.parametrize("status", ["completed", "amended"])
def test_what_is_amended_keeps_to_all_that_is_complete(status: str) -> None:
    bad(form(item("a", required=True)), status=status, at="e")


@pytest.mark.parametrize("status", ["in-progress", "stopped"])
def test_a_draft_may_be_incomplete(status: str) -> None:
    bad(form(item("a", required=True), item("b")), answer("b", "x", "y"), status=status, at=["w", "w item[0]"])


def test_all_is_told_at_once_and_no_answer_is_repeated() -> None:
    asked = form(
        item("a", maxLength=3, extension=[ext(CORE + "regex", valueString="[a-z]")]),
        item("b", "choice", options="x"),
        item("c", required=True),
        item("d", "open-choice", options="x"),
    )
    found = judge(asked, response(
        answer("a", SECRET, SECRET, text=SECRET), answer("b", SECRET), answer("d", {"valueCoding": {"display": SECRET}})
    ))  # fmt: skip
    assert len(found) == 9
    assert not [each for each in found if SECRET in each.diagnostics]


def test_html_in_an_answer_is_text_like_any_other() -> None:
    good(form(item("a")), answer("a", "<script>alert(1)</script>"))


def test_a_report_is_bounded() -> None:
    asked = form(item("a", "integer", repeats=True))
    found = judge(asked, response(answer("a", *["x"] * (MOST_ISSUES + 5))))
    assert len(found) == MOST_ISSUES + 1
    assert found[-1].severity == "error"
    assert "5 more" in found[-1].diagnostics


def test_a_response_is_bounded() -> None:
    asked = form(item("a", "integer", repeats=True))
    bad(asked, answer("a", *[1] * MOST_ITEMS), at="e item")


@pytest.mark.parametrize(
    "value", [{"valueString": "x"}, {"valueBoolean": True}, {"valueCoding": {}}, {"valueQuantity": {}}, {}]
)
def test_a_limit_of_another_type_is_none(value: Any) -> None:
    """What an EHR sends may say anything."""
    core = (
        "questionnaire-minOccurs questionnaire-maxOccurs minLength maxDecimalPlaces minValue maxValue maxSize".split()
    )
    urls = [*(CORE + name for name in core), SDC + "minQuantity", SDC + "maxQuantity"]
    for kind, right in TYPES:
        asked = form(item("a", kind, repeats=True, extension=[ext(url, **value) for url in urls]))
        good(asked, answer("a", right))
