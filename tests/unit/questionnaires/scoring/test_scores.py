"""What a form says of its scores, read from its data; and what a response has of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from carethread.core.ports import Resource
from carethread.questionnaires.scoring.anonymous import is_anonymous, named, shown_from
from carethread.questionnaires.scoring.scores import SCORE, results, scores_of
from support.answers import answer, code, form, item, response
from support.instruments import answering, shipped


def score(total: str, *items: str, **more: Any) -> Resource:
    parts = [{"url": "total", "valueString": total}, *({"url": "item", "valueString": each} for each in items)]
    said = [{"url": name, next(iter(value)): value[next(iter(value))]} for name, value in more.items()]
    return {"url": SCORE, "extension": [*parts, *said]}


def test_one_that_names_no_item_is_left_out() -> None:
    made = form(item("a", "integer"), extension=[score("gone", "a"), score("a", "a")])
    assert [each.total.link_id for each in scores_of(made)] == ["a"]


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("integer", answer("t", 4), 4),
        ("decimal", answer("t", 2.5), Decimal("2.5")),
        ("quantity", answer("t", {"value": 7, "unit": "d"}), 7),
        ("boolean", answer("t", True), 1),
        ("boolean", answer("t", False), 0),
        ("choice", answer("t", code("x")), 3),
        ("choice", answer("t", code("y")), None),
        ("choice", answer("t", code("x", "urn:other")), None),
        ("string", answer("t", "5"), None),
        ("integer", answer("t"), None),
    ],
)
def test_the_value_of_a_total(kind: str, given: Resource, value: Any) -> None:
    weight = {"url": "http://hl7.org/fhir/StructureDefinition/itemWeight", "valueDecimal": 3}
    options = [{"extension": [weight], "valueCoding": code("x")}, {"valueCoding": code("y")}]
    made = form(
        item("a", "integer"),
        item("t", kind, **({"answerOption": options} if kind == "choice" else {})),
        extension=[score("t", "a", minimum={"valuePositiveInt": 1})],
    )
    found = results(made, response(answer("a", 1), given))[0]
    assert (found.answered, found.value) == (1, value)


def test_bands_are_what_the_form_says() -> None:
    phq = scores_of(shipped("phq-9"))[0]
    assert (phq.minimum, phq.direction, phq.reliable) == (9, "lower-better", Decimal(6))
    assert (phq.band(Decimal(9)) or {})["code"] == "mild"
    assert phq.band(Decimal(28)) is None


def test_a_form_without_scores_has_none() -> None:
    note = shipped("visit-note")
    assert scores_of(note) == () and results(note, response()) == []


def test_the_pulse_of_staff_is_anonymous() -> None:
    pulse = shipped("staff-pulse")
    assert (is_anonymous(pulse), shown_from(pulse)) == (True, 11)
    assert named(pulse, answering(pulse, {"worn": 0}, subject={"reference": "Organization/heart"})) == []
    told = answering(pulse, {"worn": 0}, author={"reference": "Practitioner/x"}, source={"reference": "Practitioner/x"})
    assert [each.expression for each in named(pulse, told)] == [
        "QuestionnaireResponse.author", "QuestionnaireResponse.source", "QuestionnaireResponse.subject",
    ]  # fmt: skip
    assert named(shipped("phq-9"), told) == []


@pytest.mark.parametrize(
    ("place", "more"),
    [
        ("encounter", {"encounter": {"reference": "Encounter/1"}}),
        ("basedOn", {"basedOn": [{"reference": "ServiceRequest/1"}]}),
        ("partOf", {"partOf": [{"reference": "Procedure/1"}]}),
        ("subject", {"subject": {"reference": "#p"}, "contained": [{"resourceType": "Patient", "id": "p"}]}),
        ("subject", {"subject": {"reference": "#p", "type": "Organization"}}),
        ("subject", {"subject": {"display": "Somebody"}}),
        ("subject", {"subject": {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}}),
        ("subject", {"subject": {"reference": "Organization/heart", "identifier": {"value": "7"}}}),
    ],
)
def test_nothing_leads_to_who_has_answered_without_a_name(place: str, more: dict[str, Any]) -> None:
    pulse = shipped("staff-pulse")
    told = answering(pulse, {"worn": 0}, **{"subject": {"reference": "Organization/heart"}, **more})
    assert [each.expression for each in named(pulse, told)] == [f"QuestionnaireResponse.{place}"]
