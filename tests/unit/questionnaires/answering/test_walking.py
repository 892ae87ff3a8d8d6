"""A response is gone through along its form, and what the form does not have there is passed over."""

from __future__ import annotations

import re

from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import judge
from carethread.questionnaires.answering.placing import placed
from carethread.questionnaires.answering.report import Report
from carethread.questionnaires.answering.walking import walk
from carethread.questionnaires.forms.form import read
from support.answers import answer, form, item, response
from support.answers_made import made

_SEEDS = 300


def test_each_item_with_its_place_parents_first() -> None:
    asked = form(item("g", "group", item("q", "string", item("r", "integer"), repeats=True), repeats=True), item("z"))
    two = {"linkId": "q", "answer": [{"valueString": "x", "item": [answer("r", 1)]}, {"item": [answer("r", 2)]}]}
    given = response(
        answer("g", inner=[two]), answer("g", inner=[]), answer("no", "x"), answer("z", inner=[answer("q")])
    )
    assert [(each.item.link_id, each.path.removeprefix("QuestionnaireResponse.")) for each in walk(asked, given)] == [
        ("g", "item[0]"),
        ("q", "item[0].item[0]"),
        ("r", "item[0].item[0].answer[0].item[0]"),
        ("r", "item[0].item[0].answer[1].item[0]"),
        ("g", "item[1]"),
        ("z", "item[3]"),
    ]


def test_a_form_as_deep_as_may_be_is_gone_through() -> None:
    asked, given = item("30"), answer("30", "x")
    for level in reversed(range(1, 30)):
        asked, given = item(str(level), "group", asked), answer(str(level), inner=[given])
    assert len(list(walk(form(asked), response(given)))) == 30
    assert judge(form(asked), response(given)) == []


def at(resource: Resource, path: str) -> Resource:
    for name, number in re.findall(r"\.(item|answer)\[(\d+)\]", path):
        resource = resource[name][int(number)]
    return resource


def test_whatever_is_sent_is_walked_placed_and_judged() -> None:
    """Responses changed by chance: paths lead to what they are of, and nothing raises."""
    for seed in range(_SEEDS):
        questionnaire, sent, _ = made(seed)
        asked, given = read(json.parse_object(json.render(questionnaire))), json.parse_object(json.render(sent))
        walked = list(walk(asked, given))
        assert all(at(given, each.path) is each.given for each in walked)
        entries = [
            entry
            for holders in placed(asked, given, Report(draft=False)).values()
            for holder in holders
            for found in holder.found.values()
            for entry in found
        ]
        inside = {each.path for each in walked}
        assert {entry.path for entry in entries} <= inside
        assert all(at(given, issue.expression or "") is not None for issue in judge(asked, given) if not issue.detail)
        assert validate(given) is not None
