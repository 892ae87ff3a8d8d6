"""An adaptive form from the first question to what is stored of it, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from support.answers import CORE, SDC, answer, code, ext, item, questionnaire, when
from support.care import Care, care, patient

ADAPTIVE = ext(SDC + "questionnaireAdaptive", valueBoolean=True)
OFTEN = {
    "resourceType": "ValueSet", "id": "often", "status": "active",
    "compose": {"include": [{"system": "urn:example:often", "concept": [{"code": "never"}, {"code": "daily"}]}]},
}  # fmt: skip
TOTAL = ext(
    SDC + "calculatedExpression",
    valueExpression={"language": "text/fhirpath", "expression": "%resource.item.where(linkId = 'low').answer.value"},
)
FORM = questionnaire(
    item("low", "integer", required=True),
    item("total", "integer", readOnly=True, extension=[ext(CORE + "questionnaire-hidden", valueBoolean=True), TOTAL]),
    item("often", "choice", answerValueSet="#often", enableWhen=[when("total", ">", answerInteger=2)]),
    url="urn:adaptive",
    id="adaptive",
    meta={"profile": [PROFILES + "questionnaire"]},
    extension=[
        ADAPTIVE,
        ext(
            PROFILES + "score",
            extension=[
                ext("total", valueString="total"),
                ext("item", valueString="low"),
                ext("minimum", valuePositiveInt=1),
                ext("direction", valueCode="lower-better"),
            ],
        ),
    ],
    contained=[OFTEN],
)


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("records", "questionnaires")) as made:
        made.tell(patient("ann"))
        made.put(FORM)
        yield made


def beginning(derived: str = "urn:adaptive", **more: Any) -> Resource:
    growing = {"resourceType": "Questionnaire", "id": "q", "status": "active", "derivedFrom": [derived]}
    return {
        "resourceType": "QuestionnaireResponse",
        "meta": {"profile": [PROFILES + "questionnaire-response"]},
        "contained": [growing],
        "questionnaire": "#q",
        "status": "in-progress",
        "subject": {"reference": "Patient/ann"},
        "authored": "2031-03-03T08:00:00Z",
        **more,
    }


def next_(home: Care, said: Resource) -> Resource:
    answered = home.ask("POST", "Questionnaire/$next-question", said, service="questionnaires")
    assert answered.status == 200, answered.body
    return json.parse_object(answered.body)


def refused(home: Care, said: Resource) -> tuple[int, str, str]:
    status, issues = home.refusal("POST", "Questionnaire/$next-question", said, service="questionnaires")
    return status, issues[0]["code"], issues[0].get("expression", [""])[0]


def asked(said: Resource) -> list[str]:
    return [each["linkId"] for each in said["contained"][0].get("item", ())]


OFTEN_IS = {"system": "urn:example:often", "code": "daily"}


def test_from_the_first_question_to_what_is_stored(home: Care) -> None:
    first = next_(home, beginning())
    assert (asked(first), first["status"]) == (["low"], "in-progress")
    assert first["contained"][0]["derivedFrom"] == ["urn:adaptive|1"]
    assert first == next_(home, beginning())
    second = next_(home, {**first, "item": [answer("low", 3)]})
    assert (asked(second), second["status"]) == (["low", "total", "often"], "in-progress")
    done = next_(home, {**second, "item": [*second["item"], answer("often", OFTEN_IS)]})
    assert (done["status"], done["item"][1]["answer"]) == ("completed", [{"valueInteger": 3}])
    assert home.found("QuestionnaireResponse?_summary=true") == []
    home.put({**done, "id": "done"})
    score = home.ask("GET", "QuestionnaireResponse/done/$score", service="questionnaires")
    found = json.parse_object(score.body)["parameter"]
    assert {"name": "value", "valueDecimal": 3} in next(each for each in found if each["name"] == "score")["part"]


def test_what_is_stored_is_what_was_handed_out_and_all_of_it(home: Care) -> None:
    def stored(said: Resource) -> tuple[int, list[str]]:
        status, issues = home.refusal("POST", "QuestionnaireResponse", said, service="questionnaires")
        return status, [each["expression"][0] for each in issues if each["severity"] == "error"]

    first = next_(home, beginning())
    growing = first["contained"][0]
    early = {**first, "status": "completed", "item": [answer("low", 5)]}
    assert stored(early) == (422, ["QuestionnaireResponse.contained[0].item"])
    easier = {**growing, "item": [growing["item"][0] | {"required": False}]}
    forged = {**first, "contained": [easier]}
    assert stored(forged) == (422, ["QuestionnaireResponse.contained[0].item[0].required"])
    assert stored({**first, "item": [answer("low", 5)]})[0] == 201


def test_the_short_way_and_back_again(home: Care) -> None:
    short = next_(home, {**next_(home, beginning()), "item": [answer("low", 1)]})
    assert (asked(short), short["status"]) == (["low", "total"], "completed")
    longer = next_(home, {**short, "status": "in-progress", "item": [answer("low", 5)]})
    assert (asked(longer), longer["status"]) == (["low", "total", "often"], "in-progress")


def test_parameters_may_be_around_it_and_what_it_was_filled_in_with_stays(home: Care) -> None:
    around = {"resourceType": "Parameters", "parameter": [
        {"name": "questionnaire-response", "resource": beginning()}]}  # fmt: skip
    assert next_(home, around) == next_(home, beginning())
    named = beginning(author={"reference": "Patient/ann"}, id="draft")
    assert {n: v for n, v in next_(home, named).items() if n != "contained"} == {
        n: v for n, v in named.items() if n != "contained"
    }


def test_a_value_set_of_the_form_bounds_the_answers_also_of_what_is_stored(home: Care) -> None:
    second = next_(home, {**next_(home, beginning()), "item": [answer("low", 3)]})
    wrong = [*second["item"], answer("often", code("daily"))]
    assert refused(home, {**second, "item": wrong}) == (
        422, "code-invalid", "QuestionnaireResponse.item[2].answer[0]",
    )  # fmt: skip
    stored = home.ask(
        "POST", "QuestionnaireResponse", {**second, "status": "completed", "item": wrong}, service="questionnaires"
    )
    assert stored.status == 422


def test_what_is_refused(home: Care) -> None:
    first = next_(home, beginning())
    growing = first["contained"][0]
    forged = {**growing, "item": [growing["item"][0] | {"required": False}]}
    twice = {**growing, "item": growing["item"] * 2}
    for said, expected in (
        (
            beginning(status="completed", item=[answer("low", 1)]),
            (422, "business-rule", "QuestionnaireResponse.status"),
        ),
        (beginning(questionnaire="urn:adaptive", contained=[]), (422, "value", "")),
        (beginning("urn:none"), (422, "not-found", "QuestionnaireResponse.contained[0].derivedFrom")),
        (first, (422, "required", "QuestionnaireResponse")),
        ({**first, "item": [answer("low", "x")]}, (422, "structure", "QuestionnaireResponse.item[0].answer[0]")),
        ({**first, "item": [answer("often", OFTEN_IS)]}, (422, "not-found", "QuestionnaireResponse.item[0].linkId")),
        (
            {**first, "contained": [forged]},
            (422, "business-rule", "QuestionnaireResponse.contained[0].item[0].required"),
        ),
        ({**first, "contained": [twice]}, (422, "invariant", "QuestionnaireResponse.contained[0]")),
    ):
        status, code_, where = refused(home, said)
        assert status == expected[0], said
        if expected[2]:
            assert (code_, where) == expected[1:], said
    assert home.ask("GET", "Questionnaire/$next-question", service="questionnaires").status == 400
    assert (
        home.ask("POST", "Questionnaire/adaptive/$next-question", beginning(), service="questionnaires").status == 404
    )


def test_forms_that_are_not_asked_here(home: Care) -> None:
    for id_, more in (
        ("plain", {"extension": []}),
        ("elsewhere", {"extension": [ext(SDC + "questionnaireAdaptive", valueUrl="https://elsewhere.example/fhir")]}),
        ("draft", {"extension": [ADAPTIVE], "status": "draft"}),
    ):
        form = questionnaire(item("a"), **{"url": f"urn:{id_}", "id": id_, **more})
        home.put({name: value for name, value in form.items() if value != []})
        where = "QuestionnaireResponse.contained[0].derivedFrom"
        assert refused(home, beginning(f"urn:{id_}")) == (422, "business-rule", where)


def test_who_has_begun_goes_on_when_the_form_is_retired(home: Care) -> None:
    first = next_(home, beginning())
    home.put(FORM | {"status": "retired"})
    assert next_(home, {**first, "item": [answer("low", 1)]})["status"] == "completed"
    assert refused(home, beginning())[0] == 422
