"""What the expressions of a form see: the response, its items, variables that inherit downwards, and no more steps than
they may take together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from carethread.core.errors import Invalid
from carethread.core.fhir.fhirpath import BudgetExceeded, FhirPathEvaluationError, Purse
from carethread.core.fhir.fhirpath.element import plain
from carethread.core.ports import Resource
from carethread.questionnaires.expressions.surroundings import Spot, Surroundings
from carethread.questionnaires.expressions.variables import VARIABLE, variables_of, wrong_variables
from carethread.questionnaires.forms.form import Form
from support.answers import answer, form, item, response


def variable(name: str, text: str, language: str = "text/fhirpath") -> Resource:
    return {"url": VARIABLE, "valueExpression": {"name": name, "language": language, "expression": text}}


def asked(surroundings: Surroundings, text: str, spot: Spot | None = None) -> list[Any]:
    return [plain(each) for each in surroundings.items(text, spot or surroundings.root)]


@pytest.fixture
def made() -> Form:
    return form(
        item("n", "integer"),
        item(
            "group",
            "group",
            item("a", "integer", extension=[variable("mine", "%context.answer.value"), variable("both", "%mine + %n")]),
            item("b", "integer"),
            extension=[variable("n", "%n * 10")],
        ),
        extension=[variable("n", "%resource.item.where(linkId = 'n').answer.value"), variable("twice", "%n * 2")],
    )


@pytest.fixture
def given() -> Resource:
    return response(answer("n", 2), answer("group", inner=[answer("a", 5)]))


def test_what_is_given_by_name(made: Form, given: Resource) -> None:
    here = Surroundings(made, given)
    group = here.root.inside(made.items["group"], given["item"][1])
    a = group.inside(made.items["a"], given["item"][1]["item"][0])
    assert asked(here, "%resource.item.count()") == [2]
    assert asked(here, "%questionnaire.item.linkId") == ["n", "group"]
    assert asked(here, "%qitem") == []
    assert asked(here, "%qitem.linkId", a) == ["a"]
    assert asked(here, "%context.answer.value", a) == [5]
    assert asked(here, "answer.value", a) == [5]
    assert asked(here, "%context.status") == ["completed"]


def test_variables_inherit_downwards_and_may_be_shadowed(made: Form, given: Resource) -> None:
    here = Surroundings(made, given)
    group = here.root.inside(made.items["group"], given["item"][1])
    a = group.inside(made.items["a"], given["item"][1]["item"][0])
    assert asked(here, "%n | %twice") == [2, 4]
    assert asked(here, "%n", group) == [20]
    assert asked(here, "%mine | %both | %twice", a) == [5, 25, 4]
    with pytest.raises(FhirPathEvaluationError):
        asked(here, "%mine", group)


def test_what_is_not_answered_is_empty(made: Form) -> None:
    here = Surroundings(made, response(status="in-progress"))
    a = here.root.inside(made.items["group"]).inside(made.items["a"])
    assert asked(here, "%n | %twice | %mine | %both", a) == []
    assert asked(here, "%context.linkId", a) == ["a"]
    assert here.holds("%context.answer.empty()", a)
    assert not here.holds("%context.answer.value > 3", a)


def test_a_variable_sees_those_before_it_only() -> None:
    made = form(item("x"), extension=[variable("early", "%late"), variable("late", "1")])
    with pytest.raises(FhirPathEvaluationError):
        asked(Surroundings(made, response()), "%early")


def test_a_variable_is_worked_out_once_until_the_response_is_another(made: Form, given: Resource) -> None:
    here = Surroundings(made, given)
    assert asked(here, "%twice") == [4]
    given["item"][0]["answer"][0]["valueInteger"] = 3
    assert asked(here, "%twice") == [4]
    here.forget()
    assert asked(here, "%twice") == [6]


def test_names_of_variables() -> None:
    twice = {"extension": [variable("a", "1"), variable("a", "2"), variable("qitem", "3"), variable("", "4")]}
    found = [(each.code, each.expression) for each in wrong_variables(twice, "Questionnaire.item[3]")]
    place = "Questionnaire.item[3].extension[{}].value.name"
    assert found == [
        ("duplicate", place.format(1)),
        ("business-rule", place.format(2)),
        ("required", place.format(3)),
    ]
    with pytest.raises(Invalid):
        variables_of(twice, "Questionnaire")


def test_what_a_form_was_opened_with(made: Form) -> None:
    patient = {"resourceType": "Patient", "birthDate": "1990-01-01"}
    here = Surroundings(made, response(), launch={"patient": patient, "many": [patient, patient]})
    assert asked(here, "%patient.birthDate.toString()") == ["1990-01-01"]
    assert asked(here, "%many.count()") == [2]
    with pytest.raises(FhirPathEvaluationError):
        asked(here, "%encounter")


def test_queries_are_filled_in_and_asked() -> None:
    sent: list[str] = []

    def query(text: str) -> Resource:
        sent.append(text)
        return {"resourceType": "Bundle", "total": 3}

    language = "application/x-fhir-query"
    made = form(
        item("x", "string"),
        extension=[
            variable("found", "Observation?code={{'a b'}}&subject={{%resource.subject.reference}}", language),
            variable("none", "Observation?code={{%resource.item.answer.value}}", language),
        ],
    )
    here = Surroundings(made, response(), query=query)
    assert asked(here, "%found.total") == [3]
    assert asked(here, "%none") == []
    assert sent == ["Observation?code=a%20b&subject=Patient/p"]
    assert asked(Surroundings(made, response()), "%found") == []
    assert Surroundings(made, response()).items("x", here.root, "text/cql") == []


def test_the_clock_and_what_references_lead_to(made: Form) -> None:
    def resolve(_: str) -> Resource:
        return {"resourceType": "Patient", "gender": "other"}

    here = Surroundings(made, response(), clock=lambda: datetime(2031, 3, 3, tzinfo=UTC), resolve=resolve)
    assert asked(here, "today() = @2031-03-03") == [True]
    assert asked(here, "%resource.subject.resolve().gender") == ["other"]


def test_all_expressions_have_so_many_steps_together(made: Form, given: Resource) -> None:
    here = Surroundings(made, given, purse=Purse(1000))
    with pytest.raises(BudgetExceeded):
        for _ in range(100):
            asked(here, "%resource.descendants().count()")
