"""What the forms that come along give: all of it is valid, whatever is answered first or last."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from carethread.core.ports import Resource
from carethread.questionnaires.extracting.extracted import extract, uuid_of
from carethread.questionnaires.extracting.judging import faults_of
from carethread.questionnaires.forms.finding import shipped
from carethread.questionnaires.forms.form import Form, Item

URL = "https://carethread.dev/fhir/Questionnaire/"
_ANSWERS: dict[str, Resource] = {
    "boolean": {"valueBoolean": True},
    "integer": {"valueInteger": 1},
    "decimal": {"valueDecimal": 1},
    "date": {"valueDate": "2031-03-03"},
    "dateTime": {"valueDateTime": "2031-03-03T08:00:00Z"},
    "time": {"valueTime": "08:00:00"},
    "string": {"valueString": "x"},
    "text": {"valueString": "x"},
    "url": {"valueUri": "https://example.org"},
    "quantity": {"valueQuantity": {"value": 1}},
}


def answers(form: Form, which: int) -> Resource:
    """A response to each question, by its first or last (-1) option."""

    def item(of: Item) -> Resource:
        made: Resource = {"linkId": of.link_id}
        if of.options:
            option = of.options[which]
            made["answer"] = [{f"value{option.kind[0].upper()}{option.kind[1:]}": option.value}]
        elif of.type in _ANSWERS:
            made["answer"] = [_ANSWERS[of.type]]
        inner = list(items(of.children))
        if inner and "answer" in made:
            made["answer"][0] = {**made["answer"][0], "item": inner}
        elif inner:
            made["item"] = inner
        return made

    def items(some: tuple[Item, ...]) -> Iterator[Resource]:
        return (item(each) for each in some if each.type != "display")

    return {
        "resourceType": "QuestionnaireResponse", "questionnaire": form.canonical, "status": "completed",
        "subject": {"reference": "Patient/ann"}, "author": {"reference": "Patient/ann"},
        "authored": "2031-03-03T08:00:00Z", "item": list(items(form.roots)),
    }  # fmt: skip


@pytest.mark.parametrize("which", [0, -1])
@pytest.mark.parametrize("url", sorted({form.canonical for form in shipped().values()}))
def test_all_is_valid(url: str, which: int) -> None:
    form = shipped()[url]
    assert faults_of(form, answers(form, which), "r1", lambda: datetime(2031, 3, 3, tzinfo=UTC)) == []


def observations(name: str) -> list[dict[str, Any]]:
    form = shipped()[URL + name]
    return [each.resource for each in extract(form, answers(form, 0), uuid_of("r1")).entries]


@pytest.mark.parametrize(("name", "total"), [("phq-9", "44261-6"), ("phq-2", "55758-7"), ("gad-7", "70274-6")])
def test_of_a_score_the_total_is_an_observation(name: str, total: str) -> None:
    (made,) = observations(name)
    assert made["code"]["coding"][0]["code"] == total
    assert [each["coding"][0]["code"] for each in made["category"]] == ["survey"]


def test_of_social_needs_each_answer_is_one_with_its_domain() -> None:
    made = observations("social-needs")
    assert len(made) > 5
    for each in made:
        codes = [coding["code"] for concept in each["category"] for coding in concept["coding"]]
        assert codes[:2] == ["survey", "sdoh"], each["code"]
