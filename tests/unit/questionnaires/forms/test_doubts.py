"""What is allowed in a form and most likely not meant is a warning with its place."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.questionnaires.forms.doubts import doubts_of
from carethread.questionnaires.forms.finding import shipped
from carethread.questionnaires.scoring.scores import SCORE
from support.answers import CORE, SDC, code, ext, form, item, when

WEIGHT = CORE + "ordinalValue"


def places(*items: Resource, **more: Any) -> list[str]:
    found = doubts_of(form(*items, **more))
    assert {each.severity for each in found} <= {"warning"}
    return [(each.expression or "").removeprefix("Questionnaire.") for each in found]


def weighed(*weights: int | None) -> list[Resource]:
    """Options that weigh so much each; None: that one has no weight."""
    found: list[Resource] = []
    for number, weight in enumerate(weights):
        said = {} if weight is None else {"extension": [ext(WEIGHT, valueDecimal=weight)]}
        found.append({"valueCoding": code(f"o{number}"), **said})
    return found


def total(text: str = "%resource.item.answer.value.weight().sum()") -> Resource:
    said = {"language": "text/fhirpath", "expression": text}
    return item("total", "decimal", readOnly=True, extension=[ext(SDC + "calculatedExpression", valueExpression=said)])


def score(*bands: tuple[int, int], minimum: int = 1) -> Resource:
    parts = [
        {"url": "total", "valueString": "total"},
        {"url": "item", "valueString": "a"},
        {"url": "minimum", "valuePositiveInt": minimum},
    ]
    for low, high in bands:
        band = [
            {"url": "from", "valueDecimal": low}, {"url": "to", "valueDecimal": high},
            {"url": "code", "valueCoding": code("band")},
        ]  # fmt: skip
        parts.append({"url": "band", "extension": band})
    return {"url": SCORE, "extension": parts}


def choice(*weights: int | None, **more: Any) -> Resource:
    return item("a", "choice", answerOption=weighed(*weights), **more)


def test_what_is_right_is_not_doubted() -> None:
    assert places(choice(0, 1), total(), extension=[score((0, 4), (5, 9))]) == []
    assert {name: doubts_of(each) for name, each in shipped().items() if doubts_of(each)} == {}


def test_an_option_that_is_scored_weighs_something() -> None:
    assert places(choice(0, None), total(), extension=[score()]) == ["item[0].answerOption"]
    counted = "%resource.item.where(linkId = 'a').answer.count()"
    assert places(choice(None), total(counted), extension=[score()]) == [], "it is not weighed"


def test_a_score_comes_about_and_means_one_thing() -> None:
    assert places(choice(0), item("total", "decimal"), extension=[score()]) == ["item[1]"]
    assert places(choice(0), total(), extension=[score(minimum=2)]) == ["item[1]"]
    assert places(choice(0), total(), extension=[score((0, 4), (4, 9))]) == ["item[1]"]
    assert places(choice(0), total(), extension=[score((4, 0))]) == ["item[1]"]


def test_questions_can_be_told_apart() -> None:
    assert places(item("a", prefix="1."), item("b", prefix="1.")) == ["item[1].prefix"]
    assert places(item("a", text="Well?"), item("b", text="Well?")) == ["item[1].text"]
    groups = [item(name, "group", item(f"{name}1", text="Well?")) for name in ("g", "h")]
    assert places(*groups) == [], "in different groups they may be the same"


def test_a_form_is_called_something_in_all_its_languages() -> None:
    def spanish(text: str) -> Resource:
        inner = [{"url": "lang", "valueCode": "es"}, {"url": "content", "valueString": text}]
        return {"extension": [{"url": CORE + "translation", "extension": inner}]}

    asked = item("a", _text=spanish("¿Bien?"))
    assert places(asked) == ["title"]
    assert places(asked, item("b"), _title=spanish("Uno")) == ["item[1].text"]
    assert places(asked, _title=spanish("Uno")) == []
    assert places(item("a"), title="") == ["Questionnaire"]
    people = {"url": PROFILES + "people-title", "valueString": "How you are"}
    assert places(asked, _title=spanish("Uno"), extension=[people]) == ["extension"]
    assert places(asked, _title=spanish("Uno"), extension=[{**people, "_valueString": spanish("Cómo está")}]) == []


def test_a_question_can_be_asked_and_answered() -> None:
    assert places(item("a", text="")) == ["item[0].text"]
    assert places(item("a", "choice")) == ["item[0]"]
    assert places(item("a", "choice", answerValueSet="urn:set")) == []
    assert places(item("a", required=True, readOnly=True)) == ["item[0]"]
    hidden = [ext(CORE + "questionnaire-hidden", valueBoolean=True)]
    assert places(item("a", required=True, extension=hidden)) == ["item[0]"]
    assert places(item("a", required=True, readOnly=True, initial=[{"valueString": "x"}])) == []


@pytest.mark.parametrize(
    ("condition", "doubted"),
    [
        (when("a", "=", answerCoding=code("o0")), False),
        (when("a", "=", answerCoding=code("other")), True),
        (when("a", "=", answerCoding=code("o0", "urn:other")), True),
        (when("a", "!=", answerCoding=code("other")), False),
        (when("a", "=", answerString="o0"), True),
        (when("a", "exists", answerBoolean=True), False),
        (when("n", ">", answerDecimal=3.5), False),
        (when("n", ">", answerDate="2031-01-01"), True),
        (when("open", "=", answerString="any"), False),
        (when("set", "=", answerCoding=code("any")), False),
    ],
)
def test_a_condition_can_be_true(condition: Resource, doubted: bool) -> None:
    open_ = item("open", "open-choice", options="x")
    asked = [choice(0), item("n", "integer"), open_, item("set", "choice", answerValueSet="urn:set")]
    found = places(*asked, item("b", enableWhen=[condition]))
    assert found == (["item[4].enableWhen[0].answer"] if doubted else [])


def test_what_a_condition_asks_stands_above() -> None:
    condition = when("b", "=", answerBoolean=True)
    assert places(item("a", enableWhen=[condition]), item("b", "boolean")) == ["item[0].enableWhen[0].question"]


def test_a_critical_answer_calls_somebody() -> None:
    said = [{"url": "kind", "valueCode": "self-harm"}, {"url": "from", "valueDecimal": 3}]
    mark = {"url": PROFILES + "critical-answer", "extension": said}
    assert places(choice(0, 2, extension=[mark])) == ["item[0].extension"]
    assert places(choice(0, 3, extension=[mark])) == []
    nameless = {"url": PROFILES + "anonymous-from", "valuePositiveInt": 11}
    assert places(choice(0, 3, extension=[mark]), extension=[nameless]) == ["item[0]"]


def test_what_becomes_an_observation_has_a_code() -> None:
    mark = ext(SDC + "observationExtract", valueBoolean=True)
    assert places(item("a", "integer", extension=[mark])) == ["item[0].code"]
    assert places(item("a", "integer", extension=[mark], code=[code("x")])) == []


@pytest.mark.parametrize(
    ("text", "doubted"),
    [
        ("%resource.item.answer.valueDecimal.sum()", True),
        ("%resource.item.answer.valueCoding.code", True),
        ("%resource.item.answer.value.sum()", False),
        ("%valueDecimal", False),
    ],
)
def test_a_value_is_asked_for_by_the_name_that_it_has(text: str, doubted: bool) -> None:
    found = places(total(text), item("a", "decimal"))
    assert found == (["item[0].extension[0]"] if doubted else [])
    variable = ext(CORE + "variable", valueExpression={"name": "v", "language": "text/fhirpath", "expression": text})
    assert places(item("a", "decimal"), extension=[variable]) == (["extension[0]"] if doubted else [])
