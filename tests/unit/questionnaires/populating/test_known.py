"""What is known already: the newest Observation in its period, and the last answer that is still valid."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.fhir.elements import extension
from carethread.core.fhir.profiles.library import packaged
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource
from carethread.questionnaires.forms.expressions import SDC
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.populating.earlier import VALIDITY, last_said, validities
from carethread.questionnaires.populating.known import asked_once, length
from carethread.questionnaires.populating.observed import PERIOD, linked, newest
from carethread.questionnaires.populating.person import Person
from support.answers import answer, form, item, response

NOW = moment("2031-03-03T08:00:00Z")
SUBJECT = SDC + "isSubject"
DAY = 86_400_000_000
UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
PERSON = Person("Patient/ann", frozenset({"ann", "old"}))


def lasting(url: str, value: float, code: str) -> Resource:
    return {"url": url, "valueDuration": {"value": value, "unit": code, "system": UCUM, "code": code}}


def coded(link: str, code: str, kind: str = "integer", *extensions: Resource, **more: Any) -> Resource:
    marked = {"extension": list(extensions)} if extensions else {}
    return item(link, kind, code=[{"system": LOINC, "code": code}], **marked, **more)


def observation(id_: str, code: str, at: str, **value: Any) -> Resource:
    coding = [{"system": LOINC, "code": code}]
    return {"resourceType": "Observation", "id": id_, "code": {"coding": coding}, "effectiveDateTime": at, **value}


@pytest.mark.parametrize(
    ("value", "code", "days"), [(1, "d", 1), (2, "wk", 14), (1, "a", 365.25), (36, "h", 1.5), (0, "d", None),
                                (1, "kg", None), (1, "nonsense", None)],
)  # fmt: skip
def test_how_long(value: float, code: str, days: float | None) -> None:
    assert length({"value": value, "code": code}) == (None if days is None else round(days * DAY))
    assert length({}) is None
    assert (length({"value": 1e300, "code": "a"}) or 0) < 10**16


def test_within_what_repeats_nobody_knows_which_is_meant() -> None:
    made = form(item("a"), item("g", "group", item("b"), repeats=True), item("h", "group", item("c", repeats=True)))
    assert [each.link_id for each in asked_once(made)] == ["a", "c"]


def test_questions_that_observations_answer() -> None:
    made = form(
        coded("a", "1", "integer", lasting(PERIOD, 1, "wk")),
        item("b", "integer", extension=[lasting(PERIOD, 1, "wk")]),
        coded("c", "2", "integer", lasting(PERIOD, 1, "kg")),
        coded("d", "3"),
        coded("e", "4,5", "integer", lasting(PERIOD, 1, "wk")),
    )
    found, issues = linked(made, NOW)
    assert [(each.item.link_id, each.codes, each.since) for each in found] == [
        ("a", frozenset({f"{LOINC}|1"}), NOW - 7 * DAY)
    ]
    assert [each.expression for each in issues] == [
        "Questionnaire.item[1]",
        "Questionnaire.item[2]",
        "Questionnaire.item[4]",
    ]


def test_the_newest_counts() -> None:
    made = form(
        coded("a", "1", "integer", lasting(PERIOD, 1, "wk")), coded("b", "2", "integer", lasting(PERIOD, 1, "wk"))
    )
    asked, _ = linked(made, NOW)
    found = newest(
        asked,
        [
            observation("one", "1", "2031-03-01", valueInteger=1),
            observation("two", "1", "2031-03-02T10:00:00Z", valueInteger=2),
            observation("none", "1", "2031-03-03"),
            observation("turned", "1", "2031-03-03", valueInteger=9, modifierExtension=[{"url": "u"}]),
            observation("text", "1", "2031-03-03", valueString="refused"),
            observation("child", "1", "2031-03-03", valueInteger=9, focus=[{"reference": "Patient/child"}]),
            observation("old", "2", "2031-02-01", valueInteger=3),
            {**observation("later", "2", "2031-02-01", valueInteger=4), "effectiveDateTime": None,
             "effectivePeriod": {"start": "2031-02-01", "end": "2031-02-20"}},
        ],
        PERSON,
    )  # fmt: skip
    assert {item.link_id: known for item, known in found.items()} == {"a": ([("integer", 2)], "Observation/two")}


def test_the_period_is_inherited_and_what_is_about_others_is_passed_over() -> None:
    subject = {"url": SUBJECT, "valueBoolean": True}
    made = form(
        coded("a", "1"),
        item("g", "group", coded("b", "2", "integer", lasting(PERIOD, 1, "d"))),
        item("h", "group", item("who", "reference", extension=[subject]), coded("c", "3")),
        item("d"),
        extension=[lasting(PERIOD, 1, "wk")],
    )
    found, issues = linked(made, NOW)
    assert [(each.item.link_id, (NOW - each.since) // DAY) for each in found] == [("a", 7), ("b", 1)]
    assert issues == []


def test_components_and_members_of_the_one_above() -> None:
    week = lasting(PERIOD, 1, "wk")
    made = form(coded("bp", "85354-9", "group", item=[coded("s", "8480-6"), coded("d", "8462-4")]), extension=[week])

    def part(code: str, value: int) -> Resource:
        return {"code": {"coding": [{"system": LOINC, "code": code}]}, "valueInteger": value}

    asked, _ = linked(made, NOW)
    panel = observation("panel", "85354-9", "2031-03-02", component=[part("8480-6", 120)])
    panel["hasMember"] = [{"reference": "Observation/low"}]
    single = observation("single", "8480-6", "2031-03-03", valueInteger=999)
    alone = observation("alone", "8462-4", "2031-03-03", valueInteger=999)
    low = observation("low", "8462-4", "2031-03-02", valueInteger=80)
    found = newest(asked, [single, alone, low, panel], PERSON)
    assert {each.link_id: (known.values[0][1], known.source) for each, known in found.items()} == {
        "s": (120, "Observation/panel"), "d": (80, "Observation/low"),
    }  # fmt: skip
    found = newest(asked, [single], PERSON)
    assert {each.link_id: known.source for each, known in found.items()} == {"s": "Observation/single"}


def said(made: Form, at: str, *items: Resource, id_: str = "r") -> tuple[Resource, Form]:
    return {**response(*items, status="completed"), "id": id_, "authored": at}, made


def valid_for(value: float, code: str = "d") -> Resource:
    return lasting(VALIDITY, value, code)


def test_validity_is_inherited() -> None:
    made = form(
        item("a", extension=[valid_for(3)]),
        item("g", "group", item("b"), item("c", extension=[valid_for(5)])),
        extension=[valid_for(1)],
    )
    assert {each.link_id: value // DAY for each, value in validities(made).items()} == {"a": 3, "b": 1, "c": 5}
    assert validities(form(item("a"))) == {}
    assert validities(form(item("a", readOnly=True), extension=[valid_for(1)])) == {}


def test_the_last_answer_to_the_same_question() -> None:
    made = form(
        coded("a", "1", "integer", valid_for(10)),
        item("b", definition="urn:x#Patient.name", extension=[valid_for(10)]),
        item("c", extension=[valid_for(10)]),
        coded("d", "9", "integer", valid_for(1)),
    )
    other = form(
        coded("x", "1"),
        item("y", definition="urn:x#Patient.name"),
        item("c"),
        coded("p", "9"),
        url="urn:other",
    )
    found = last_said(
        made,
        validities(made),
        [
            said(other, "2031-03-02", answer("x", 7), answer("c", "another form's"), answer("p", 4), id_="r1"),
            said(made, "2031-03-01", answer("a", 6), answer("c", "mine"), id_="r2"),
            said(other, "2031-02-28", answer("x", 5), answer("y", "name"), id_="r3"),
            said(other, "2031-01-01", answer("x", 1), id_="r4"),
        ],
        NOW,
    )
    assert {item.link_id: (known.values[0][1], known.source[-2:]) for item, known in found.items()} == {
        "a": (7, "r1"), "b": ("name", "r3"), "c": ("mine", "r2"),
    }  # fmt: skip


def test_of_one_form_the_question_is_known_by_its_link_id() -> None:
    made = form(coded("a", "1"), coded("b", "1"), extension=[valid_for(10)])
    found = last_said(made, validities(made), [said(made, "2031-03-02", answer("b", 2))], NOW)
    assert {item.link_id: known.values[0][1] for item, known in found.items()} == {"b": 2}
    other = form(coded("x", "1"), url="urn:other")
    assert last_said(made, validities(made), [said(other, "2031-03-02", answer("x", 2))], NOW) == {}


def test_the_extension_is_the_one_that_is_published() -> None:
    assert packaged().find("StructureDefinition", VALIDITY)
    assert extension({"extension": [valid_for(1)]}, VALIDITY)
