"""What a response says of somebody's care, by what its form marks."""

from __future__ import annotations

import pytest

from carethread.core.fhir.fhirpath.functions.weights import ITEM_WEIGHT
from carethread.core.ports import Resource
from carethread.questionnaires.feedback.heard import RATED, Heard, heard
from carethread.questionnaires.feedback.marking import FEEDBACK
from carethread.questionnaires.feedback.telling import ANSWER, answer_task
from carethread.questionnaires.forms.faults import faults_of
from carethread.questionnaires.scoring.anonymous import ANONYMOUS_FROM
from carethread.questionnaires.scoring.calculating import calculated
from support.answers import answer, code, form, item, questionnaire, response
from support.instruments import answering, shipped


def mark(kind: str, **bounds: float) -> Resource:
    """`mark("low-score", to=3)`, `mark("low-score", least=3)`."""
    names = {"least": "from", "to": "to"}
    return {
        "url": FEEDBACK,
        "extension": [
            {"url": "kind", "valueCode": kind},
            *({"url": names[name], "valueDecimal": number} for name, number in bounds.items()),
        ],
    }


def weighs(text: str, number: float, *marks: Resource) -> Resource:
    return {"extension": [{"url": ITEM_WEIGHT, "valueDecimal": number}, *marks], "valueCoding": code(text)}


def kinds(name: str, **picks: int) -> tuple[str, ...]:
    made = shipped(name)
    return heard(made, calculated(made, answering(made, picks))).kinds


@pytest.mark.parametrize(("overall", "low"), [(0, True), (6, True), (7, False), (10, False)])
def test_a_visit_is_low_up_to_six(overall: int, low: bool) -> None:
    assert kinds("visit-experience", overall=overall) == (("low-score",) if low else ())


@pytest.mark.parametrize("question", ["listened", "explained", "respected", "time"])
def test_not_at_all_is_low_whatever_the_rest(question: str) -> None:
    assert kinds("visit-experience", overall=10, **{question: 3}) == ("low-score",)
    assert kinds("visit-experience", overall=10, **{question: 2}) == ()


@pytest.mark.parametrize(
    ("picks", "low"), [((4, 4, 5), True), ((5, 5, 4), False), ((9, 9, 9), False), ((0, 0, 0), True)]
)
def test_collaborate_is_low_below_half(picks: tuple[int, int, int], low: bool) -> None:
    given = dict(zip(("understand", "listen", "include"), picks, strict=True))
    assert bool(kinds("collaborate", **given)) == low


@pytest.mark.parametrize(("pick", "low"), [(0, False), (2, False), (3, True), (4, True)])
def test_trust_is_low_where_somebody_disagrees(pick: int, low: bool) -> None:
    given = dict.fromkeys(("empathy", "communication", "transparency", "honesty"), pick)
    assert bool(kinds("trust", **given)) == low


def test_the_pulse_of_staff_is_nobodys_feedback() -> None:
    assert kinds("staff-pulse", worn=4) == ()


FORM = form(
    item("n", "integer", extension=[mark("low-score", to=2), mark("complaint", least=9)]),
    item("c", "choice", answerOption=[weighs("good", 3), weighs("bad", 0, mark("complaint"))]),
    item("w", "choice", answerOption=[weighs("good", 3), weighs("bad", 0)], extension=[mark("low-score", to=1)]),
    item("call", "boolean", extension=[mark("contact-wanted", least=1)]),
    item("words", "text", extension=[mark("comment")]),
    item("who", "reference", extension=[mark("about")]),
    item("plain", "integer"),
)


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        ({}, ()),
        ({"n": {"valueInteger": 2}}, ("low-score",)),
        ({"n": {"valueInteger": 3}}, ()),
        ({"n": {"valueInteger": 9}}, ("complaint",)),
        ({"c": {"valueCoding": code("bad")}}, ("complaint",)),
        ({"c": {"valueCoding": code("good")}}, ()),
        ({"w": {"valueCoding": code("bad")}}, ("low-score",)),
        ({"call": {"valueBoolean": True}, "n": {"valueInteger": 0}}, ("low-score", "contact-wanted")),
        ({"call": {"valueBoolean": False}}, ()),
        ({"plain": {"valueInteger": 0}}, ()),
    ],
)
def test_numbers_weights_and_options(given: dict[str, Resource], kinds: tuple[str, ...]) -> None:
    answers = [answer(link, value) for link, value in given.items()]
    assert heard(FORM, response(*answers)).kinds == kinds


def test_comments_and_whom_it_is_about() -> None:
    said = response(
        answer("words", {"valueString": "  It was loud. "}),
        answer("who", {"valueReference": {"reference": "Practitioner/1"}}),
    )
    rated = {"url": RATED, "valueReference": {"reference": "PractitionerRole/2"}}
    other = {"url": RATED, "valueReference": {"reference": "Patient/3"}}
    found = heard(FORM, {**said, "extension": [rated, other]})
    assert found == Heard((), ("It was loud.",), ("PractitionerRole/2", "Practitioner/1"))
    assert heard(FORM, response(answer("words", {"valueString": "   "}))) == Heard()


def test_what_is_said_without_a_name_names_nobody() -> None:
    nameless = form(*FORM.raw["item"], extension=[{"url": ANONYMOUS_FROM, "valuePositiveInt": 11}])
    said = response(answer("n", 0), encounter={"reference": "Encounter/1"})
    for asked, members in ((FORM, {"for", "encounter"}), (nameless, set[str]())):
        made = answer_task("t", ANSWER, heard(asked, said), said, "r", 0)
        assert made.keys() & {"for", "encounter", "requester"} == members
        assert made["focus"] == {"reference": "QuestionnaireResponse/r"}


def test_a_tag_says_it_without_a_form() -> None:
    tag = {"system": "https://carethread.dev/fhir/CodeSystem/feedback-kind", "code": "complaint"}
    assert heard(None, {**response(), "meta": {"tag": [tag]}}).kinds == ("complaint",)
    assert heard(None, response()) == Heard()


WRONG: list[tuple[Resource, str]] = [
    (item("a", "integer", extension=[mark("low-score")]), "from, to"),
    (item("a", "text", extension=[mark("low-score", to=2)]), "mark the options"),
    (item("a", "choice", options="x y", extension=[mark("complaint", least=1)]), "mark the options"),
    (item("a", "integer", extension=[mark("comment")]), "comment is a question of"),
    (item("a", "text", extension=[mark("comment", to=1)]), "neither from nor to"),
    (item("a", "text", extension=[mark("about")]), "about is a question of"),
    (item("a", "choice", answerOption=[weighs("x", 1, mark("low-score", to=1))]), "by itself"),
    (item("a", "choice", answerOption=[weighs("x", 1, mark("comment"))]), "by itself"),
]


@pytest.mark.parametrize(("wrong", "told"), WRONG, ids=[str(n) for n in range(len(WRONG))])
def test_a_mark_that_finds_nothing_is_a_fault_of_the_form(wrong: Resource, told: str) -> None:
    (issue,) = faults_of(questionnaire(wrong))
    assert told in (issue.diagnostics or "")
    assert (issue.expression or "").startswith("Questionnaire.item[0]")


def test_a_form_that_marks_well_has_no_fault() -> None:
    assert not list(faults_of(FORM.raw))
