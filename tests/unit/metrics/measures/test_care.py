"""Measures of care: hand-offs, plans, contacts, messages and who answers, each beside its second computation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.measures import (
    care_team_accountability,
    hand_off_closure,
    notification_delivery,
    plan_adherence,
    risk_to_first_contact,
)
from support.measures.care_made import contacts, flags, hand_offs, messages, outcomes, plans, teams
from support.measures.comparing import agree
from support.measures.plain import CODES, Practice
from support.measures.plain import OURS as PROFILE
from support.measures.surrounding import FIRST, LAST, department, having, surroundings
from support.viewing import coded, told

few = settings(max_examples=30, deadline=None)
OURS = {
    "resourceType": "CareTeam", "id": "ours", "status": "active",
    "managingOrganization": [{"reference": "Organization/york"}],
    "participant": [{"member": {"reference": "Practitioner/doctor"}}],
}  # fmt: skip


def several(made: Any, prefix: str, most: int) -> st.SearchStrategy[list[Any]]:
    """So many, with ids that tell them apart."""
    return st.tuples(*(made(f"{prefix}{number}") for number in range(most))).map(list)


@few
@given(surroundings(), several(hand_offs, "h", 12))
def test_hand_offs(around, made):
    resources = [*around, OURS, *made]
    agree("hand-off-closure", resources, FIRST, LAST, hand_off_closure.units(Practice(resources)))


@few
@given(surroundings(), several(plans, "p", 3))
def test_what_a_plan_asks_for(around, made):
    resources = [*around, OURS, *made]
    agree("plan-adherence", resources, FIRST, LAST, plan_adherence.units(Practice(resources)))


@few
@given(surroundings(), several(flags, "f", 6), several(contacts, "c", 8))
def test_contacts_after_a_risk(around, raised, made):
    resources = [*around, OURS, *raised, *made]
    agree("risk-to-first-contact", resources, FIRST, LAST, risk_to_first_contact.units(Practice(resources)))


@few
@given(surroundings(), several(messages, "m", 10), several(outcomes, "o", 8))
def test_messages(around, made, said):
    visit = {"resourceType": "Appointment", "id": "visit", "status": "booked", "extension": department("york")}
    resources = [*around, visit, *made, *said]
    agree("notification-delivery", resources, FIRST, LAST, notification_delivery.units(Practice(resources)))


def test_a_message_arrives_where_somebody_says_so_and_not_because_nobody_does():
    def message(id_: str, status: str = "active", at: str = "2030-03-02T08:00:00Z") -> dict[str, Any]:
        return {"resourceType": "CommunicationRequest", "id": id_, "status": status, "occurrenceDateTime": at}

    def said(id_: str, status: str) -> dict[str, Any]:
        based = [{"reference": f"CommunicationRequest/{id_}"}]
        return {"resourceType": "Communication", "id": f"{id_}-{status}", "status": status, "basedOn": based}

    resources = [
        message("completed", "completed"), message("told"), said("told", "completed"), message("lost"),
        said("lost", "not-done"), message("again"), said("again", "stopped"), said("again", "completed"),
        message("nobody"), message("begun"), said("begun", "in-progress"), message("later", at="2030-03-20T08:00:00Z"),
        message("revoked", "revoked"), message("wrong"), said("wrong", "entered-in-error"),
    ]  # fmt: skip
    expected = list(notification_delivery.units(Practice(resources)))
    agree("notification-delivery", resources, FIRST, LAST, expected)
    found = {unit.resource.removeprefix("CommunicationRequest/"): unit.groups[0][0] for unit in expected}
    assert {name for name, inside in found.items() if "numerator" in inside} == {"completed", "told", "again"}
    assert {name for name, inside in found.items() if "denominator" in inside} == {
        "completed", "told", "again", "lost", "revoked",
    }  # fmt: skip
    assert {name for name, inside in found.items() if "unresolved" in inside} == {"nobody", "begun", "wrong"}


@few
@given(surroundings(), several(plans, "p", 2), several(teams, "t", 4))
def test_who_answers_for_people_with_a_plan(around, made, those):
    roles = [
        {"resourceType": "PractitionerRole", "id": "left", "active": False},
        {"resourceType": "PractitionerRole", "id": "over", "period": {"end": "2030-03-16"}},
        {"resourceType": "PractitionerRole", "id": "later", "period": {"start": "2030-03-18", "end": "2031"}},
    ]
    resources = [*around, OURS, *roles, *made, *those]
    agree("care-team-accountability", resources, FIRST, LAST, care_team_accountability.units(Practice(resources)))


def lead(member: str = "Practitioner/doctor", until: str = "", **period: str) -> dict[str, Any]:
    """A participant who answers for the person."""
    return having(
        role=[coded(CODES + "care-team-role", "accountable")],
        member={"reference": member},
        period=period,
        extension=[told("accountable-until", valueDateTime=until)] if until else None,
    )


@pytest.mark.parametrize(
    ("participant", "period", "answers"),
    [
        (lead(), {}, True),
        (lead(end="2030"), {}, True),
        (lead(end="2030-03"), {}, True),
        (lead(end="2030-03-17"), {}, True),
        (lead(end="2030-03-17T00:00:00Z"), {}, False),
        (lead(end="2029"), {}, False),
        (lead(), {"end": "2030-03"}, True),
        (lead(), {"end": "2030-02"}, False),
        (lead(), {"start": "2031"}, False),
        (lead(until="2030-03-17"), {}, True),
        (lead(until="2030-03-05T18:00:00Z"), {}, False),
        (lead("PractitionerRole/now"), {}, True),
        (lead("PractitionerRole/over"), {}, False),
        (lead("PractitionerRole/later"), {}, False),
        (lead("PractitionerRole/left"), {}, False),
        (lead("PractitionerRole/unknown"), {}, False),
        (lead("Organization/york"), {}, False),
    ],
)
def test_who_answers_now(participant, period, answers):
    role = {"resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/doctor"}}
    team = having(
        resourceType="CareTeam",
        id="team",
        status="active",
        subject={"reference": "Patient/ann"},
        period=period,
        participant=[participant],
    )
    resources = [
        {"resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan",
         "subject": {"reference": "Patient/ann"}, "period": {"start": "2030-03-01"}},
        team,
        role | {"id": "now", "period": {"start": "2030-03", "end": "2030-03"}},
        role | {"id": "over", "period": {"end": "2029"}},
        role | {"id": "later", "period": {"start": "2031"}},
        role | {"id": "left", "active": False},
    ]  # fmt: skip
    expected = list(care_team_accountability.units(Practice(resources)))
    agree("care-team-accountability", resources, FIRST, LAST, expected)
    assert ["numerator" in unit.groups[0][0] for unit in expected] == [answers]


@pytest.mark.parametrize(
    ("person", "period", "weeks"),
    [
        ({}, {}, 2),
        ({}, {"end": "2030"}, 2),
        ({}, {"end": "2030-03"}, 2),
        ({}, {"end": "2030-03-15"}, 2),
        ({}, {"end": "2030-03-15T00:00:00Z"}, 1),
        ({}, {"end": "2030-02"}, 0),
        ({"deceasedBoolean": True}, {}, 0),
        ({"deceasedBoolean": False}, {}, 2),
        ({"deceasedDateTime": "2030-03-12"}, {}, 1),
    ],
)
def test_how_long_a_plan_goes_on(person, period, weeks):
    ann = {"resourceType": "Patient", "id": "ann", **person}
    weekly = {"frequency": 1, "period": 1, "periodUnit": "wk"}
    plan = {
        "resourceType": "CarePlan", "id": "walks", "status": "active", "intent": "plan",
        "subject": {"reference": "Patient/ann"}, "period": {"start": "2030-03-02", **period},
        "activity": [{"detail": {"status": "in-progress", "scheduledTiming": {"repeat": weekly}}}],
    }  # fmt: skip
    expected = list(plan_adherence.units(Practice([ann, plan])))
    agree("plan-adherence", [ann, plan], FIRST, LAST, expected)
    assert len(expected) == weeks


def risen(id_: str, who: str, start: str, **period: str) -> dict[str, Any]:
    code = coded(CODES + "flag-kind", "high-risk")
    status = "inactive" if period else "active"
    subject = {"reference": f"Patient/{who}"}
    return {
        "resourceType": "Flag", "id": id_, "status": status, "code": code, "subject": subject,
        "period": {"start": start, **period},
    }  # fmt: skip


def reached(id_: str, who: str, at: str) -> dict[str, Any]:
    return {
        "resourceType": "Task", "id": id_, "status": "completed", "for": {"reference": f"Patient/{who}"},
        "code": coded(CODES + "careteam-task", "outreach"),
        "businessStatus": coded(CODES + "outreach-outcome", "reached"), "executionPeriod": {"end": at},
    }  # fmt: skip


def test_the_first_contact_counts_and_none_after_the_end_of_a_risk():
    ann = {"resourceType": "Patient", "id": "ann"}
    bob = {"resourceType": "Patient", "id": "bob", "deceasedDateTime": "2030-03-05T00:00:00Z"}
    resources = [
        ann, bob,
        risen("two-contacts", "ann", "2030-03-02T00:00:00Z", end="2030-03-09T00:00:00Z"),
        reached("last", "ann", "2030-03-08T00:00:00Z"), reached("first", "ann", "2030-03-04T00:00:00Z"),
        reached("before", "ann", "2030-03-01T23:59:59Z"),
        risen("after-the-end", "ann", "2030-03-09T12:00:00Z", end="2030-03-10T00:00:00Z"),
        reached("late", "ann", "2030-03-10T00:00:00.001Z"),
        risen("died", "bob", "2030-03-04T00:00:00Z"), risen("died-later", "bob", "2030-03-02T00:00:00Z"),
    ]  # fmt: skip
    expected = list(risk_to_first_contact.units(Practice(resources)))
    agree("risk-to-first-contact", resources, FIRST, LAST, expected)
    hours = {unit.resource: (unit.groups[0][1], "numerator" in unit.groups[1][0]) for unit in expected}
    assert hours == {
        "Flag/two-contacts": (48.0, True),
        "Flag/after-the-end": (None, False),
        "Flag/died": (None, False),
        "Flag/died-later": (None, False),
    }
    shares = {unit.resource: "denominator-exclusion" in unit.groups[1][0] for unit in expected}
    assert shares == {
        "Flag/two-contacts": False, "Flag/after-the-end": True, "Flag/died": True, "Flag/died-later": False,
    }  # fmt: skip


def test_an_activity_of_several_days_of_each_week_is_due_so_often():
    days = {"frequency": 1, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon", "thu"]}
    note = {"text": "Done.", "extension": [{"url": PROFILE + "progress-done", "valueBoolean": True}]}
    plan = {
        "resourceType": "CarePlan", "id": "walks", "status": "active", "intent": "plan",
        "period": {"start": "2030-03-04"},
        "activity": [{
            "detail": {"status": "in-progress", "scheduledTiming": {"repeat": days}},
            "progress": [note | {"time": "2030-03-04"}, *({"time": f"2030-03-{day}"} | note for day in (12, 14, 15))],
        }],
    }  # fmt: skip
    expected = list(plan_adherence.units(Practice([plan])))
    agree("plan-adherence", [plan], FIRST, LAST, expected)
    assert [(unit.at.day, unit.groups[1][1]) for unit in expected] == [(10, 0.5)]
