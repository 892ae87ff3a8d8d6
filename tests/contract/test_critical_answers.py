"""Critical answers: told with the response, in its transaction; somebody is called, and others, until a person sees to
it; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from carethread.careteams.alerting.following import TIMER
from carethread.careteams.measures import GAUGES
from carethread.core.context import Context
from carethread.core.errors import Busy
from carethread.core.fhir import json
from carethread.core.metric_names import CRITICAL_ANSWERS_NOBODY
from carethread.core.ports import Owners, Request, Resource
from carethread.interactions.rest.handling import handle_at_once
from carethread.questionnaires import resources
from carethread.questionnaires.safety.reaching import reached
from support.calling import (
    DEPARTMENT,
    PEOPLE,
    all_zero,
    called_practice,
    calls,
    flags,
    issue,
    owner,
    phq,
    save,
    step,
    the_call,
)
from support.care import Care, department_team, part, patient, person_team, practitioner, role


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with called_practice(tmp_path, database_url) as made:
        yield made


def requested(practice: Care) -> list[str]:
    """The types of what questionnaires has kept for others and not sent yet."""
    found = practice.stores["questionnaires"].glance(lambda session: session.requests.all())
    return [each.wanted.type for each in found]


EHR: Resource = {"source": "urn:example:ehr"}


def leave(practice: Care, *people: str) -> None:
    practice.tell(*(practitioner(each, active=False) for each in people))


def without_a_person(practice: Care) -> float:
    """As the gauge counts them, and as they are listed."""
    listed = practice.found("Task?code=critical-answer&status=requested&business-status=nobody-there")
    counted = practice.store.glance(GAUGES[CRITICAL_ANSWERS_NOBODY])
    assert len(listed) == counted
    return counted


def visit(id_: str, day: str, department: str, status: str = "finished") -> Resource:
    """One of Ben's."""
    return {
        "resourceType": "Encounter", "id": id_, "status": status, "subject": {"reference": "Patient/ben"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "period": {"start": day}, "serviceProvider": {"reference": f"Organization/{department}"},
    }  # fmt: skip


def silence(practice: Care, minutes: float = 5) -> str:
    """Let so much time pass; who is called then."""
    practice.pass_time(minutes=minutes)
    practice.fire()
    return owner(practice)


@pytest.mark.parametrize("status", ["in-progress", "completed"])
def test_somebody_is_called_as_soon_as_it_is_saved(practice: Care, status: str) -> None:
    save(practice, phq(harm=1) if status == "in-progress" else all_zero(1))
    task, about = the_call(practice), issue(practice)
    assert (task["status"], task["priority"], owner(practice)) == ("requested", "stat", "duty")
    assert task["for"] == {"reference": "Patient/ann"}
    assert task["focus"] == {"reference": f"DetectedIssue/{about['id']}"}
    assert task["restriction"]["period"]["end"].startswith("2031-03-03T08:05")
    assert {"url": DEPARTMENT, "valueReference": {"reference": "Organization/clinic"}} in task["extension"]
    assert (about["status"], about["code"]["coding"][0]["code"]) == ("final", "self-harm")
    assert {each["code"] for each in task["meta"]["security"]} == {"R", "SPI"}


def test_no_critical_answer_no_call(practice: Care) -> None:
    save(practice, all_zero(0))
    assert calls(practice) == []


def test_it_is_committed_with_the_response_or_not_at_all(practice: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*given: object) -> None:
        raise RuntimeError("the process dies here")

    with monkeypatch.context() as patched:
        patched.setattr(resources, "response_stored", dies)
        with pytest.raises(RuntimeError, match="dies"):
            practice.put(phq())
    assert practice.ask("GET", "QuestionnaireResponse/r1", service="questionnaires").status == 404
    assert requested(practice) == []
    practice.put(phq())
    assert requested(practice) == ["Bundle"]


def test_a_response_that_is_refused_calls_nobody(practice: Care) -> None:
    wrong = phq()
    wrong["item"].append({"linkId": "unknown", "answer": [{"valueString": "x"}]})
    assert practice.ask("PUT", "QuestionnaireResponse/r1", wrong, service="questionnaires").status == 422
    assert requested(practice) == []


def test_what_is_sent_twice_is_there_once(practice: Care) -> None:
    """A sender that was killed after the owner had it sends the same again."""
    practice.put(phq())
    sent = practice.stores["questionnaires"].glance(lambda session: session.requests.all())
    bodies = [
        practice.stores["questionnaires"].glance(lambda session, n=each.number: session.requests.all(n))[0].wanted  # type: ignore[misc]
        for each in sent
    ]
    practice.send("questionnaires")
    assert step(practice, "accepted")[0] == 200

    def again(session: Any) -> None:
        for each in bodies:
            session.requests.put(each)

    practice.stores["questionnaires"].transact(again)
    practice.send("questionnaires")
    assert the_call(practice)["status"] == "accepted"
    assert len(issue(practice)["mitigation"]) == 1


def test_calls_that_come_together_are_stored_together(practice: Care) -> None:
    for number in range(5):
        practice.put(phq(id_=f"r{number}"))
    store = practice.stores["questionnaires"]
    kept = store.glance(lambda session: [session.requests.all(each.number)[0] for each in session.requests.all()])
    headers = {"content-type": "application/fhir+json", "prefer": "return=minimal"}
    context = Context(clock=lambda: practice.now)
    asked = [(Request("POST", "", headers=headers, body=each.wanted.body), context) for each in kept]
    answers = handle_at_once(practice.runtimes["careteams"], asked)
    assert [answer.status for answer in answers if answer] == [200] * 5, "none had to be done alone"
    assert {each["owner"]["reference"] for each in calls(practice)} == {"Practitioner/duty"}
    assert handle_at_once(practice.runtimes["careteams"], asked) == [None] * 5
    assert len(calls(practice)) == len(practice.found("DetectedIssue?code=self-harm")) == 5
    practice.send("questionnaires")
    assert len(calls(practice)) == 5


def test_a_task_that_is_refused_leaves_no_issue_behind(practice: Care) -> None:
    practice.put(phq())
    (kept,) = practice.stores["questionnaires"].glance(lambda session: session.requests.all())
    (whole,) = practice.stores["questionnaires"].glance(lambda session: session.requests.all(kept.number))
    bundle = json.parse_object(whole.wanted.body)
    bundle["entry"][1]["resource"]["status"] = "ready"
    assert practice.ask("POST", "", bundle).status == 422
    assert (calls(practice), practice.found("DetectedIssue?code=self-harm")) == ([], [])
    practice.send("questionnaires")
    assert the_call(practice)["focus"] == {"reference": f"DetectedIssue/{issue(practice)['id']}"}


def test_saved_again_it_is_the_same_call(practice: Care) -> None:
    save(practice, phq(harm=1))
    silence(practice)
    save(practice, phq(harm=3))
    save(practice, all_zero(2))
    save(practice, all_zero(1, status="amended"))
    first, *more = calls(practice)
    assert (first["owner"]["reference"], first["status"]) == ("Practitioner/lead", "requested")
    assert {each["status"] for each in more} <= {"cancelled"}, "what was worse is called to already"


@pytest.mark.parametrize("how", ["accepted", "completed"])
def test_an_answer_that_gets_worse_calls_anew_once_somebody_has_seen_the_first(practice: Care, how: str) -> None:
    save(practice, phq(harm=1))
    assert step(practice, how, why="Talked.")[0] == 200
    save(practice, phq(harm=1, authored="2031-03-03T09:00:00Z"))
    assert len(calls(practice)) == 1
    save(practice, phq(harm=3))
    assert sorted(each["status"] for each in calls(practice)) == sorted([how, "requested"])
    assert {each["status"] for each in practice.found("DetectedIssue?implicated=QuestionnaireResponse/r1")} == {"final"}
    save(practice, phq(harm=0))
    assert sorted(each["status"] for each in calls(practice)) == sorted([how, "cancelled"])


@pytest.mark.parametrize("status", ["in-progress", "amended"])
def test_an_answer_that_turns_out_to_be_somebody_elses_calls_for_them(practice: Care, status: str) -> None:
    save(practice, phq(harm=1) if status == "in-progress" else all_zero(1))
    save(practice, {**all_zero(1), "status": status, "subject": {"reference": "Patient/ben"}})
    assert {each["for"]["reference"]: each["status"] for each in calls(practice)} == {
        "Patient/ann": "cancelled",
        "Patient/ben": "requested",
    }


def test_a_version_of_the_form_that_is_not_here_calls_by_the_one_that_is(practice: Care) -> None:
    sent = phq(meta=EHR, questionnaire=phq()["questionnaire"].partition("|")[0] + "|77")
    save(practice, sent)
    assert owner(practice) == "duty"


def test_a_draft_that_does_not_say_it_any_more_takes_it_back(practice: Care) -> None:
    save(practice, phq(harm=1))
    save(practice, phq(harm=0))
    assert (the_call(practice)["status"], issue(practice)["status"]) == ("cancelled", "cancelled")
    practice.pass_time(hours=1)
    practice.fire()
    assert the_call(practice)["status"] == "cancelled"
    save(practice, phq(harm=2))
    assert sorted(each["status"] for each in calls(practice)) == ["cancelled", "requested"]


@pytest.mark.parametrize("how", ["deleted", "entered-in-error", "left-out"])
def test_what_somebody_has_seen_stays_for_them_to_judge(practice: Care, how: str) -> None:
    save(practice, phq(harm=1))
    assert step(practice, "accepted")[0] == 200
    if how == "deleted":
        assert practice.ask("DELETE", "QuestionnaireResponse/r1", service="questionnaires").status in (200, 204)
    else:
        practice.put(phq(harm=None) if how == "left-out" else phq(status=how))
    practice.send("questionnaires")
    assert (the_call(practice)["status"], issue(practice)["status"]) == ("accepted", "final")


@pytest.mark.parametrize("how", ["deleted", "entered-in-error"])
def test_what_nobody_has_seen_goes_with_the_response(practice: Care, how: str) -> None:
    save(practice, phq(harm=1))
    if how == "deleted":
        assert practice.ask("DELETE", "QuestionnaireResponse/r1", service="questionnaires").status in (200, 204)
    else:
        practice.put(phq(status=how))
    practice.send("questionnaires")
    assert (the_call(practice)["status"], issue(practice)["status"]) == ("cancelled", "cancelled")


def test_history_comes_to_a_list_and_calls_nobody(practice: Care) -> None:
    save(practice, all_zero(3), backfill=True)
    (review,) = calls(practice, "review-critical-answer")
    assert (review["status"], review["priority"], "owner" in review) == ("requested", "routine", False)
    assert calls(practice) == []
    assert practice.store.glance(lambda session: session.timers.ahead(TIMER, 10)) == []
    practice.pass_time(days=1)
    practice.fire()
    assert calls(practice) == []
    save(practice, all_zero(3), backfill=True)
    assert len(calls(practice, "review-critical-answer")) == 1


def test_what_was_history_and_is_said_here_calls(practice: Care) -> None:
    save(practice, phq(harm=1), backfill=True)
    save(practice, phq(harm=1, authored="2031-03-03T08:00:01Z"))
    assert [each["status"] for each in calls(practice, "review-critical-answer")] == ["cancelled"]
    assert owner(practice) == "duty"
    save(practice, phq(harm=1, authored="2031-03-03T08:00:02Z"), backfill=True)
    assert the_call(practice)["status"] == "requested"


def test_an_ehrs_answer_calls_too(practice: Care) -> None:
    sent = phq(meta=EHR)
    save(practice, sent)
    assert owner(practice) == "duty"


def test_silence_leads_through_the_chain_and_round_again_at_night_too(practice: Care) -> None:
    practice.pass_time(hours=18)
    save(practice, phq())
    assert [silence(practice) for _ in range(4)] == ["lead", "above", "doctor", "duty"]
    assert step(practice, "in-progress", by="Practitioner/stranger")[0] == 200
    practice.pass_time(days=2)
    practice.fire()
    assert (the_call(practice)["status"], owner(practice)) == ("in-progress", "stranger")


def test_a_deadline_that_was_met_leaves_it_as_it_is(practice: Care) -> None:
    save(practice, phq())
    practice.pass_time(minutes=4)
    practice.fire()
    assert owner(practice) == "duty"
    assert step(practice, "accepted")[0] == 200
    assert silence(practice) == "duty"


def test_a_shift_that_begins_meanwhile_is_called(practice: Care) -> None:
    save(practice, phq())
    team = practice.read("CareTeam/clinics")
    parts = [part("Practitioner/lead"), part("Practitioner/second", "on-call")]
    practice.put({**team, "participant": parts})
    assert silence(practice) == "second"


def test_who_has_left_is_not_called(practice: Care) -> None:
    practice.tell(practitioner("duty", active=False))
    save(practice, phq())
    assert owner(practice) == "lead"


def test_one_person_in_two_roles_is_called_once_a_round(practice: Care) -> None:
    practice.tell(role("duty-role", "duty", "clinic"))
    team = practice.read("CareTeam/clinics")
    extra = part("PractitionerRole/duty-role", "on-call")
    practice.put({**team, "participant": [*team["participant"], extra]})
    save(practice, phq())
    assert [silence(practice) for _ in range(4)] == ["lead", "above", "doctor", "duty"]


def test_where_nobody_is_there_an_alarm_says_so_until_somebody_is(practice: Care) -> None:
    leave(practice, *PEOPLE)
    save(practice, {**phq(), "subject": {"reference": "Patient/ben"}})
    whole = "Organization/house"
    assert (owner(practice), flags(practice), without_a_person(practice)) == (whole, ["active"], 1)
    assert silence(practice) == whole
    assert (flags(practice), without_a_person(practice)) == (["active"], 1)
    assert "extension" not in the_call(practice), "it is not of that department"
    ward = {"url": DEPARTMENT, "valueReference": {"reference": "Organization/ward"}}
    practice.tell(practitioner("new"))
    practice.put(department_team("wards", "ward", part("Practitioner/new")))
    task = the_call(practice)
    said = {name: value for name, value in task.items() if name != "businessStatus"}
    practice.put({**said, "extension": [ward]})
    assert without_a_person(practice) == 1, "that nobody is there is not the client's to say"
    assert silence(practice, 10) == "new"
    assert (flags(practice), without_a_person(practice)) == (["inactive"], 0)


def test_somebody_who_sees_to_it_though_nobody_was_called_ends_the_alarm(practice: Care) -> None:
    leave(practice, *(each for each in PEOPLE if each != "stranger"))
    save(practice, {**phq(), "subject": {"reference": "Patient/ben"}})
    assert without_a_person(practice) == 1
    assert step(practice, "accepted", by="Practitioner/stranger")[0] == 200
    assert without_a_person(practice) == 0
    assert "businessStatus" not in the_call(practice)


def test_a_response_of_nobody_known_calls_who_is_on_call_for_the_whole_practice(practice: Care) -> None:
    practice.put(department_team("wards", "ward", part("Practitioner/second", "on-call"), part("Practitioner/lead")))
    save(practice, nameless())
    assert without_a_person(practice) == 0
    assert [owner(practice), *(silence(practice) for _ in range(3))] == ["above", "lead", "second", "above"]


def nameless() -> Resource:
    """A response that says neither a person nor a department."""
    return {name: value for name, value in phq(meta=EHR).items() if name not in ("subject", "author")}


def test_of_a_person_nobody_knows_the_whole_practice_answers(practice: Care) -> None:
    leave(practice, *PEOPLE)
    save(practice, nameless())
    assert (owner(practice), without_a_person(practice)) == ("Organization/house", 1)
    (flag,) = (each for each in practice.found("Flag?_sort=date") if "nobody-there" in str(each["code"]))
    assert (flag["status"], flag["subject"]) == ("active", {"reference": "Organization/house"})
    practice.tell(practitioner("above"))
    assert silence(practice) == "above"
    assert (flags(practice), without_a_person(practice)) == (["inactive"], 0)


def test_where_no_department_is_known_at_all_it_is_on_the_list_and_counted(practice: Care) -> None:
    for team in ("anns", "clinics", "houses"):
        practice.put({**practice.read(f"CareTeam/{team}"), "status": "inactive"})
    save(practice, nameless())
    assert (owner(practice), flags(practice), without_a_person(practice)) == ("", [], 1)
    assert (silence(practice), without_a_person(practice)) == ("", 1)
    practice.put(department_team("wards", "ward", part("Practitioner/lead")))
    assert silence(practice, 10) == "lead"
    assert without_a_person(practice) == 0


def test_nobody_in_the_department_calls_who_is_on_call_for_the_whole_practice(practice: Care) -> None:
    ward = {"url": DEPARTMENT, "valueReference": {"reference": "Organization/ward"}}
    save(practice, {**phq(extension=[ward]), "subject": {"reference": "Patient/ben"}})
    assert owner(practice) == "above"
    assert ward in the_call(practice)["extension"], "it stays theirs"


@pytest.mark.parametrize("how", ["registered", "team", "visit"])
def test_who_says_no_department_belongs_somewhere(practice: Care, how: str) -> None:
    practice.put(department_team("wards", "ward", part("Practitioner/second", "on-call"), part("Practitioner/lead")))
    ward: Resource = {"reference": "Organization/ward"}
    if how == "registered":
        practice.tell({**patient("ben"), "managingOrganization": ward})
    elif how == "team":
        practice.put({**person_team("bens", "ben", part("Practitioner/doctor"), department="ward"), "meta": EHR})
    else:
        practice.tell(
            visit("e1", "2031-03-01", "clinic"), visit("e2", "2031-03-02", "ward"),
            visit("e3", "2031-03-03", "clinic", status="cancelled"),
        )  # fmt: skip
    save(practice, {**phq(), "subject": {"reference": "Patient/ben"}})
    assert owner(practice) == "second"
    assert {"url": DEPARTMENT, "valueReference": ward} in the_call(practice)["extension"]


@pytest.mark.parametrize("where", ["response", "encounter"])
def test_the_department_is_that_of_the_visit(practice: Care, where: str) -> None:
    practice.put(department_team("wards", "ward", part("Practitioner/second", "on-call"), part("Practitioner/lead")))
    ward: Resource = {"reference": "Organization/ward"}
    encounter: Resource = {
        "resourceType": "Encounter", "id": "e1", "status": "in-progress", "subject": {"reference": "Patient/ann"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}, "serviceProvider": ward,
    }  # fmt: skip
    practice.tell(encounter)
    more: dict[str, Any] = {"encounter": {"reference": "Encounter/e1"}}
    if where == "response":
        more = {"extension": [{"url": DEPARTMENT, "valueReference": ward}]}
    save(practice, phq(**more))
    assert owner(practice) == "second"


def test_who_sees_to_it_and_what_was_done_is_recorded(practice: Care) -> None:
    save(practice, phq())
    practice.pass_time(minutes=3)
    assert step(practice, "accepted", by="Practitioner/stranger")[0] == 200
    assert step(practice, "completed") == (422, "Task.statusReason")
    practice.pass_time(minutes=20)
    assert step(practice, "completed", why="Called, and safe.")[0] == 200
    period = the_call(practice)["executionPeriod"]
    assert (period["start"][:16], period["end"][:16]) == ("2031-03-03T08:03", "2031-03-03T08:23")
    said = [(each["date"], each["author"]["reference"]) for each in issue(practice)["mitigation"]]
    assert said == [(period[name], "Practitioner/stranger") for name in ("start", "end")]
    assert step(practice, "accepted")[0] == 409


def test_who_gives_it_back_has_the_next_called(practice: Care) -> None:
    save(practice, phq())
    assert step(practice, "accepted")[0] == 200
    practice.pass_time(hours=3)
    assert step(practice, "requested")[0] == 200
    assert owner(practice) == "lead"
    assert silence(practice) == "above"


def test_another_may_be_named_by_hand_and_has_their_time(practice: Care) -> None:
    save(practice, phq())
    practice.pass_time(minutes=4)
    assert step(practice, "requested", by="Practitioner/stranger")[0] == 200
    assert silence(practice, 2) == "stranger"
    assert silence(practice, 4) == "duty"


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("accepted", {"by": "Practitioner/nobody"}, "Task.owner"),
    ("accepted", {"by": "Organization/clinic"}, "Task.owner"),
    ("requested", {"by": "Practitioner/nobody"}, "Task.owner"),
    ("rejected", {}, "Task.status"),
    ("on-hold", {}, "Task.status"),
    ("cancelled", {}, "Task.statusReason"),
    ("requested", {"priority": "routine"}, "Task.priority"),
    ("requested", {"focus": {"reference": "DetectedIssue/other"}}, "Task.focus"),
]


def test_what_would_let_it_be_forgotten_is_refused(practice: Care) -> None:
    save(practice, phq())
    for status, members, where in REFUSED:
        assert step(practice, status, **members) == (422, where)
    assert silence(practice) == "lead"


def test_a_deadline_is_not_put_off_by_hand_and_it_is_not_deleted(practice: Care) -> None:
    save(practice, phq())
    later = {"period": {"end": practice.at(days=30)}}
    assert step(practice, "received", restriction=later)[0] == 200
    assert practice.ask("DELETE", f"Task/{the_call(practice)['id']}").status == 409
    assert silence(practice) == "lead"


def test_it_becomes_no_ehrs_by_a_source_that_is_written_into_it(practice: Care) -> None:
    save(practice, phq())
    echoed = {"source": "urn:ehr"}
    assert step(practice, "completed", meta=echoed) == (422, "Task.statusReason")
    assert step(practice, "received", meta=echoed)[0] == 200
    assert "source" not in the_call(practice)["meta"]
    assert practice.ask("DELETE", f"Task/{the_call(practice)['id']}").status == 409
    assert silence(practice) == "lead"


def test_who_sees_to_it_need_not_repeat_what_is_ours_to_say(practice: Care) -> None:
    save(practice, phq())
    task = the_call(practice)
    said = {name: value for name, value in task.items() if name not in ("restriction", "extension", "meta")}
    assert practice.ask("PUT", f"Task/{task['id']}", {**said, "status": "accepted"}).status == 200
    seen = the_call(practice)
    assert (seen["restriction"], seen["meta"]["security"]) == (task["restriction"], task["meta"]["security"])


def test_a_task_that_is_written_plainly_calls_too(practice: Care) -> None:
    coding = [{"system": "https://carethread.dev/fhir/CodeSystem/careteam-task", "code": "critical-answer"}]
    task: Resource = {"resourceType": "Task", "id": "t1", "status": "requested", "intent": "order", "priority": "asap",
                      "code": {"coding": coding}, "for": {"reference": "Patient/ann"}}  # fmt: skip
    practice.put(task)
    assert owner(practice) == "duty"
    answer = practice.ask("PUT", "Task/t2", {**task, "id": "t2", "status": "ready"})
    assert (answer.status, json.parse_object(answer.body)["issue"][0]["expression"]) == (422, ["Task.status"])


def test_whether_somebody_was_reached_is_known_of_each_response(practice: Care) -> None:
    runtime = practice.runtimes["questionnaires"]
    assert reached(runtime, "r1") == ""
    practice.put(phq())
    assert reached(runtime, "r1") == "waiting"
    practice.send("questionnaires")
    assert reached(runtime, "r1") == "called"
    assert step(practice, "accepted")[0] == 200
    assert reached(runtime, "r1") == "seen"
    leave(practice, *PEOPLE)
    save(practice, {**phq(id_="r2"), "subject": {"reference": "Patient/ben"}})
    assert reached(runtime, "r2") == "nobody"
    save(practice, {**phq(harm=0, id_="r2"), "subject": {"reference": "Patient/ben"}})
    assert reached(runtime, "r2") == ""
    save(practice, phq(id_="r3"), backfill=True)
    assert reached(runtime, "r3") == ""


def test_while_care_teams_are_away_it_waits(practice: Care) -> None:
    class Away:
        def read(self, service: str, key: object, version: int = 0) -> None:
            raise Busy("away")

    save(practice, phq())
    away = replace(practice.runtimes["questionnaires"], owners=cast("Owners", Away()))
    assert reached(away, "r1") == "waiting"
