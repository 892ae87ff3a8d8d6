"""Consents: which count, whom they name, and which decision wins."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from carethread.careteams.sharing.categories import PSYCHIATRIC, SUBSTANCE
from carethread.careteams.sharing.consenting import Asked, decided, in_force, may_go
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Resource
from support.person import concept, condition, consent, deny, permit

NOW = (date_range("2031-03-03T08:00:00Z") or (0, 0))[0]
ROLE, ORG = "PractitionerRole/r", "Organization/o"
MOOD = condition("mood", "F32.1")


def asked(category: str = PSYCHIATRIC, **more: Any) -> Asked:
    return Asked(
        **{"resource": MOOD, "category": category, "recipient": {ROLE, ORG}, "purpose": "TREAT", "at": NOW, **more}
    )


def test_without_consent_only_the_ordinary_goes() -> None:
    assert not may_go(asked(), [])
    assert may_go(asked(""), [])


def reason(code: str) -> Resource:
    return {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": code}


PERMITS: dict[str, Resource] = {
    "to the role": permit("PSY", to=ROLE),
    "to the department": permit("PSY", to=ORG),
    "of behavioural health": permit("BH", to=ROLE),
    "of what is specially protected": permit("SPI", to=ROLE),
    "for treatment": permit("PSY", to=ROLE, purpose=[reason("TREAT")]),
    "to disclose": permit("PSY", to=ROLE, action=[{"coding": [{"code": "disclose"}]}]),
    "this year": permit("PSY", to=ROLE, period={"start": "2031-01-01", "end": "2031-12-31"}),
    "until today": permit("PSY", to=ROLE, period={"end": "2031-03-03"}),
    "of this resource": permit(
        "PSY", to=ROLE, data=[{"meaning": "instance", "reference": {"reference": "Condition/mood"}}]
    ),
    "of this code": permit("PSY", to=ROLE, code=[concept("x", "F32.1")]),
    "within one that names the category": permit("PSY", provision=[permit(to=ROLE)]),
}


@pytest.mark.parametrize("provision", PERMITS.values(), ids=PERMITS.keys())
def test_it_goes(provision: Resource) -> None:
    assert may_go(asked(), [consent("c", provision)])


MISSES: dict[str, Resource] = {
    "another category": permit("SUD", to=ROLE),
    "no category": permit(to=ROLE),
    "a level of confidentiality": permit(
        to=ROLE, securityLabel=[{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]
    ),
    "somebody else": permit("PSY", to="PractitionerRole/other"),
    "a group, which nobody can look into": permit("PSY", to="Group/g"),
    "only who sends": permit("PSY", actor=[{"role": concept("x", "CST"), "reference": {"reference": ROLE}}]),
    "for research": permit("PSY", to=ROLE, purpose=[reason("HRESCH")]),
    "for emergencies only": permit("PSY", to=ROLE, purpose=[reason("ETREAT")]),
    "to collect": permit("PSY", to=ROLE, action=[{"coding": [{"code": "collect"}]}]),
    "for a purpose of another code system": permit("PSY", to=ROLE, purpose=[{"system": "urn:x", "code": "TREAT"}]),
    "for a purpose of no code system": permit("PSY", to=ROLE, purpose=[{"code": "TREAT"}]),
    "over": permit("PSY", to=ROLE, period={"end": "2031-03-02"}),
    "not begun": permit("PSY", to=ROLE, period={"start": "2031-03-04"}),
    "another resource": permit(
        "PSY", to=ROLE, data=[{"meaning": "instance", "reference": {"reference": "Condition/other"}}]
    ),
    "another code": permit("PSY", to=ROLE, code=[concept("x", "F33")]),
    "a class of documents": {**permit("PSY", to=ROLE), "class": [{"code": "x"}]},
    "data of a period": permit("PSY", to=ROLE, dataPeriod={"start": "2030-01-01"}),
    "no type": {**permit("PSY", to=ROLE), "type": None},
}


@pytest.mark.parametrize("provision", MISSES.values(), ids=MISSES.keys())
def test_it_does_not_go(provision: Resource) -> None:
    assert not may_go(asked(), [consent("c", provision)])


UNCOUNTED: dict[str, Resource] = {
    "a draft": {"status": "draft"},
    "withdrawn": {"status": "inactive"},
    "entered in error": {"status": "entered-in-error"},
    "of research": {"scope": concept("x", "research")},
    "a scope of another code system": {"scope": concept("x", "patient-privacy")},
    "signed tomorrow": {"dateTime": "2031-03-04"},
    "known as unsigned": {"verification": [{"verified": False}]},
    "about something else": {"category": [concept("https://carethread.dev/fhir/CodeSystem/consent-kind", "x")]},
    "over as a whole": {"provision": {"period": {"end": "2031-03-02"}, "provision": [permit("PSY", to=ROLE)]}},
}


@pytest.mark.parametrize("members", UNCOUNTED.values(), ids=UNCOUNTED.keys())
def test_what_does_not_count(members: Resource) -> None:
    assert may_go(asked(), [consent("c", permit("PSY", to=ROLE))])
    assert not may_go(asked(), [{**consent("c", permit("PSY", to=ROLE)), **members}])


def test_one_of_several_verifications_is_enough() -> None:
    signed = consent("c", permit("PSY", to=ROLE), verification=[{"verified": False}, {"verified": True}])
    assert in_force(signed, NOW)


@pytest.mark.parametrize("order", [*permutations((permit("PSY", to=ORG), deny("PSY", to=ROLE)))])
def test_of_provisions_and_of_consents_a_refusal_wins(order: tuple[Resource, ...]) -> None:
    assert not may_go(asked(), [consent("c", *order)])
    assert not may_go(asked(), [consent(str(number), each) for number, each in enumerate(order)])


def test_an_exception_wins_over_what_it_is_in() -> None:
    assert not may_go(asked(), [consent("c", permit("PSY", to=ORG, provision=[deny(to=ROLE)]))])
    assert may_go(asked(), [consent("c", deny("PSY", provision=[permit("PSY", to=ROLE)]))])
    assert not may_go(asked(), [consent("c", deny(to="PractitionerRole/x", provision=[permit("PSY", to=ROLE)]))])


def test_a_refusal_is_met_where_nobody_can_tell() -> None:
    for unclear in (deny("PSY", to="Group/g"), {**deny("PSY"), "class": [{"code": "x"}]}):
        assert not may_go(asked(), [consent("c", permit("PSY", to=ROLE), unclear)])


def test_a_refusal_in_what_nobody_can_tell_counts() -> None:
    unclear = {"class": [{"code": "x"}], "provision": [deny("PSY", to=ROLE)]}
    for kind in ({}, {"type": "permit"}):
        signed = [consent("c", permit("PSY", to=ROLE)), consent("d", {**unclear, **kind})]
        assert not may_go(asked(), signed)


def test_what_only_another_code_system_says_refuses_still() -> None:
    signed = consent("c", permit("PSY", to=ROLE))
    for unclear in (
        {**consent("d", deny("PSY", to=ROLE)), "scope": concept("x", "patient-privacy")},
        consent("d", deny("PSY", to=ROLE, purpose=[{"system": "urn:x", "code": "TREAT"}])),
    ):
        assert not may_go(asked(), [signed, unclear])


def test_a_refusal_holds_for_all_roles_of_somebody() -> None:
    other = {"PractitionerRole/other", "Organization/elsewhere"}
    signed = consent("c", permit("PSY", to=ROLE))
    for each in sorted(other):
        assert may_go(asked(also=other), [signed])
        assert not may_go(asked(also=other), [signed, consent("d", deny("PSY", to=each))])
        assert not may_go(asked("", also=other), [consent("d", deny(to=each))])
        assert not may_go(asked(also=other), [signed, consent("d", deny(to=each, provision=[permit("PSY")]))])
        assert not may_go(asked(also=other), [signed, consent("d", permit("PSY", to=each, provision=[deny()]))])
        assert not may_go(asked(also=other), [consent("c", permit("PSY", to=each))]), "what permits names the receiver"


def test_an_absolute_reference_is_ours_under_our_base() -> None:
    base = "https://care.example/fhir"
    one = [consent("c", permit("PSY", to=f"{base}/{ROLE}"))]
    assert may_go(asked(base=base), one)
    assert not may_go(asked(base="https://other.example/fhir"), one)
    data = [{"meaning": "instance", "reference": {"reference": f"{base}/Condition/mood"}}]
    assert not may_go(asked("", base=base), [consent("c", deny(data=data))])


def test_the_ordinary_can_be_refused() -> None:
    assert not may_go(asked(""), [consent("c", deny(to=ORG))])
    assert may_go(asked(""), [consent("c", deny("PSY", to=ORG))]), "only that category was"
    assert may_go(asked(""), [consent("c", deny(to="Organization/other"))])


def test_each_category_is_asked_by_itself() -> None:
    signed = [consent("c", permit("PSY", to=ROLE))]
    assert decided(asked(PSYCHIATRIC), signed) == "permit"
    assert decided(asked(SUBSTANCE), signed) == ""


def test_what_is_more_special_is_within_a_purpose() -> None:
    signed = [consent("c", permit("PSY", to=ROLE, purpose=[reason("TREAT")]))]
    assert may_go(asked(purpose="BTG"), signed)
    assert not may_go(asked(purpose="HPAYMT"), signed)
