"""Somebody is asked for help with a social need: each step and outcome once, told to the person; silence comes back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from carethread.core.fhir import json
from carethread.core.metric_names import NEED_REFERRALS_WAITING, NEEDS_NOBODY, NEEDS_WAITING
from support.care import Care
from support.helping import (
    DOCTOR,
    HURT,
    LEAD,
    PANTRY,
    SHELTER,
    TRANSPORT,
    YES,
    answer,
    conditions,
    judge,
    keep_all,
    offer,
    opened,
    outcome,
    refer,
    referred,
    refused,
    responded,
    settle,
    tasks,
    the_need,
    to,
    told,
)

# ---------------------------------------------------------------------------------------- referral and what came of it


def test_asked_by_many_at_once_it_is_asked_once(anywhere: Care) -> None:
    answer(anywhere, {TRANSPORT: YES})
    path = the_need(anywhere)
    judge(anywhere, path)
    offer(anywhere, path, "accept", PANTRY)
    body = {"resourceType": "Parameters", "parameter": [{"name": "to", **to(PANTRY)}, {"name": "by", **to(DOCTOR)}]}
    (consent,) = anywhere.found("Consent?patient=Patient/ann&status=active")
    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(anywhere.ask, "POST", f"{path}/$refer", body) for _ in range(4)]
        unsaid = pool.submit(anywhere.ask, "PUT", f"Consent/{consent['id']}", {**consent, "status": "inactive"})
        statuses = sorted(each.result(60).status for each in asked)
        assert unsaid.result(60).status == 200
    settle(anywhere)
    assert statuses[0] in (200, 422)
    assert set(statuses[1:]) <= {409, 422}
    assert {each["status"] for each in tasks(anywhere, "need-referral")} <= {"cancelled"}, "the yes was taken back"


def test_told_by_many_at_once_it_is_one_need(anywhere: Care) -> None:
    for number in range(4):
        anywhere.put(responded({TRANSPORT: YES}, id_=f"r{number}"))
    anywhere.send("questionnaires")
    copies = [s for chunk in anywhere.stores["records"].dump("Observation") for s in chunk.versions]
    context = anywhere.own_context()
    with ThreadPoolExecutor(4) as pool:
        kept = [pool.submit(keep_all, anywhere, [each], context) for each in copies]
        assert [each.result(60) for each in kept] == [None] * 4
    settle(anywhere)
    (condition,) = conditions(anywhere)
    assert len(condition["evidence"]) == 4
    assert opened(anywhere) == ["confirm-need"]


def test_a_referral_is_a_request_and_a_task(practice: Care) -> None:
    path = referred(practice)
    (task,) = tasks(practice, "need-referral", "requested")
    assert (task["owner"], task["requester"]) == ({"reference": PANTRY}, {"reference": DOCTOR})
    request = json.parse_object(practice.ask("GET", task["focus"]["reference"], service="records").body)
    assert (request["status"], request["reasonReference"]) == ("active", [{"reference": path}])
    assert request["supportingInfo"][0]["reference"].startswith("Consent/")
    assert opened(practice) == ["need-referral"]


@pytest.mark.parametrize(
    ("steps", "next_"),
    [
        ([("accepted", "", ""), ("completed", "need-met", "")], "review-need"),
        ([("accepted", "", ""), ("in-progress", "", ""), ("completed", "partly-met", "")], "arrange-help"),
        ([("rejected", "", "No room.")], "arrange-help"),
        ([("accepted", "", ""), ("failed", "", "Not reached.")], "arrange-help"),
        ([("completed", "not-eligible", "")], "arrange-help"),
        ([("cancelled", "", "Asked by mistake.")], "arrange-help"),
    ],
)
def test_each_outcome_is_told_once_and_the_next_step_is_somebodys(
    practice: Care, steps: list[tuple[str, str, str]], next_: str
) -> None:
    referred(practice)
    for step in (*steps, steps[-1]):
        assert outcome(practice, *step)[0] == 200
    outcomes = len({each[0] for each in steps} - {"in-progress"})
    for who in ("Patient/ann", DOCTOR):
        assert len(told(practice, who)) == outcomes, who
    assert {each["language"] for each in told(practice, "Patient/ann")} == {"es"}
    assert opened(practice) == [next_]
    task = tasks(practice, "need-referral")[0]
    request = json.parse_object(practice.ask("GET", task["focus"]["reference"], service="records").body)
    assert request["status"] == ("completed" if steps[-1][0] == "completed" else "revoked")


def test_who_is_asked_answers_by_a_plain_write_too(practice: Care) -> None:
    referred(practice)
    (task,) = tasks(practice, "need-referral")
    patch = [{"op": "replace", "path": "/status", "value": "accepted"}]
    sent = {"content_type": "application/json-patch+json"}
    assert practice.ask("PATCH", f"Task/{task['id']}", patch, headers=sent).status == 200
    assert len(told(practice, "Patient/ann")) == 1


def test_a_step_that_cannot_be_taken_is_refused(practice: Care) -> None:
    referred(practice)
    for step, expected in (
        (("rejected", "", ""), (422, "reason")),
        (("completed", "", ""), (422, "outcome")),
        (("completed", "perfect", ""), (422, "outcome")),
        (("on-hold", "", ""), (422, "status")),
        (("ready", "", ""), (422, "status")),
    ):
        assert refused(outcome(practice, *step)) == expected
    assert told(practice) == []


def test_what_is_over_stays(practice: Care) -> None:
    referred(practice)
    outcome(practice, "rejected", "", "No room.")
    assert refused(outcome(practice, "accepted")) == (409, "status")


def test_what_the_person_has_consented_to_stays(practice: Care) -> None:
    referred(practice)
    (task,) = tasks(practice, "need-referral")
    others = {"owner": SHELTER, "focus": "ServiceRequest/x", "requester": LEAD, "for": "Patient/ben"}
    for name, other in others.items():
        written = practice.ask("PUT", f"Task/{task['id']}", {**task, name: {"reference": other}})
        assert written.status in (409, 422), name
    assert practice.ask("DELETE", f"Task/{task['id']}").status == 409


def test_tasks_about_needs_are_made_by_what_was_said_only(practice: Care) -> None:
    referred(practice)
    (task,) = tasks(practice, "need-referral")
    made = {name: value for name, value in task.items() if name not in ("id", "meta")}
    assert practice.ask("POST", "Task", made).status == 422
    (confirm,) = tasks(practice, "confirm-need")
    assert practice.ask("PUT", f"Task/{confirm['id']}", {**confirm, "status": "requested"}).status == 409


def test_what_is_to_be_done_ends_by_doing_it(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    (task,) = tasks(practice, "confirm-need")
    answered = practice.ask("PUT", f"Task/{task['id']}", {**task, "status": "completed"})
    assert answered.status == 422
    assert b"$judge-need" in answered.body
    taken = {**task, "status": "in-progress", "owner": {"reference": LEAD}}
    assert practice.ask("PUT", f"Task/{task['id']}", taken).status == 200


def test_what_others_must_not_read_is_told_in_person(practice: Care) -> None:
    referred(practice, {HURT: 2})
    outcome(practice, "accepted")
    (message,) = told(practice, "Patient/ann")
    assert message["medium"][0]["coding"][0]["code"] == "FACE"


def test_messages_do_not_say_what_the_need_is(practice: Care) -> None:
    referred(practice)
    outcome(practice, "accepted")
    for message in told(practice):
        assert "transport" not in message["payload"][0]["contentString"].lower()
        assert "pantry" not in str(message).lower()


def test_at_night_the_person_is_told_in_the_morning(practice: Care) -> None:
    referred(practice)
    practice.pass_time(hours=15)
    outcome(practice, "accepted")
    assert (len(told(practice, DOCTOR)), told(practice, "Patient/ann")) == (1, [])
    practice.pass_time(hours=9)
    practice.fire()
    practice.fire()
    assert len(told(practice, "Patient/ann")) == 1


# ---------------------------------------------------------------------------------------------------------- escalation


def test_a_referral_that_nobody_answers_comes_back(anywhere: Care) -> None:
    referred(anywhere)
    anywhere.pass_time(days=5, hours=1)
    anywhere.fire()
    settle(anywhere)
    (alarm,) = tasks(anywhere, "unanswered-referral", "requested")
    assert alarm["owner"] == {"reference": DOCTOR}
    anywhere.pass_time(days=7, hours=1)
    anywhere.fire()
    (alarm,) = tasks(anywhere, "unanswered-referral", "requested")
    assert alarm["owner"] == {"reference": LEAD}, "who does not see to it is followed by somebody else"
    outcome(anywhere, "accepted")
    assert tasks(anywhere, "unanswered-referral", "requested") == []


def test_a_referral_of_which_nothing_comes_comes_back(practice: Care) -> None:
    referred(practice)
    outcome(practice, "accepted")
    practice.pass_time(days=36)
    practice.fire()
    assert len(tasks(practice, "unanswered-referral", "requested")) == 1
    outcome(practice, "completed", "need-met")
    assert tasks(practice, "unanswered-referral", "requested") == []


def test_what_the_team_does_not_do_goes_on_to_the_next(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    practice.pass_time(days=7, hours=1)
    practice.fire()
    assert tasks(practice, "confirm-need", "requested")[0]["owner"] == {"reference": LEAD}
    practice.pass_time(days=1, hours=1)
    practice.fire()
    assert tasks(practice, "confirm-need", "requested")[0]["owner"] == {"reference": DOCTOR}


# -------------------------------------------------------------------------------------------------- what waits is shown


def shown(practice: Care) -> list[float]:
    """How many steps wait, how many of nobody, and how many referrals."""
    gauges = practice.runtime.service.gauges
    return [practice.store.glance(gauges[each]) for each in (NEEDS_WAITING, NEEDS_NOBODY, NEED_REFERRALS_WAITING)]


def test_what_waits_is_counted(practice: Care) -> None:
    assert shown(practice) == [0, 0, 0]
    answer(practice, {TRANSPORT: YES}, who="ben", id_="r2", backfill=True)
    assert shown(practice) == [1, 1, 0], "what history tells is on a list"
    answer(practice, {TRANSPORT: YES})
    assert shown(practice) == [2, 1, 0]
    (task,) = tasks(practice, "confirm-need")
    practice.put({**task, "status": "in-progress"})
    assert shown(practice) == [1, 1, 0], "somebody is at it"
    judge(practice, the_need(practice))
    offer(practice, the_need(practice), "accept", PANTRY)
    refer(practice, the_need(practice))
    assert shown(practice) == [1, 1, 1]
    outcome(practice, "accepted")
    assert shown(practice) == [1, 1, 0]
