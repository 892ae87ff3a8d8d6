"""A step of a need that somebody has taken in hand goes back when they leave: to who answers for the person."""

from __future__ import annotations

import pytest

from carethread.core.ports import Resource
from support.care import Care, department_team, part, person_team, practitioner, role
from support.helping import (
    DOCTOR,
    LEAD,
    TRANSPORT,
    WORKER,
    YES,
    answer,
    judge,
    offer,
    opened,
    outcome,
    refer,
    settle,
    tasks,
    the_need,
)

CLINIC = "Organization/clinic"


def in_hand(practice: Care, owner: str = WORKER) -> Resource:
    """Somebody takes the confirmation of Ann's need in hand."""
    answer(practice, {TRANSPORT: YES})
    (task,) = tasks(practice, "confirm-need")
    return practice.put({**task, "status": "in-progress", "owner": {"reference": owner}})


def standing(practice: Care) -> tuple[str, str]:
    """Whose the confirmation is, and how it stands."""
    practice.fire()
    settle(practice)
    (task,) = tasks(practice, "confirm-need")
    return task["owner"]["reference"], task["status"]


def test_whose_role_is_over_has_it_no_more(anywhere: Care) -> None:
    in_hand(anywhere)
    anywhere.tell(role("worker", "social", "clinic", active=False))
    assert standing(anywhere) == (DOCTOR, "requested")
    (task,) = tasks(anywhere, "confirm-need")
    assert task["restriction"]["period"]["end"] >= anywhere.at(days=6)[:10]


def test_it_goes_at_the_moment_at_which_they_leave(practice: Care) -> None:
    in_hand(practice)
    practice.tell(role("worker", "social", "clinic", period={"end": practice.at(days=2)}))
    assert standing(practice) == (WORKER, "in-progress")
    practice.pass_time(days=2)
    assert standing(practice) == (DOCTOR, "requested")


def test_who_has_left_altogether_has_nothing_by_any_role(practice: Care) -> None:
    in_hand(practice)
    practice.tell(practitioner("social", active=False))
    assert standing(practice) == (DOCTOR, "requested")


def test_who_is_on_the_team_no_more_has_it_no_more(anywhere: Care) -> None:
    in_hand(anywhere)
    anywhere.put(person_team("anns", "ann", part(DOCTOR), department="clinic"))
    assert standing(anywhere) == (DOCTOR, "requested")


def test_it_goes_when_their_time_on_the_team_is_over(practice: Care) -> None:
    in_hand(practice)
    until = {**part(WORKER, "navigator"), "period": {"end": practice.at(days=2)}}
    practice.put(person_team("anns", "ann", part(DOCTOR), until, department="clinic"))
    assert standing(practice) == (WORKER, "in-progress")
    practice.pass_time(days=2)
    assert standing(practice) == (DOCTOR, "requested")


def test_who_leads_a_department_no_more_has_it_no_more(practice: Care) -> None:
    in_hand(practice, LEAD)
    practice.put(department_team("clinics", "clinic", part(DOCTOR)))
    assert standing(practice) == (DOCTOR, "requested")


def test_who_is_on_another_team_that_answers_keeps_it(practice: Care) -> None:
    practice.put(department_team("clinics", "clinic", part(LEAD), part(WORKER, "navigator")))
    in_hand(practice)
    practice.put(person_team("anns", "ann", part(DOCTOR), department="clinic"))
    assert standing(practice) == (WORKER, "in-progress")


def test_who_was_never_on_a_team_and_took_it_keeps_it(practice: Care) -> None:
    practice.tell(practitioner("friend"))
    in_hand(practice, "Practitioner/friend")
    practice.put(person_team("anns", "ann", part(DOCTOR), department="clinic"))
    assert standing(practice) == ("Practitioner/friend", "in-progress")


def test_where_nobody_is_left_the_department_has_it(practice: Care) -> None:
    in_hand(practice)
    for name in ("lead", "doctor", "social"):
        practice.tell(practitioner(name, active=False))
    assert standing(practice) == (CLINIC, "requested")
    practice.tell(practitioner("lead"))
    practice.put(department_team("clinics", "clinic", part(LEAD)))
    practice.pass_time(days=8)
    assert standing(practice) == (LEAD, "requested"), "until somebody is there"


@pytest.mark.parametrize("told", [False, True], ids=["silent", "said"])
def test_who_was_asked_for_help_and_has_left_is_told_of_at_once(practice: Care, told: bool) -> None:
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    judge(practice, path)
    offer(practice, path)
    refer(practice, path, WORKER)
    practice.tell(role("worker", "social", "clinic", active=False))
    practice.fire()
    (alarm,) = tasks(practice, "unanswered-referral", "requested")
    assert alarm["owner"] == {"reference": DOCTOR}
    if told:
        outcome(practice, "failed", "", "Nobody is there.")
        assert "unanswered-referral" not in opened(practice)


def test_another_persons_team_takes_nothing_away(practice: Care) -> None:
    in_hand(practice)
    before = standing(practice)
    practice.put(person_team("bens", "ben", part(DOCTOR), part(WORKER, "navigator"), department="clinic"))
    practice.put(person_team("bens", "ben", part(DOCTOR), department="clinic"))
    assert standing(practice) == before
