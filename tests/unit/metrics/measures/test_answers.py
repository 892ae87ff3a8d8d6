"""What people and staff answer: the SQL of each measure against a second computation on generated practices."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import strategies as st

from carethread.metrics.evaluating.counting import score
from support.facts import facts_of
from support.measured import counted, known, units_of
from support.measures import forms
from support.measures.answering import (
    DEPARTMENT,
    MOMENTS,
    PERSON,
    PRACTICE,
    STATUS,
    VISIT,
    Made,
    both_agree,
    members,
    numbered,
    reference,
)

FIRST, LAST = date(2030, 3, 1), date(2030, 3, 31)

FULLY = st.sampled_from(["fully", "mostly", "a-little", "not-at-all"])
AGREE = st.sampled_from(list(forms.TRUST))
STEP = st.sampled_from(["energy", "tired-sometimes", "wearing", "worn-out", "cannot-go-on"])
RATING = st.sampled_from([0, 6, 7, 8, 9, 10, 9, 10, -1, 11])
EFFORT = st.sampled_from([9, 9, 9, 9, 9, 8, 0, 10, -1])

QUESTIONS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "visit-experience": {**dict.fromkeys(forms.FOUR, FULLY), "overall": RATING, "recommend": RATING},
    "trust": dict.fromkeys(("empathy", "communication", "transparency", "honesty"), AGREE),
    "collaborate": dict.fromkeys(("understand", "listen", "include"), EFFORT),
    "staff-pulse": {"worn": STEP},
}
WITHOUT_A_NAME = reference("Organization/west", "CareTeam/team")


def _answer(value: Any) -> Made:
    return {"valueCoding": {"code": value}} if isinstance(value, str) else {"valueInteger": value}


def _items(answers: dict[str, Any]) -> list[Made]:
    return [{"linkId": name, "answer": [_answer(value)]} for name, value in answers.items()]


def responses(form: str) -> st.SearchStrategy[Made]:
    """Responses to a form in any version, and to others that are called alike."""
    url = forms.FORM + form
    named = st.sampled_from([url, url, url + "|1.0.0", url + "|2.0.0-draft", url + "-of-others|1.0.0"])
    questions = QUESTIONS[form]
    given_ = st.one_of(
        st.fixed_dictionaries(questions), st.fixed_dictionaries({}, optional=questions)
    ).map(_items)  # fmt: skip
    needed = {
        "resourceType": st.just("QuestionnaireResponse"),
        "status": STATUS,
        "questionnaire": named,
        "meta": st.just({"lastUpdated": "2030-03-20T08:00:00.000Z"}),
        "item": given_,
    }
    who = members(subject=WITHOUT_A_NAME, authored=MOMENTS)
    if form != "staff-pulse":
        author = reference("PractitionerRole/role", "Patient/one")
        who = members(subject=PERSON, extension=DEPARTMENT, encounter=VISIT, author=author, authored=MOMENTS)
    return st.tuples(st.fixed_dictionaries(needed), who).map(lambda both: both[0] | both[1])


CASES = [
    ("satisfaction-top-box", "visit-experience", forms.satisfaction),
    ("net-promoter", "visit-experience", forms.net_promoter),
    ("trust-score", "trust", forms.trust),
    ("shared-decision-top-score", "collaborate", forms.shared_decisions),
    ("staff-burnout-share", "staff-pulse", forms.burnout),
]


@pytest.mark.parametrize(("name", "form", "again"), CASES, ids=[name for name, _, _ in CASES])
def test_answers_are_counted_as_they_are_defined(name, form, again):
    both_agree(name, responses(form), again, FIRST, LAST)


def _response(form: str, answers: dict[str, Any], **more: Any) -> Made:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": more.pop("id", "r"),
        "status": "completed",
        "questionnaire": f"{forms.FORM}{form}|1.0.0",
        "authored": "2030-03-12T09:00:00Z",
        "item": _items(answers),
        **more,
    }


def _scores(name: str, *resources: Made) -> list[float | None]:
    with facts_of([*PRACTICE, *resources]) as facts:
        found = counted(facts, name, FIRST, LAST)
    return [score(group, each.whole) for group, each in zip(known(name).groups, found, strict=True)]


def test_each_question_has_the_share_of_those_who_answer_it():
    best: dict[str, Any] = dict.fromkeys(forms.FOUR, "fully")
    some: dict[str, Any] = {"listened": "mostly", "overall": 8}
    given_: list[dict[str, Any]] = [best | {"overall": 10}, some, {"overall": 9, **best, "time": "a-little"}]
    made = numbered([_response("visit-experience", each) for each in given_])
    assert _scores("satisfaction-top-box", *made) == [2 / 3, 2 / 3, 1, 1, 0.5, 0.875]


def test_promoters_less_detractors():
    given_ = [10, 9, 9, 8, 7, 6, 0, None]
    made = numbered(
        [_response("visit-experience", {"overall": 3} | ({} if n is None else {"recommend": n})) for n in given_]
    )
    assert _scores("net-promoter", *made) == [pytest.approx(100 / 7)]


def test_nobody_who_answered_is_no_score():
    assert _scores("trust-score", _response("trust", {"empathy": "agree"})) == [None]
    assert _scores("shared-decision-top-score", _response("collaborate", {"listen": 9})) == [None]


def test_a_day_alone_is_that_day_where_the_department_is():
    made = [
        _response("staff-pulse", {"worn": "wearing"}, id=f"{where}{day}", authored=day,
                  subject={"reference": f"Organization/{where}"})
        for where in ("east", "west", "plain") for day in ("2030-02-28", "2030-03-01", "2030-03-31", "2030-04-01")
    ]  # fmt: skip
    with facts_of([*PRACTICE, *made]) as facts:
        found = units_of(facts, "staff-burnout-share", FIRST, LAST)
    days = sorted(unit["resource"].partition("/")[2] for unit in found)
    assert days == sorted(each["id"] for each in made if each["authored"].startswith("2030-03"))


def test_staff_who_answer_without_a_name_have_none():
    made = _response("staff-pulse", {"worn": "wearing"}, subject={"reference": "CareTeam/team"},
                     encounter={"reference": "Encounter/named"})  # fmt: skip
    with facts_of([*PRACTICE, made]) as facts:
        (unit,) = units_of(facts, "staff-burnout-share", FIRST, LAST)
    assert (unit["subject"], unit["practitioner"], unit["department"]) == (None, None, "east")


def test_an_answer_on_a_visit_is_about_who_saw_the_person():
    made = [_response("trust", {}, id=each, encounter={"reference": f"Encounter/{each}"}) for each in ("named", "seen")]
    with facts_of([*PRACTICE, *made]) as facts:
        found = units_of(facts, "trust-score", FIRST, LAST)
    assert [(unit["practitioner"], unit["department"]) for unit in found] == [("doctor", "west")] * 2
