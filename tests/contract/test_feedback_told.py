"""That somebody was told is proven by the one message that was made for their feedback, once it was delivered; nothing
that looks like it ends anything; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Resource
from support.care import Care
from support.feedback import (
    COMMENT,
    deliver,
    feedback_practice,
    message,
    resolve,
    say,
    silence,
    state,
    step,
    tasks,
    the_task,
    visit,
)

CODES = "https://carethread.dev/fhir/CodeSystem/feedback-"
FAY = "Practitioner/fay"


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with feedback_practice(tmp_path, database_url) as made:
        say(made, visit(3))
        yield made


def told_by(name: str) -> Resource:
    part = {"coding": [{"system": CODES + "part", "code": "told"}]}
    return {"type": part, "valueReference": {"reference": f"Communication/{name}"}}


def came() -> Resource:
    outcome = {"coding": [{"system": CODES + "outcome", "code": "explained"}], "text": "Talked."}
    part = {"coding": [{"system": CODES + "part", "code": "resolution"}]}
    return {"type": part, "valueCodeableConcept": outcome}


def lookalike(practice: Care, id_: str = "forged", **members: Any) -> Resource:
    """What a client may take for the telling: completed, to the person, about the Task."""
    about = [{"reference": f"Task/{the_task(practice)['id']}"}]
    whom = {"reference": "Patient/ann"}
    return {"resourceType": "Communication", "id": id_, "status": "completed", "basedOn": about, "subject": whom,
            "recipient": [whom], "sent": practice.at(), **members}  # fmt: skip


def edited(practice: Care, **members: Any) -> tuple[int, str]:
    """What becomes of a change of the message; the status and where it is refused."""
    answer = practice.ask("PUT", f"Communication/{message(practice)['id']}", {**message(practice), **members})
    return answer.status, json.parse_object(answer.body).get("issue", [{}])[0].get("expression", [""])[0]


def stands(practice: Care) -> tuple[str, str]:
    return the_task(practice)["status"], state(practice)


def test_what_looks_like_the_message_ends_nothing(practice: Care) -> None:
    practice.put(lookalike(practice))
    assert stands(practice) == ("requested", "waiting")
    assert resolve(practice)[0] == 200
    practice.put(lookalike(practice, "another"))
    assert stands(practice) == ("in-progress", "resolved")


def test_no_message_is_named_by_hand(practice: Care) -> None:
    practice.put(lookalike(practice))
    forged = [came(), told_by("forged")]
    for status in ("accepted", "completed"):
        assert step(practice, status, by=FAY, output=forged) == (422, "Task.output")
    assert step(practice, "accepted", by=FAY, output=[came(), told_by("to-come")]) == (422, "Task.output")
    coding = [{"system": "https://carethread.dev/fhir/CodeSystem/careteam-task", "code": "feedback"}]
    task: Resource = {"resourceType": "Task", "id": "t1", "status": "requested", "intent": "order",
                      "code": {"coding": coding}, "for": {"reference": "Patient/ann"}}  # fmt: skip
    assert practice.ask("PUT", "Task/t1", {**task, "output": forged}).status == 422
    assert stands(practice) == ("requested", "waiting")


def test_a_message_for_other_feedback_ends_nothing(practice: Care) -> None:
    assert resolve(practice, told=True)[0] == 200
    others = message(practice)["id"]
    say(practice, visit(3, id_="f2"))
    (second,) = tasks(practice, status="requested")
    forged = {**second, "status": "completed", "owner": {"reference": FAY}, "output": [came(), told_by(others)]}
    assert practice.ask("PUT", f"Task/{second['id']}", forged).status == 422
    about = [*message(practice)["basedOn"], {"reference": f"Task/{second['id']}"}]
    assert edited(practice, basedOn=about) == (409, "Communication.basedOn")


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("recipient", [{"reference": "Patient/ben"}]),
        ("payload", [{"contentString": "Nothing."}]),
        ("basedOn", []),
        ("sender", {"reference": "Practitioner/lead"}),
    ],
)
def test_what_the_message_says_and_to_whom_stays(practice: Care, changed: str, value: Any) -> None:
    assert resolve(practice)[0] == 200
    sent = {name: each for name, each in {**message(practice), changed: value}.items() if each != []}
    for status in ("preparation", "completed"):
        answer = practice.ask("PUT", f"Communication/{sent['id']}", {**sent, "status": status})
        issue = json.parse_object(answer.body)["issue"][0]
        assert (answer.status, issue["expression"]) == (409, [f"Communication.{changed}"])
    assert practice.ask("DELETE", f"Communication/{sent['id']}").status == 409
    assert stands(practice) == ("in-progress", "resolved")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("security", []),
        ("security", [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]),
        ("source", "urn:example:ehr"),
        ("tag", [{"system": "urn:example", "code": "x"}]),
    ],
)
def test_its_labels_stay_whoever_delivers_it(practice: Care, member: str, value: Any) -> None:
    assert resolve(practice)[0] == 200
    meta = message(practice)["meta"]
    changed = {name: each for name, each in {**meta, member: value}.items() if each}
    if value:
        for status in ("preparation", "completed"):
            assert edited(practice, meta=changed, status=status) == (409, f"Communication.meta.{member}")
        assert stands(practice) == ("in-progress", "resolved")
    else:
        assert edited(practice, meta=changed, status="completed")[0] == 200, "what is left out stays"
    assert message(practice)["meta"]["security"] == meta["security"]
    assert "source" not in message(practice)["meta"]


def test_a_message_without_meta_keeps_its_labels(practice: Care) -> None:
    assert resolve(practice)[0] == 200
    told = message(practice)
    sent = {name: each for name, each in told.items() if name != "meta"}
    assert practice.ask("PUT", f"Communication/{told['id']}", {**sent, "status": "completed"}).status == 200
    assert message(practice)["meta"]["security"] == told["meta"]["security"]
    assert stands(practice) == ("completed", "told")


def test_it_is_told_when_it_was_sent(practice: Care) -> None:
    assert resolve(practice)[0] == 200
    assert edited(practice, status="completed", sent=practice.at(days=1)) == (422, "Communication.sent")
    assert edited(practice, status="completed")[0] == 200
    assert message(practice)["sent"].startswith("2031-03-03T08:00")
    assert stands(practice) == ("completed", "told")


def test_what_came_to_nothing_does_not_come_to_something_later(practice: Care) -> None:
    assert resolve(practice)[0] == 200
    deliver(practice, "not-done")
    for status in ("completed", "preparation"):
        assert edited(practice, status=status) == (409, "Communication.status")
    assert stands(practice) == ("in-progress", "not-told")


@pytest.mark.parametrize("by_hand", [False, True])
def test_who_was_not_told_after_all_is_owed_an_answer_again(practice: Care, by_hand: bool) -> None:
    assert (resolve(practice, told=True) if by_hand else resolve(practice))[0] == 200
    if not by_hand:
        deliver(practice)
    assert stands(practice) == ("completed", "told")
    assert edited(practice, status="entered-in-error")[0] == 200
    assert stands(practice) == ("in-progress", "not-told")
    assert "end" not in the_task(practice)["executionPeriod"]
    assert step(practice, "completed") == (422, "Task.output")
    practice.pass_time(days=7)
    practice.fire()
    assert practice.found("Task?code=feedback&_tag=overdue&status=in-progress")
    assert resolve(practice, untold="not-reached")[0] == 200


@pytest.mark.parametrize("failed", [False, True])
def test_who_says_more_before_they_are_told_is_heard_again(practice: Care, failed: bool) -> None:
    """What was answered was not the complaint: somebody has it again, with all of the time, and its own message."""
    assert step(practice, "accepted", by=FAY)[0] == 200
    practice.pass_time(days=8)
    practice.fire()
    assert practice.found("Task?code=feedback&_tag=overdue")
    assert resolve(practice)[0] == 200
    earlier = message(practice)["id"]
    if failed:
        deliver(practice, "not-done")
    say(practice, visit(3, comment=COMMENT, complaint=True, status="amended"))
    task = the_task(practice)
    assert (stands(practice), task["priority"]) == (("requested", "waiting"), "urgent")
    assert task["owner"] == {"reference": "PractitionerRole/fay-role"}
    assert not {"output", "executionPeriod"} & task.keys()
    assert [task["restriction"]["period"][name][:10] for name in ("start", "end")] == ["2031-03-11", "2031-03-18"]
    assert practice.found("Task?code=feedback&_tag=overdue") == [], "its time begins anew"
    assert practice.read(f"Communication/{earlier}")["status"] == ("not-done" if failed else "stopped")
    assert silence(practice) != "PractitionerRole/fay-role"
    assert step(practice, "completed", by=FAY, output=[came(), told_by(earlier)]) == (422, "Task.output")
    assert resolve(practice)[0] == 200
    deliver(practice)
    assert stands(practice) == ("completed", "told")


def test_a_message_that_is_being_sent_answers_nothing_that_was_said_since(practice: Care) -> None:
    assert resolve(practice)[0] == 200
    assert edited(practice, status="in-progress")[0] == 200
    practice.pass_time(minutes=1)
    say(practice, visit(3, comment=COMMENT, complaint=True, status="amended"))
    assert edited(practice, status="completed")[0] == 200
    assert stands(practice) == ("requested", "waiting")


def test_what_is_said_again_before_they_are_told_is_heard_again(practice: Care) -> None:
    """Taken back, and said once more: what stands is not what was answered."""
    assert resolve(practice)[0] == 200
    practice.pass_time(minutes=1)
    say(practice, visit(9, status="amended"))
    assert stands(practice) == ("in-progress", "resolved")
    say(practice, visit(3, status="amended"))
    assert stands(practice) == ("requested", "waiting")


@pytest.mark.parametrize("stands_as", ["resolved", "not-told", "told"])
def test_other_words_are_heard_again_though_they_are_of_the_same_kind(practice: Care, stands_as: str) -> None:
    say(practice, visit(3, comment="It was loud.", status="amended"))
    assert resolve(practice)[0] == 200
    earlier = message(practice)["id"]
    if stands_as != "resolved":
        deliver(practice, "not-done" if stands_as == "not-told" else "completed")
    assert state(practice) == stands_as
    practice.pass_time(minutes=1)
    say(practice, visit(3, comment=COMMENT, status="amended"))
    assert stands(practice) == ("requested", "waiting")
    assert "output" not in the_task(practice) and COMMENT not in str(the_task(practice))
    became = {"resolved": "stopped", "not-told": "not-done", "told": "completed"}
    assert practice.read(f"Communication/{earlier}")["status"] == became[stands_as]


def test_a_message_that_is_held_back_is_stopped_too(practice: Care) -> None:
    assert resolve(practice)[0] == 200
    assert edited(practice, status="on-hold")[0] == 200
    say(practice, visit(3, comment=COMMENT, complaint=True, status="amended"))
    assert (message(practice)["status"], stands(practice)) == ("stopped", ("requested", "waiting"))


def test_less_or_the_same_leaves_what_was_answered(practice: Care) -> None:
    say(practice, visit(3, comment=COMMENT, complaint=True, status="amended"))
    assert resolve(practice)[0] == 200
    say(practice, visit(2, comment=COMMENT, complaint=True, status="amended"))
    say(practice, visit(3, status="amended"))
    assert stands(practice) == ("in-progress", "resolved")


def test_a_message_of_before_does_not_answer_what_was_said_since(practice: Care) -> None:
    assert resolve(practice, told=True)[0] == 200
    earlier = message(practice)["id"]
    practice.pass_time(days=3)
    say(practice, visit(3, comment=COMMENT, complaint=True, status="amended"))
    assert step(practice, "completed", by=FAY, output=[came(), told_by(earlier)]) == (422, "Task.output")
    assert edited(practice, status="entered-in-error")[0] == 200
    assert stands(practice) == ("requested", "waiting")


def test_feedback_does_not_become_an_ehr_s(practice: Care) -> None:
    task = the_task(practice)
    practice.put({**task, "meta": {**task["meta"], "source": "urn:example:ehr"}})
    assert "source" not in the_task(practice)["meta"]
    assert step(practice, "completed", by=FAY) == (422, "Task.output")
