"""What is withheld leaves no trace: what is kept is what it would be had the rest never been there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.careteams.person.gathering import Gathered
from carethread.careteams.person.summary import document, page
from carethread.careteams.sharing.sensitivity import sensitive
from carethread.careteams.sharing.withholding import may_leave, own_key
from carethread.core.clock import from_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.search.dates import date_range
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from support.person import ANN, ORDINARY, SENSITIVE, condition, consent, goal, labels, permit, task

NOW = (date_range("2031-03-03T08:00:00Z") or (0, 0))[0]
BASE = "https://care.example/fhir"
PERSON = {"resourceType": "Patient", "id": "ann", "name": [{"family": "Person"}]}
MOOD = condition("mood", "F32.1", "Zzmood")


def kept(*resources: Resource, consents: tuple[Resource, ...] = (), **more: Any) -> list[str]:
    found = may_leave(resources, consents, NOW, **{"recipient": {"PractitionerRole/r"}, "base": BASE, **more})
    return [each["id"] for each in found]


def test_what_refers_to_it_stays_with_it_however_far() -> None:
    chain = [task("a", "A", focus={"reference": "Condition/mood"})]
    chain += [task(new, new, partOf=[{"reference": f"Task/{old}"}]) for old, new in ("ab", "bc")]
    assert kept(MOOD, *chain, task("d", "D")) == ["d"]
    assert kept(*chain, task("d", "D"), known=[MOOD]) == ["d"], "also where it is not to go itself"
    assert kept(MOOD, *chain, consents=(consent("c", permit("PSY", to="PractitionerRole/r")),)) == [
        "mood",
        "a",
        "b",
        "c",
    ]


@pytest.mark.parametrize("reference", ["Condition/mood", f"{BASE}/Condition/mood", "Condition/mood/_history/2"])
def test_however_it_is_referred_to(reference: str) -> None:
    assert kept(MOOD, task("t", "T", focus={"reference": reference})) == []
    assert kept(MOOD, task("t", "T", extension=[{"url": "x", "valueReference": {"reference": reference}}])) == []


def test_a_plan_about_something_else_too_only_loses_the_reference() -> None:
    sugar = condition("sugar", "E11.9", "Diabetes")
    both: list[Resource] = [{"reference": "Condition/mood"}, {"reference": "Condition/sugar"}]
    plan: Resource = {
        "resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan", "subject": ANN,
        "title": "Walking", "addresses": both,
        "activity": [{"reference": {"reference": "Task/t"}}, {"detail": {"status": "scheduled"}}],
    }  # fmt: skip
    found = may_leave([MOOD, sugar, plan, task("t", "T", focus=both[0])], (), NOW, recipient=())
    assert [each["id"] for each in found] == ["sugar", "plan"]
    assert found[1]["addresses"] == both[1:]
    assert found[1]["activity"] == [{"detail": {"status": "scheduled"}}]
    assert kept(MOOD, goal("g", "Walk", addresses=both[:1])) == []
    assert plan["addresses"] == both, "what was given is as it was"


def test_what_says_its_name_stays_with_it() -> None:
    labelled = condition("c", "R53", "Burnt out", meta={"security": labels("PSY")}, identifier=[{"value": "K-17"}])
    named = [
        task("text", "She is burnt-out"),
        task("code", "x", reasonCode={"coding": [{"system": labelled["code"]["coding"][0]["system"], "code": "R53"}]}),
        task("identifier", "x", focus={"identifier": {"value": "K-17"}}),
    ]
    assert kept(labelled, *named, task("other", "Burn the letters")) == ["other"]


def test_the_question_of_an_observation_is_no_name() -> None:
    pressure = {"resourceType": "Observation", "status": "final", "code": {"text": "Blood pressure"}, "subject": ANN}
    labelled = {**pressure, "id": "one", "meta": {"security": labels("PRS")}}
    assert kept(labelled, {**pressure, "id": "two"}) == ["two"]


def test_who_may_see_without_consent() -> None:
    assert kept(MOOD, free={"psychiatric"}) == ["mood"]
    assert kept(MOOD, free={"substance-use"}) == []


def gathered(*resources: Resource) -> Gathered:
    rest = sorted((each for each in resources if each["resourceType"] != "Consent"), key=own_key)
    return Gathered(PERSON, frozenset({"ann"}), BASE, NOW, rest, [])


def context() -> Context:
    return Context(new_id=lambda: "0190c5a4-0000-7000-8000-000000000000", clock=lambda: from_micros(NOW))


_some = st.lists(st.sampled_from(ORDINARY), unique_by=lambda each: str(own_key(each)))
_secret = st.lists(st.sampled_from(SENSITIVE), unique_by=lambda each: str(own_key(each)))
DIRECT = [each for each in SENSITIVE if sensitive(each)]


@given(_some, _secret, st.sampled_from(["transfer", "about-me"]))
def test_no_document_tells_whether_there_was_more(some: list[Resource], secret: list[Resource], kind: str) -> None:
    """Those that only refer to something sensitive are given together with that."""
    more = {str(own_key(each)): each for each in [*some, *secret, *DIRECT]}.values()
    with_it, without = gathered(*more), gathered(*some)
    made = document(with_it, kind=kind, author="", recipient="PractitionerRole/r", context=context())
    assert made == document(without, kind=kind, author="", recipient="PractitionerRole/r", context=context())
    said = json.render(made).lower()
    assert b"zz" not in said and b"secret" not in said
    assert page(with_it, recipient="", context=context()) == page(without, recipient="", context=context())
    assert [issue for issue in validate(made) if issue.severity == "error"] == []


@given(
    st.lists(st.sampled_from([*ORDINARY, *SENSITIVE]), unique_by=lambda each: str(own_key(each))),
    st.permutations(range(4)),
)
def test_the_order_does_not_matter(some: list[Resource], order: list[int]) -> None:
    turned = [each for start in order for each in some[start::4]]
    first = may_leave(some, (), NOW, recipient=(), base=BASE)
    second = may_leave(turned, (), NOW, recipient=(), base=BASE)
    assert sorted(map(str, map(own_key, first))) == sorted(map(str, map(own_key, second)))
