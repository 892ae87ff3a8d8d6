"""Feedback: a low score or a complaint has an owner with the response, a resolution, and the person is told; on both
databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.questionnaires import resources
from support.care import Care, part, person_team, practitioner
from support.feedback import (
    COMMENT,
    deliver,
    feedback_practice,
    kinds,
    message,
    notice,
    owner,
    resolve,
    say,
    silence,
    spoken,
    state,
    step,
    tasks,
    the_task,
    values,
    visit,
)

FAY, LEAD, FRED, DOCTOR = "PractitionerRole/fay-role", "Practitioner/lead", "Practitioner/fred", "Practitioner/doctor"


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with feedback_practice(tmp_path, database_url) as made:
        yield made


def test_a_low_score_has_an_owner_at_once(practice: Care) -> None:
    say(practice, visit(3))
    task = the_task(practice)
    assert (task["status"], task["priority"], state(practice), owner(practice)) == (
        "requested",
        "routine",
        "waiting",
        FAY,
    )
    assert task["for"] == {"reference": "Patient/ann"}
    assert task["focus"] == {"reference": "QuestionnaireResponse/f1"}
    assert kinds(practice) == ["low-score"]
    assert task["restriction"]["period"]["end"].startswith("2031-03-10T08:00")
    assert {"R"} == {each["code"] for each in task["meta"]["security"]}


def test_neither_what_is_good_nor_a_draft_asks_anybody(practice: Care) -> None:
    say(practice, visit(9, contact=False))
    say(practice, visit(0, status="in-progress", id_="f2"))
    assert tasks(practice) == []
    say(practice, visit(0, id_="f2"))
    assert len(tasks(practice)) == 1


def test_a_complaint_is_more_urgent_and_says_what_it_is(practice: Care) -> None:
    say(practice, visit(None, comment=COMMENT, complaint=True, contact=True))
    assert (kinds(practice), the_task(practice)["priority"]) == (["complaint", "contact-wanted"], "urgent")


def test_a_response_with_the_tag_of_a_complaint_is_one_whatever_its_form(practice: Care) -> None:
    tag = {"system": "https://carethread.dev/fhir/CodeSystem/feedback-kind", "code": "complaint"}
    sent = visit(9, questionnaire="urn:example:unknown", meta={"source": "urn:example:ehr", "tag": [tag]})
    say(practice, sent)
    assert kinds(practice) == ["complaint"]


def test_it_is_committed_with_the_response_or_not_at_all(practice: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*given: object) -> None:
        raise RuntimeError("the process dies here")

    with monkeypatch.context() as patched:
        patched.setattr(resources, "response_stored", dies)
        with pytest.raises(RuntimeError, match="dies"):
            practice.put(visit(0))
    assert practice.ask("GET", "QuestionnaireResponse/f1", service="questionnaires").status == 404
    assert practice.stores["questionnaires"].glance(lambda session: session.requests.all()) == []


def test_the_same_response_twice_is_one_task(practice: Care) -> None:
    say(practice, visit(3))
    say(practice, visit(3))
    say(practice, visit(2, status="amended"))
    assert len(tasks(practice)) == 1


def test_nothing_that_is_made_repeats_what_was_written(practice: Care) -> None:
    say(practice, visit(1, comment=COMMENT, complaint=True))
    practice.keep(visit())
    assert resolve(practice)[0] == 200
    made = [*tasks(practice), *tasks(practice, "code-comment"), message(practice)]
    assert COMMENT not in str(made)
    assert COMMENT not in str(practice.stores["questionnaires"].glance(lambda session: session.requests.all()))


def test_who_quotes_it_is_refused(practice: Care) -> None:
    say(practice, visit(1, comment=COMMENT))
    practice.keep(visit())
    for where in ("words", "message"):
        given = {where: f"They wrote: {COMMENT.upper()}", **({"language": "es"} if where == "message" else {})}
        status, outcome = resolve(practice, **given)
        assert (status, outcome["issue"][0]["expression"]) == (422, [where])


# Who answers it


def test_silence_leads_on_by_day_and_round_again(practice: Care) -> None:
    say(practice, visit(3))
    assert [silence(practice) for _ in range(4)] == [LEAD, FRED, DOCTOR, FAY]
    assert step(practice, "accepted")[0] == 200
    practice.pass_time(hours=30)
    practice.fire()
    assert (owner(practice), state(practice)) == (FAY, "taken")


def test_how_long_is_waited_is_data_of_the_department(practice: Care) -> None:
    said = [{"url": "take-hours", "valuePositiveInt": 2}, {"url": "close-hours", "valuePositiveInt": 48}]
    clinic = {"resourceType": "Organization", "id": "clinic", "active": True, "name": "clinic"}
    practice.tell({**clinic, "extension": [{"url": PROFILES + "feedback-terms", "extension": said}]})
    say(practice, visit(3))
    assert the_task(practice)["restriction"]["period"]["end"].startswith("2031-03-05T08:00")
    assert silence(practice, 2) == LEAD


def test_nobody_answers_what_names_them(practice: Care) -> None:
    rated = [{"url": PROFILES + "rated", "valueReference": {"reference": "Practitioner/fay"}}]
    made = visit(3, complaint=True, comment=COMMENT)
    say(practice, {**made, "extension": [*made["extension"], *rated]})
    assert (owner(practice), owner(practice, "code-comment")) == (LEAD, LEAD)
    assert [silence(practice) for _ in range(3)] == [FRED, DOCTOR, LEAD]
    assert step(practice, "accepted", by=FAY) == (422, "Task.owner")
    assert step(practice, "accepted", by="Practitioner/fay") == (422, "Task.owner")
    assert resolve(practice)[0] == 422
    without = {name: value for name, value in the_task(practice).items() if name != "extension"}
    assert practice.ask("PUT", f"Task/{without['id']}", without).status == 200
    assert step(practice, "accepted", by=FAY) == (422, "Task.owner")


def test_who_was_at_the_visit_does_not_answer_it(practice: Care) -> None:
    encounter: Resource = {
        "resourceType": "Encounter", "id": "e1", "status": "finished", "subject": {"reference": "Patient/ann"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "participant": [{"individual": {"reference": "Practitioner/lead"}}, {"individual": {"reference": FAY}}],
    }  # fmt: skip
    practice.tell(encounter)
    say(practice, visit(3, encounter={"reference": "Encounter/e1"}))
    assert owner(practice) == FRED


def test_where_nobody_is_there_the_department_has_it(practice: Care) -> None:
    practice.tell(*(practitioner(each, active=False) for each in ("fay", "lead", "fred")))
    say(practice, visit(3, subject="Patient/ben"))
    assert (owner(practice), state(practice)) == ("Organization/clinic", "nobody-there")
    practice.tell(practitioner("lead"))
    assert (silence(practice), state(practice)) == (LEAD, "waiting")


def test_where_no_department_is_known_the_service_has_it_and_goes_on_looking(practice: Care) -> None:
    made = {name: value for name, value in visit(3, subject="Patient/ben").items() if name != "extension"}
    say(practice, made)
    task = the_task(practice)
    assert (task["owner"], state(practice)) == ({"display": "The service itself"}, "nobody-there")
    practice.put(person_team("bens", "ben", part(DOCTOR), department="clinic"))
    assert silence(practice) == FAY


def test_it_is_no_need_for_somebody_who_answers_for_the_person(practice: Care) -> None:
    say(practice, visit(3, subject="Patient/ben"))
    practice.fire()
    assert practice.found("Task?code=take-over") == []


def test_another_may_be_named_by_hand_and_has_their_time(practice: Care) -> None:
    say(practice, visit(3))
    practice.pass_time(hours=20)
    assert step(practice, "requested", by="Practitioner/stranger")[0] == 200
    assert silence(practice, 20) == "Practitioner/stranger"
    assert step(practice, "accepted")[0] == 200
    assert step(practice, "requested")[0] == 200
    assert owner(practice) == FAY


# How it ends


def test_the_person_is_told_in_their_language_and_then_it_is_over(practice: Care) -> None:
    say(practice, visit(3))
    practice.pass_time(hours=5)
    assert step(practice, "accepted")[0] == 200
    practice.pass_time(hours=5)
    status, answer = resolve(practice, outcome="changed", channel="sms")
    assert (status, values(answer)["status"], values(answer)["state"]) == (200, "in-progress", "resolved")
    told = message(practice)
    assert (told["status"], told["language"], told["recipient"]) == (
        "preparation",
        "es",
        [{"reference": "Patient/ann"}],
    )
    assert told["payload"][0]["contentString"].startswith("Gracias por decirnos")
    practice.pass_time(hours=2)
    deliver(practice)
    task = the_task(practice)
    assert (task["status"], state(practice)) == ("completed", "told")
    assert [task["executionPeriod"][name][:16] for name in ("start", "end")] == ["2031-03-03T13:00", "2031-03-03T20:00"]
    assert step(practice, "accepted")[0] == 409


def test_a_message_that_does_not_arrive_leaves_it_open(practice: Care) -> None:
    say(practice, visit(3))
    for how in ("not-done", "stopped", "entered-in-error"):
        assert resolve(practice)[0] == 200
        assert resolve(practice)[0] == 409, "it is on its way"
        deliver(practice, how)
        assert (the_task(practice)["status"], state(practice)) == ("in-progress", "not-told")
        assert step(practice, "completed") == (422, "Task.output")
    assert resolve(practice)[0] == 200
    deliver(practice)
    assert (the_task(practice)["status"], state(practice)) == ("completed", "told")


def test_who_knows_already_or_is_not_to_be_told_gets_no_message(practice: Care) -> None:
    say(practice, visit(3))
    status, answer = resolve(practice, told=True, channel="phone")
    assert (status, values(answer)["state"], message(practice)["status"]) == (200, "told", "completed")
    say(practice, visit(3, id_="f2"))
    (second,) = tasks(practice, status="requested")
    status, answer = resolve(practice, id_=second["id"], untold="declined")
    assert (status, values(answer)["status"], values(answer)["state"]) == (200, "completed", "untold")
    assert "declined" in str(tasks(practice, status="completed")[1]["output"])


def test_it_is_not_over_without_a_resolution_and_telling(practice: Care) -> None:
    say(practice, visit(3))
    assert step(practice, "completed", by="Practitioner/fay") == (422, "Task.output")
    assert step(practice, "cancelled") == (422, "Task.statusReason")
    assert step(practice, "cancelled", why="declined") == (422, "Task.statusReason")
    assert practice.ask("DELETE", f"Task/{the_task(practice)['id']}").status == 409
    codes = "https://carethread.dev/fhir/CodeSystem/feedback-"
    came = {"coding": [{"system": codes + "outcome", "code": "explained"}], "text": "Talked."}
    output = [{"type": {"coding": [{"system": codes + "part", "code": "resolution"}]}, "valueCodeableConcept": came}]
    assert step(practice, "completed", by="Practitioner/fay", output=output) == (422, "Task.output")


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({"outcome": "forgotten"}, 400, "outcome"),
    ({"words": " "}, 400, "words"),
    ({"untold": "answer-withdrawn"}, 400, "untold"),
    ({"untold": "declined", "told": True}, 400, "untold"),
    ({"message": "Hola."}, 400, "language"),
    ({"message": "Hello.", "language": "en"}, 422, "language"),
    ({"channel": "pigeon"}, 400, "channel"),
    ({"by": "Practitioner/nobody"}, 422, "by"),
    ({"notice": "Communication/nothing"}, 422, "Task.output"),
    ({"words": "x" * 2001}, 400, "words"),
    ({"why": "so"}, 400, "why"),
]


def test_what_is_wrong_is_said(practice: Care) -> None:
    say(practice, visit(3))
    for given, status, where in WRONG:
        answered, outcome = resolve(practice, **given)
        assert (answered, outcome["issue"][0]["expression"]) == (status, [where]), given
    assert resolve(practice, id_="nothing")[0] == 404
    practice.put({"resourceType": "Task", "id": "plain", "status": "requested", "intent": "order"})
    assert resolve(practice, id_="plain")[0] == 422


def test_who_speaks_another_language_is_written_to_by_hand(practice: Care) -> None:
    say(practice, visit(3, subject="Patient/ben"))
    assert resolve(practice)[1]["issue"][0]["expression"] == ["message"]
    assert resolve(practice, message="Cảm ơn.", language="vi")[0] == 200
    assert (message(practice)["language"], message(practice)["payload"]) == ("vi", [{"contentString": "Cảm ơn."}])


@pytest.mark.parametrize("held", [False, True])
def test_who_dies_while_a_message_is_on_its_way_does_not_get_it(practice: Care, held: bool) -> None:
    say(practice, visit(3))
    assert resolve(practice)[0] == 200
    if held:
        practice.put({**message(practice), "status": "on-hold"})
    practice.tell(spoken("ann", "es", deceasedBoolean=True))
    practice.fire()
    assert (message(practice)["status"], state(practice)) == ("stopped", "not-told")
    assert resolve(practice)[1]["issue"][0]["expression"] == ["untold"]
    assert resolve(practice, untold="deceased")[0] == 200


def test_what_has_no_name_is_told_openly(practice: Care) -> None:
    say(practice, visit(3, subject=""))
    task = the_task(practice)
    assert "for" not in task
    assert "encounter" not in task
    assert resolve(practice)[0] == 422
    assert resolve(practice, outcome="changed", untold="nameless")[0] == 422
    status, answer = resolve(practice, outcome="changed", notice=notice(practice))
    assert (status, values(answer)["state"]) == (200, "told-openly")
    say(practice, visit(3, subject="", id_="f2"))
    (second,) = tasks(practice, status="requested")
    assert resolve(practice, id_=second["id"], untold="nameless")[0] == 200


# What changes later


def test_what_is_not_said_any_more_goes_if_nobody_works_on_it(practice: Care) -> None:
    say(practice, visit(3))
    say(practice, visit(9, status="amended"))
    assert (the_task(practice)["status"], state(practice)) == ("cancelled", "withdrawn")
    say(practice, visit(2, status="amended"))
    assert (the_task(practice)["status"], owner(practice)) == ("requested", FAY)


def test_what_somebody_works_on_stays_for_them_to_judge(practice: Care) -> None:
    say(practice, visit(3))
    assert step(practice, "accepted")[0] == 200
    say(practice, visit(9, status="amended"))
    assert the_task(practice)["status"] == "accepted"
    say(practice, visit(1, status="amended"))
    assert the_task(practice)["status"] == "accepted"
    assert step(practice, "cancelled", why="answer-changed")[0] == 200


@pytest.mark.parametrize("taken", [False, True])
def test_what_was_entered_in_error_goes(practice: Care, taken: bool) -> None:
    say(practice, visit(3, comment=COMMENT))
    if taken:
        assert step(practice, "accepted")[0] == 200
        assert practice.ask("DELETE", "QuestionnaireResponse/f1", service="questionnaires").status in (200, 204)
    else:
        practice.put(visit(3, comment=COMMENT, status="entered-in-error"))
    practice.send("questionnaires")
    assert (the_task(practice)["status"], the_task(practice, "code-comment")["status"]) == ("cancelled", "cancelled")


def test_who_says_more_later_is_heard_again(practice: Care) -> None:
    say(practice, visit(3))
    assert resolve(practice, told=True)[0] == 200
    practice.pass_time(days=3)
    say(practice, visit(3, comment=COMMENT, complaint=True, status="amended"))
    task = the_task(practice)
    assert (task["status"], kinds(practice), task["priority"]) == ("requested", ["complaint", "low-score"], "urgent")
    assert "output" not in task
    assert task["restriction"]["period"]["start"].startswith("2031-03-06")
    assert resolve(practice, told=True)[0] == 200
    assert state(practice) == "told"


def test_history_comes_to_a_list_and_asks_nobody(practice: Care) -> None:
    say(practice, visit(0), backfill=True)
    assert tasks(practice) == []
    (past,) = tasks(practice, "past-feedback")
    assert (past["status"], past["priority"]) == ("requested", "routine")
    practice.pass_time(days=40)
    practice.fire()
    assert tasks(practice) == []
    say(practice, visit(0, authored="2031-04-12T08:00:00Z"))
    assert [each["status"] for each in tasks(practice, "past-feedback")] == ["cancelled"]
    assert owner(practice) == FAY


def test_what_is_late_says_so(practice: Care) -> None:
    say(practice, visit(3))
    assert step(practice, "accepted")[0] == 200
    practice.pass_time(days=7)
    practice.fire()
    (late,) = practice.found("Task?code=feedback&_tag=overdue")
    assert late["status"] == "accepted"
    gauges = practice.runtime.service.gauges
    seen = practice.store.glance(lambda session: {name: gauge(session) for name, gauge in gauges.items()})
    told = {name.removeprefix("carethread_feedback_"): number for name, number in seen.items() if "feedback" in name}
    assert told == {"waiting": 0, "without_a_person": 0, "open": 1, "overdue": 1, "resolved_and_not_told": 0}


def test_what_says_how_it_stands_is_not_written_by_hand(practice: Care) -> None:
    say(practice, visit(3))
    later = {"period": {"start": practice.at(), "end": practice.at(days=90)}}
    assert step(practice, "accepted", restriction=later, businessStatus={"text": "done"})[0] == 200
    task = the_task(practice)
    assert (state(practice), task["restriction"]["period"]["end"][:10]) == ("taken", "2031-03-10")
    assert step(practice, "accepted", focus={"reference": "QuestionnaireResponse/other"}) == (422, "Task.focus")
    assert step(practice, "rejected") == (422, "Task.status")


def test_a_task_that_is_written_plainly_has_an_owner_too(practice: Care) -> None:
    coding = [{"system": "https://carethread.dev/fhir/CodeSystem/careteam-task", "code": "feedback"}]
    task: Resource = {"resourceType": "Task", "id": "t1", "status": "requested", "intent": "order",
                      "code": {"coding": coding}, "for": {"reference": "Patient/ann"}}  # fmt: skip
    practice.put(task)
    assert owner(practice) == FAY
    answer = practice.ask("PUT", "Task/t2", {**task, "id": "t2", "status": "ready"})
    assert (answer.status, json.parse_object(answer.body)["issue"][0]["expression"]) == (422, ["Task.status"])
