"""What is kept of an answer without a name: whatever is noted anywhere in it is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.context import new_id
from carethread.core.ports import Resource
from carethread.questionnaires.feedback.marking import FEEDBACK
from carethread.questionnaires.scoring.anonymous import ANONYMOUS_FROM, named, without_traces
from support.answers import answer, code, form, item, response

TRACE = "nurse-of-the-night"
FORM = form(
    item("g", "group", item("why", "choice", item("more", "text"), options="a b"), repeats=True),
    item("how", "quantity"),
    item("when", "dateTime"),
    item("what", "attachment"),
    item("whom", "reference"),
    extension=[{"url": ANONYMOUS_FROM, "valuePositiveInt": 11}],
)
GIVEN: Resource = response(
    {"linkId": "g", "item": [{"linkId": "why", "answer": [{"valueCoding": code("a"), "item": [answer("more", "x")]}]}]},
    answer("how", {"valueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "kg"}}),
    answer("when", {"valueDateTime": "2031-03"}),
    answer("what", {"valueAttachment": {"contentType": "text/plain", "data": "eA=="}}),
    answer("whom", {"valueReference": {"reference": "Organization/1"}}),
    subject={"reference": "Organization/1"},
    authored="2031-03-03",
    meta={"profile": ["https://carethread.dev/fhir/StructureDefinition/questionnaire-response"]},
)


def elements(element: Any) -> Iterator[dict[str, Any]]:
    if isinstance(element, dict):
        yield element
    for each in element.values() if isinstance(element, dict) else element if isinstance(element, list) else ():
        yield from elements(each)


NAMES = [
    "id", "extension", "modifierExtension", "display", "text", "title", "definition", "userSelected", "version", "unit",
    "language", "tag", "source", "creation", "identifier", "_linkId", "_authored", "_valueDateTime", "note",
]  # fmt: skip
COUNT = len(list(elements(GIVEN)))
notes = st.dictionaries(st.tuples(st.integers(0, COUNT - 1), st.sampled_from(NAMES)), st.booleans(), max_size=12)


@given(notes=notes)
def test_whatever_is_noted_beside_the_answers_is_not_kept(notes: dict[tuple[int, str], bool]) -> None:
    sent = deepcopy(GIVEN)
    there = list(elements(sent))
    for (place, name), whole in notes.items():
        if name not in there[place] and (place, name) != (0, "id"):
            simple = whole and not name.endswith("xtension")
            there[place][name] = TRACE if simple else [{"id": TRACE, "url": "urn:x", "valueString": TRACE}]
    kept = without_traces(FORM, sent)
    assert TRACE not in json.dumps(kept)
    assert kept == without_traces(FORM, GIVEN) == without_traces(FORM, kept)
    assert kept["item"] == GIVEN["item"], "and every answer is"


@pytest.mark.parametrize(
    ("security", "kept"),
    [
        (
            [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R", "display": TRACE}],
            ["R"],
        ),
        ([{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": TRACE}], []),
        ([{"system": "urn:x", "code": "R"}, {"code": "R"}], []),
    ],
)
def test_of_labels_how_confidential_it_is(security: list[Resource], kept: list[str]) -> None:
    found = without_traces(FORM, {**GIVEN, "meta": {**GIVEN["meta"], "security": security}})["meta"]
    assert [each["code"] for each in found.get("security", ())] == kept and TRACE not in str(found)


def test_a_department_is_kept_by_its_reference_and_nobody_else() -> None:
    url = "https://carethread.dev/fhir/StructureDefinition/department"
    said = [
        {"url": url, "valueReference": {"reference": who, "display": TRACE}}
        for who in ("Practitioner/1", "Organization/1")
    ]
    kept = without_traces(FORM, {**GIVEN, "extension": [*said, {"url": url, "valueReference": {"display": TRACE}}]})
    assert kept["extension"] == [{"url": url, "valueReference": {"reference": "Organization/1"}}]


def test_a_coding_that_is_only_words_is_the_answer() -> None:
    words = answer("why", {"valueCoding": {"display": "whatever"}})
    assert without_traces(FORM, {**GIVEN, "item": [words]})["item"] == [words]


def test_an_id_is_of_chance() -> None:
    assert named(FORM, GIVEN, new_id()) == named(FORM, GIVEN) == []
    for id_ in ("ann", "4b6b0a52-5f0c-1c11-9f8e-0d5b8b3cf5a1", "4b6b0a52-5f0c-5c11-9f8e-0d5b8b3cf5a1"):
        assert [each.expression for each in named(FORM, GIVEN, id_)] == ["QuestionnaireResponse.id"]


def expressions(subject: Resource, whom: Resource, **more: Any) -> list[str]:
    asked = item("whom", "reference", **more)
    made = form(item("g", "group", asked), extension=FORM.raw["extension"])
    given = response({"linkId": "g", "item": [answer("whom", {"valueReference": whom})]}, subject=subject)
    return [str(each.expression).partition(".")[2] for each in named(made, given)]


PLACE = "item[0].item[0].answer[0].value"
SOMEBODY = [
    "Patient/x", "Practitioner/x", "PractitionerRole/x", "RelatedPerson/x", "Person/x", "Encounter/x", "Appointment/x",
    "EpisodeOfCare/x", "Task/x", "Coverage/x", "Account/x", "Device/x", "QuestionnaireResponse/x", "Group/x", "x",
    "#x", "https://ehr.example/fhir/Patient/x", "urn:uuid:4b6b0a52-5f0c-4c11-9f8e-0d5b8b3cf5a1",
]  # fmt: skip


@pytest.mark.parametrize("whom", SOMEBODY)
def test_nothing_refers_to_what_may_lead_to_somebody(whom: str) -> None:
    clinic = {"reference": "Organization/1"}
    assert expressions({"reference": whom}, clinic) == ["subject"]
    assert expressions(clinic, {"reference": whom}) == [PLACE]
    assert expressions(clinic, {"display": whom}) == expressions(clinic, {"reference": "#x", **TYPED}) == [PLACE]


TYPED = {"type": "Organization"}


def test_departments_and_teams_are_nobody_and_an_answer_may_be_a_place() -> None:
    for group in ("Organization/1", "CareTeam/1", "https://ehr.example/fhir/CareTeam/1"):
        assert expressions({"reference": group}, {"reference": group}) == []
    for place in ("Location/1", "HealthcareService/1"):
        assert expressions({"reference": place}, {"reference": place}) == ["subject"]


def test_whom_of_the_staff_it_is_about_is_an_answer_where_the_form_asks_for_it() -> None:
    clinic = {"reference": "Organization/1"}
    mark = {"url": FEEDBACK, "extension": [{"url": "kind", "valueCode": "about"}]}
    assert expressions(clinic, {"reference": "Practitioner/1"}, extension=[mark]) == []
    assert expressions(clinic, {"reference": "Patient/1"}, extension=[mark]) == [PLACE]
