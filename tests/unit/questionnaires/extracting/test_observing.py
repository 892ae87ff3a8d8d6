"""Observation-based extraction, rule by rule: http://hl7.org/fhir/uv/sdc/extraction.html#observation-based-extraction."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from carethread.questionnaires.extracting import marks
from carethread.questionnaires.extracting.extracted import extract, extracted, uuid_of
from carethread.questionnaires.extracting.making import MOST_ENTRIES
from carethread.questionnaires.forms.form import read
from support.extracting import (
    answered,
    category,
    coding,
    form,
    observation_extract,
    question,
    response,
    unit,
)

MARK = observation_extract()


def bundle(asked: Resource, said: Resource) -> Resource:
    return extracted(read(asked), said)


def observations(asked: Resource, said: Resource) -> list[Resource]:
    """The Observations of a transaction, all of which are valid."""
    made = bundle(asked, said)
    assert made.get("type") == "transaction", made
    found = [each["resource"] for each in made["entry"]]
    assert [str(issue) for each in found for issue in validate(each) if issue.severity == "error"] == []
    assert found[-1]["resourceType"] == "Provenance"
    return found[:-1]


def one(asked: Resource, said: Resource) -> Resource:
    (found,) = observations(asked, said)
    return found


def test_all_that_is_copied_from_the_response() -> None:
    said = response(
        answered("q", 4),
        basedOn=[{"reference": "CarePlan/c"}],
        partOf=[{"reference": "Procedure/p"}, {"reference": "Observation/o"}],
        encounter={"reference": "Encounter/e"},
    )
    assert one(form(question("q", "integer", MARK, category("survey"), code="1-8")), said) == {
        "resourceType": "Observation",
        "basedOn": [{"reference": "CarePlan/c"}],
        "partOf": [{"reference": "Procedure/p"}],
        "status": "final",
        "category": [category("survey")["valueCodeableConcept"]],
        "code": {"coding": [coding("1-8")]},
        "subject": {"reference": "Patient/ann"},
        "encounter": {"reference": "Encounter/e"},
        "effectiveDateTime": "2031-03-03T08:00:00Z",
        "issued": "2031-03-03T08:00:00Z",
        "performer": [{"reference": "Patient/ann"}],
        "derivedFrom": [{"reference": "QuestionnaireResponse/r1"}],
        "valueInteger": 4,
    }


@pytest.mark.parametrize(
    ("type_name", "answer", "value"),
    [
        ("boolean", {"valueBoolean": False}, {"valueBoolean": False}),
        ("integer", {"valueInteger": 0}, {"valueInteger": 0}),
        ("decimal", {"valueDecimal": 1.5}, {"valueQuantity": {"value": 1.5}}),
        ("date", {"valueDate": "2031-01"}, {"valueDateTime": "2031-01"}),
        ("dateTime", {"valueDateTime": "2031-01-02"}, {"valueDateTime": "2031-01-02"}),
        ("time", {"valueTime": "08:00:00"}, {"valueTime": "08:00:00"}),
        ("string", {"valueString": "so"}, {"valueString": "so"}),
        ("url", {"valueUri": "https://example.org"}, {"valueString": "https://example.org"}),
        ("choice", {"valueCoding": coding("LA1")}, {"valueCodeableConcept": {"coding": [coding("LA1")]}}),
        ("quantity", {"valueQuantity": {"value": 2, "unit": "mg"}}, {"valueQuantity": {"value": 2, "unit": "mg"}}),
    ],
)
def test_the_value_by_the_type_of_the_answer(type_name: str, answer: Resource, value: Resource) -> None:
    made = one(form(question("q", type_name, MARK, code="1-8")), response(answered("q", answer)))
    assert {name: each for name, each in made.items() if name.startswith("value")} == value


@pytest.mark.parametrize("number", [{"valueInteger": 70}, {"valueDecimal": 70.5}])
def test_a_unit_makes_a_quantity(number: Resource) -> None:
    made = one(form(question("q", "decimal", MARK, unit("kg"), code="29463-7")), response(answered("q", number)))
    value = next(iter(number.values()))
    system = "http://unitsofmeasure.org"
    assert made["valueQuantity"] == {"value": value, "unit": "kg", "system": system, "code": "kg"}


def test_what_has_no_code_no_mark_or_no_answer_gives_nothing() -> None:
    asked = form(question("coded", code="1-8"), question("marked", "string", MARK), question("open", "string", MARK))
    made = bundle(asked, response(answered("coded", "a"), answered("marked", "b")))
    assert (made["resourceType"], made["issue"][0]["severity"]) == ("OperationOutcome", "information")


def test_a_mark_holds_for_all_below_until_another_says_no() -> None:
    inner = question("no", "group", observation_extract(False), item=[question("c", "string", code="3-8")])
    group = question("g", "group", item=[question("b", "string", code="2-8"), inner])
    asked = form(question("a", "string", code="1-8"), group, extension=(MARK,))
    said = response(
        answered("a", "1"), answered("g", item=(answered("b", "2"), answered("no", item=(answered("c", "3"),))))
    )
    assert [each["valueString"] for each in observations(asked, said)] == ["1", "2"]


def test_marked_codes_are_taken_alone() -> None:
    codes = [coding("1-8"), coding("2-8", extension=[MARK]), coding("3-8")]
    asked = form(question("q", "string", MARK) | {"code": codes})
    assert one(asked, response(answered("q", "x")))["code"] == {"coding": [coding("2-8")]}
    without = form(question("q") | {"code": codes})
    assert one(without, response(answered("q", "x")))["code"] == {"coding": [coding("2-8")]}
    refused = [coding("1-8"), coding("2-8", extension=[observation_extract(False)])]
    asked = form(question("q", "string", MARK) | {"code": refused})
    assert one(asked, response(answered("q", "x")))["code"] == {"coding": [coding("1-8")]}


def test_categories_are_the_nearest() -> None:
    items = [question("a", "string", code="1-8"), question("b", "string", category("exam"), code="2-8")]
    group = question("g", "group", category("survey"), category("social-history"), item=items)
    asked = form(group, question("c", "string", code="3-8"), extension=(MARK, category("procedure")))
    said = response(answered("g", item=(answered("a", "x"), answered("b", "x"))), answered("c", "x"))
    found = [[each["coding"][0]["code"] for each in made["category"]] for made in observations(asked, said)]
    assert found == [["survey", "social-history"], ["exam"], ["procedure"]]


def test_each_of_several_answers_is_an_observation() -> None:
    asked = form(question("q", "integer", MARK, code="1-8", repeats=True))
    made = observations(asked, response(answered("q", 1, 2)))
    assert [each["valueInteger"] for each in made] == [1, 2]


def panel(relation: bool | str) -> Resource:
    parts = [question("sys", "integer", code="8480-6"), question("dia", "integer", code="8462-4")]
    return form(question("bp", "group", MARK, code="85354-9", item=[
        {**part, "extension": [observation_extract(relation)]} for part in parts
    ]))  # fmt: skip


SAID = response(answered("bp", item=(answered("sys", 120), answered("dia", 80))))


def test_components() -> None:
    made = one(panel("component"), SAID)
    assert made["code"] == {"coding": [coding("85354-9")]}
    assert [each["valueInteger"] for each in made["component"]] == [120, 80]


def test_members() -> None:
    made = bundle(panel("member"), SAID)["entry"]
    assert made[0]["resource"]["hasMember"] == [{"reference": made[1]["fullUrl"]}, {"reference": made[2]["fullUrl"]}]
    assert "valueInteger" not in made[0]["resource"]


@pytest.mark.parametrize("relation", [True, "independent"])
def test_independent_ones_leave_no_empty_group(relation: bool | str) -> None:
    assert [each["valueInteger"] for each in observations(panel(relation), SAID)] == [120, 80]


def test_derived_from_the_observation_above() -> None:
    inner = question("score", "integer", observation_extract("derived"), code="2-8")
    asked = form(question("q", "integer", MARK, code="1-8", item=[inner]))
    below = {"valueInteger": 3, "item": [answered("score", 9)]}
    made = bundle(asked, response(answered("q", below)))["entry"]
    assert made[1]["resource"]["derivedFrom"][1] == {"reference": made[0]["fullUrl"]}


def test_a_member_of_which_nothing_is_said_is_not_referred_to() -> None:
    empty = question("inner", "group", observation_extract("member"), code="3-8", item=[question("x", code="4-8")])
    group = question(
        "g",
        "group",
        MARK,
        code="1-8",
        item=[question("q", "integer", observation_extract("member"), code="2-8"), empty],
    )
    said = response(answered("g", item=(answered("q", 1), answered("inner", item=(answered("x"),)))))
    made = bundle(form(group), said)["entry"]
    assert made[0]["resource"]["hasMember"] == [{"reference": made[1]["fullUrl"]}]


def test_each_repetition_of_a_group_is_its_own() -> None:
    group = panel("component")["item"][0] | {"repeats": True}
    twice = [answered("bp", item=(answered("sys", number),)) for number in (120, 130)]
    made = bundle(form(group), response(*twice))["entry"]
    assert [each["resource"]["component"][0]["valueInteger"] for each in made[:2]] == [120, 130]
    assert made[0]["fullUrl"] != made[1]["fullUrl"]


def test_whom_a_group_is_about() -> None:
    about = question("who", "reference", {"url": marks.SUBJECT, "valueBoolean": True})
    group = question("child", "group", item=[question("weight", "integer", MARK, code="1-8"), about])
    asked = form(group, question("own", "integer", MARK, code="2-8"))
    who = {"valueReference": {"reference": "Patient/child"}}
    said = response(answered("child", item=(answered("weight", 9), answered("who", who))), answered("own", 1))
    assert [each["subject"]["reference"] for each in observations(asked, said)] == ["Patient/child", "Patient/ann"]


def test_where_an_observation_stands_in_the_transaction() -> None:
    said = {
        "fullUrl": "'urn:uuid:6f6177d2-13ee-4d27-b0e8-3eaf663dd031'",
        "ifNoneExist": "'identifier=' + %resource.id",
    }
    mark = {"url": marks.OBSERVATION_ENTRY, "extension": [{"url": k, "valueString": v} for k, v in said.items()]}
    entry = bundle(form(question("q", "integer", MARK, mark, code="1-8")), response(answered("q", 1)))["entry"][0]
    assert entry["fullUrl"] == "urn:uuid:6f6177d2-13ee-4d27-b0e8-3eaf663dd031"
    assert entry["request"] == {"method": "POST", "url": "Observation", "ifNoneExist": "identifier=r1"}
    named = {"url": marks.OBSERVATION_ENTRY, "extension": [{"url": "resourceId", "valueString": "'known'"}]}
    entry = bundle(form(question("q", "integer", MARK, named, code="1-8")), response(answered("q", 1)))["entry"][0]
    assert entry["request"] == {"method": "PUT", "url": "Observation/known"}


def test_who_answers_may_be_a_device() -> None:
    made = one(
        form(question("q", "integer", MARK, code="1-8")), response(answered("q", 1), author={"reference": "Device/d"})
    )
    assert ("performer" in made, made["device"]) == (False, {"reference": "Device/d"})


def test_a_day_is_no_instant() -> None:
    made = one(form(question("q", "integer", MARK, code="1-8")), response(answered("q", 1), authored="2031-03-03"))
    assert (made["effectiveDateTime"], "issued" in made) == ("2031-03-03", False)


def test_whom_no_observation_is_about() -> None:
    made = bundle(
        form(question("q", "integer", MARK, code="1-8")),
        response(answered("q", 1), subject={"reference": "Practitioner/p"}),
    )
    assert (made["resourceType"], made["issue"][0]["expression"]) == (
        "OperationOutcome",
        ["QuestionnaireResponse.subject"],
    )


def test_what_no_value_is_and_what_may_mean_another_thing_is_told() -> None:
    asked = form(
        question("file", "attachment", MARK, code="1-8"),
        question("q", "integer", MARK, code="2-8"),
        question("r", "integer", MARK, code="3-8"),
    )
    modified = answered("r", 2) | {"modifierExtension": [{"url": "https://example.org/not", "valueBoolean": True}]}
    made = bundle(
        asked,
        response(answered("file", {"valueAttachment": {"url": "https://example.org/f"}}), answered("q", 1), modified),
    )
    given = {part["name"]: part["resource"] for part in made["parameter"]}
    assert len(given["return"]["entry"]) == 2
    assert [(each["severity"], each["expression"]) for each in given["issues"]["issue"]] == [
        ("warning", ["QuestionnaireResponse.item[0].answer[0]"]),
        ("warning", ["QuestionnaireResponse.item[2].modifierExtension"]),
    ]
    whole = response(answered("q", 1), modifierExtension=[{"url": "https://example.org/not", "valueBoolean": True}])
    assert bundle(asked, whole)["issue"][0]["code"] == "not-supported"


def test_the_provenance_leads_both_ways() -> None:
    made = bundle(form(question("q", "integer", MARK, code="1-8")), response(answered("q", 1)))["entry"]
    told: dict[str, Any] = made[-1]["resource"]
    assert told["target"] == [{"reference": made[0]["fullUrl"]}]
    assert told["entity"] == [{"role": "source", "what": {"reference": "QuestionnaireResponse/r1"}}]
    assert [each["type"]["coding"][0]["code"] for each in told["agent"]] == ["assembler", "author"]


def test_more_than_is_made_of_one_response() -> None:
    asked = form(question("q", "integer", MARK, code="1-8", repeats=True))
    made = bundle(asked, response(answered("q", *range(MOST_ENTRIES + 1))))
    assert made["issue"][0]["code"] == "too-costly"


PART = question("part", "integer", observation_extract("component"), code="3-8", repeats=True)
WORRIES = form(
    question("q", "integer", MARK, code="1-8", repeats=True),
    question("g", "group", MARK, code="2-8", item=[PART]),
    question("s", "integer", MARK, code="4-8"),
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_same_answers_in_any_order_and_number_are_the_same_observations(data: st.DataObject) -> None:
    answers = data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=6))
    again = data.draw(st.permutations([*answers, *data.draw(st.lists(st.sampled_from(answers), max_size=4))]))
    first = [answered("q", *answers), answered("g", item=(answered("part", *answers),)), answered("s", 1)]
    second = [answered("q", *again), answered("g", item=(answered("part", *again),)), answered("s", 1)]

    def made(items: list[Resource]) -> dict[str, Any]:
        asked = extract(read(WORRIES), response(*items), uuid_of("r1"))
        return {each.full_url: _in_order(each.resource) for each in asked.entries}

    assert made(first) == made(data.draw(st.permutations(second)))


def _in_order(observation: Resource) -> Resource:
    parts = sorted(observation.get("component", ()), key=lambda part: part["valueInteger"])
    return {**observation, **({"component": parts} if parts else {})}
