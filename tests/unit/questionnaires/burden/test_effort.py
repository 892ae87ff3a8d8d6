"""What it took, by the versions that were saved."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.ports import Resource
from carethread.questionnaires.assigning.assignment import Assignment
from carethread.questionnaires.burden.effort import LONGEST_PAUSE, PAUSE, Save, Work, answers, begun, pause_of, work
from carethread.questionnaires.populating.marks import INITIAL, marked
from support.answers import form, item

MINUTE = 60_000_000
FORM = form(
    item("a"),
    item("b", "string", item("c")),
    item("g", "group", item("d", repeats=True), repeats=True),
    item("sum", readOnly=True),
)


def said(text: str, *, mark: bool = False, **more: Any) -> Resource:
    return (marked({"valueString": text}, INITIAL) if mark else {"valueString": text}) | more


def response(*items: Resource, status: str = "in-progress") -> Resource:
    return {"resourceType": "QuestionnaireResponse", "status": status, **({"item": list(items)} if items else {})}


def one(link: str, *given: Resource) -> Resource:
    return {"linkId": link, "answer": list(given)}


def saves(*given: tuple[float, Resource]) -> list[Save]:
    return [Save(int(minutes * MINUTE), each) for minutes, each in given]


def test_answers_wherever_they_stand() -> None:
    inner = one("c", said("z", mark=True))
    group = {"linkId": "g", "item": [one("d", said("x", mark=True), said("x", mark=True), said("y"))]}
    given, marks = answers(FORM, response(one("b", said("y", item=[inner])), group, one("sum", said("3", mark=True))))
    assert given == 5
    assert marks == {("c", b'{"valueString":"z"}'): 1, ("d", b'{"valueString":"x"}'): 2}


def test_an_answer_without_a_value_is_none() -> None:
    absent = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    }
    assert answers(FORM, response(one("a", absent)))[0] == 0


def test_gaps_up_to_the_longest_pause_are_work() -> None:
    given = saves(
        (0, response(one("a", said("1")))),
        (5, response(one("a", said("2")))),
        (10.1, response(one("a", said("3")))),
        (11, response(one("a", said("3")), status="completed")),
    )
    assert work(FORM, given).worked == 5 * MINUTE + MINUTE * 0.9


def test_a_save_that_changes_nothing_is_nobodys_work() -> None:
    same = response(one("a", said("1")))
    given = saves((0, same), (3, same), (6, same), (7, response(one("a", said("2")), status="completed")))
    assert work(FORM, given).worked == 0
    beside = same | {"authored": "2031-03-03"}
    given = saves((0, same), (1, beside), (4, response(one("a", said("2")), status="completed")))
    assert work(FORM, given).worked == 4 * MINUTE


def test_one_save_has_no_time() -> None:
    assert work(FORM, saves((9, response(one("a", said("1", mark=True)), status="completed")))) == Work(0, 1, 1, 0)


def test_what_is_prefilled_is_edited_where_it_is_not_there_any_more() -> None:
    began = response(one("a", said("1", mark=True)), one("b", said("2", mark=True)))
    more = response(
        one("a", said("1", mark=True)), one("b", said("3")), {"linkId": "g", "item": [one("d", said("x", mark=True))]}
    )
    ended = response(one("a", said("1")), {"linkId": "g", "item": [one("d", said("y"), said("x", mark=True))]})
    found = work(FORM, saves((0, began), (1, more), (2, ended | {"status": "completed"})))
    assert found == Work(2 * MINUTE, 3, 3, 2)
    moved = response(
        {"linkId": "g", "item": [one("d", said("new"))]}, {"linkId": "g", "item": [one("d", said("x", mark=True))]}
    )
    first = response({"linkId": "g", "item": [one("d", said("x", mark=True))]})
    assert work(FORM, saves((0, first), (1, moved | {"status": "completed"}))).changed == 0


def test_what_is_assigned_is_begun_with_its_first_item() -> None:
    asked = Assignment("Task/t", "Patient/p", 0, 9, "en", "email")
    waiting, filled = asked.marked(response()), asked.marked(response(one("a", said("1", mark=True))))
    assert (begun(waiting), begun(filled), begun(response())) == (False, True, True)
    done = asked.marked(response(one("a", said("2")), status="completed"))
    assert work(FORM, saves((0, waiting), (1, filled), (3, done))) == Work(2 * MINUTE, 1, 1, 1)
    assert work(FORM, saves((0, waiting), (1, done))) == Work(0, 1, 0, 0)


@pytest.mark.parametrize(
    ("said", "length"),
    [
        ({"value": 90, "code": "s"}, 90_000_000),
        ({"value": 10, "code": "min"}, 10 * MINUTE),
        ({"value": 1, "code": "kg"}, PAUSE),
        ({}, PAUSE),
    ],
)
def test_the_longest_pause_is_the_forms(said: Resource, length: int) -> None:
    duration = {"system": "http://unitsofmeasure.org", **said}
    assert pause_of(form(item("a"), extension=[{"url": LONGEST_PAUSE, "valueDuration": duration}])) == length
    assert pause_of(FORM) == PAUSE
