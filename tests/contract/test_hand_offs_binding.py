"""What binds whoever writes: what stands here is changed by its rules, told as history or by who has not seen it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.ports import Resource
from support.care import Care, department_team, organization, part, patient, person_team
from support.desk import refer
from support.handing import answer, asked, entries, offered, parameters, plain_offer, steps, ward, who
from support.handing_over import plan
from support.person import condition, consent, permit

DOCTOR, NURSE, SECOND = "Practitioner/doctor", "Practitioner/nurse", "Practitioner/second"


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with ward(tmp_path, database_url) as made:
        yield made


def flags(practice: Care) -> list[str]:
    """Of whom an alarm says that nobody answers."""
    return [each["subject"]["reference"] for each in practice.found("Flag?_count=100") if each["status"] == "active"]


# --- What is told as history --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["inactive", "DELETE"])
def test_a_team_that_stands_here_does_not_end_in_silence(practice: Care, how: str) -> None:
    practice.put(plan("ann"))
    if how == "DELETE":
        assert practice.ask("DELETE", "CareTeam/anns", backfill=True).status == 204
    else:
        practice.put({**practice.read("CareTeam/anns"), "status": "inactive"}, backfill=True)
    practice.fire()
    assert flags(practice) == ["Patient/ann"]
    assert [each["for"] for each in practice.found("Task?code=take-over")] == [{"reference": "Patient/ann"}]


def test_a_team_that_stands_here_is_held_to_its_rules_however_it_is_sent(practice: Care) -> None:
    stands = practice.read("CareTeam/anns")
    for wrong in (part(DOCTOR, end=practice.at(days=-1)), part("Practitioner/nobody")):
        sent = {**stands, "participant": [wrong]}
        assert practice.ask("PUT", "CareTeam/anns", sent, backfill=True).status == 422
    practice.put({**stands, "participant": [part(DOCTOR, until=practice.at(seconds=2))]}, backfill=True)
    practice.pass_time(minutes=1)
    practice.fire()
    assert who(practice) == "Practitioner/duty"


def test_what_history_says_is_ahead_comes(practice: Care) -> None:
    practice.put(
        person_team("bens", "ben", part(DOCTOR, until=practice.at(seconds=2)), department="ward"), backfill=True
    )
    practice.put({**plain_offer(practice), "id": "told"}, backfill=True)
    practice.pass_time(hours=3)
    practice.fire()
    assert who(practice, "ben") == "Practitioner/duty"
    assert steps(practice, {"id": "told"})[:2] == ["offered", "escalated"]


def test_history_told_again_changes_nothing(practice: Care) -> None:
    over = person_team("bens", "ben", part(DOCTOR, end="2030-01-01"))
    made = practice.put(over, backfill=True)
    assert practice.put(over, backfill=True)["meta"] == made["meta"]
    done = {**plain_offer(practice), "id": "told", "status": "completed"}
    made = practice.put(done, backfill=True)
    assert practice.put(done, backfill=True)["meta"] == made["meta"]


def test_an_offer_that_stands_here_is_answered_by_its_rules_however_it_is_sent(practice: Care) -> None:
    task = offered(practice)
    stands = practice.read(f"Task/{task['id']}")
    wrong: list[Resource] = [
        {"status": "accepted", "owner": {"reference": "Practitioner/nobody"}},
        {"status": "accepted", "owner": {"reference": "Practitioner/stranger"}},
        {"status": "completed"},
        {"status": "rejected"},
        {"for": {"reference": "Patient/ben"}},
        {"restriction": {"period": {"end": practice.at(days=9)}}},
    ]
    for change in wrong:
        assert practice.ask("PUT", f"Task/{task['id']}", {**stands, **change}, backfill=True).status == 422, change
    assert who(practice) == DOCTOR
    practice.put({**stands, "status": "accepted"}, backfill=True)
    assert who(practice) == NURSE, "who accepts comes to answer"


# --- Who has not seen it ------------------------------------------------------------------------------------------


def test_an_accepted_hand_off_is_not_undone_by_who_has_not_seen_it(practice: Care) -> None:
    old = practice.read("CareTeam/anns")
    assert answer(practice, offered(practice), "accept")[0] == 200
    unseen = {name: value for name, value in old.items() if name != "meta"} | {
        "meta": {"profile": old["meta"]["profile"]}
    }
    for sent in (old, unseen):
        status, issues = practice.refusal("PUT", "CareTeam/anns", sent)
        assert (status, issues[0]["expression"]) == (409, ["CareTeam.participant[0].member"])
        assert "If-Match" in issues[0]["diagnostics"]
        assert practice.refusal("PUT", "CareTeam/anns", sent, headers={"if-match": "*"})[0] == 409
    assert who(practice) == NURSE
    practice.put({**practice.read("CareTeam/anns"), "note": [{"text": "Nothing new."}]})
    now = practice.read("CareTeam/anns")
    seen = {**unseen, "participant": [part(SECOND)]}
    match = {"if-match": f'W/"{now["meta"]["versionId"]}"'}
    assert practice.ask("PUT", "CareTeam/anns", seen, headers=match).status == 200
    assert who(practice) == SECOND


def test_who_has_seen_a_hand_off_names_another_lead(practice: Care) -> None:
    assert answer(practice, offered(practice), "accept")[0] == 200
    practice.put({**practice.read("CareTeam/anns"), "participant": [part(SECOND)]})
    assert who(practice) == SECOND


# --- Who is nobody ------------------------------------------------------------------------------------------------


def test_a_lead_stands_for_somebody(practice: Care) -> None:
    practice.tell(organization("house"))
    practice.put(person_team("inner", "ben", part("CareTeam/anns")))
    wrong = [
        person_team("self", "ben", part("CareTeam/self")),
        person_team("anns", "ann", part("CareTeam/inner"), department="ward"),
        person_team("other", "ben", part("Organization/clinic")),
        department_team("house", "house", part("Organization/house")),
    ]
    for team in wrong:
        bundle = {
            "resourceType": "Bundle", "type": "transaction",
            "entry": [{"resource": team, "request": {"method": "PUT", "url": f"CareTeam/{team['id']}"}}],
        }  # fmt: skip
        for method, path, body in (("PUT", f"CareTeam/{team['id']}", team), ("POST", "", bundle)):
            status, issues = practice.refusal(method, path, body)
            assert status == 422 and "participant[0].member" in issues[0]["expression"][0], team["id"]
    practice.put(person_team("other", "ben", part("Organization/ward")))
    entries_ = [
        {"resource": each, "request": {"method": "PUT", "url": f"CareTeam/{each['id']}"}}
        for each in (
            person_team("late", "ben", part("Organization/clinic")),
            department_team("clinic", "clinic", part(SECOND)),
        )
    ]
    together = {"resourceType": "Bundle", "type": "transaction", "entry": entries_}
    assert practice.ask("POST", "", together).status == 200, "those that are new together"


# --- How long, and about whom -------------------------------------------------------------------------------------


def test_an_answer_and_a_result_are_waited_for_a_year_at_most(practice: Care) -> None:
    for name in ("deadline", "result_by"):
        for end in ("9999-12-31T00:00:00Z", practice.at(days=367)):
            sent = parameters(asked(**{name: end}))
            status, issues = practice.refusal("POST", "Task/$hand-off", sent)
            assert (status, issues[0]["expression"]) == (422, [name.replace("_", "-")])
    far = {**plain_offer(practice), "id": "far", "restriction": {"period": {"end": "9999-12-31"}}}
    assert practice.refusal("PUT", "Task/far", far)[0] == 422
    practice.put({**far, "restriction": {"period": {"end": practice.at(days=365)}}})


def test_who_was_deleted_is_handed_over_no_more(practice: Care) -> None:
    moving, asks = offered(practice), offered(practice, SECOND, "referral")
    assert practice.ask("DELETE", "Patient/ann", service="records").status == 204
    practice.keep(patient("ann"))
    assert answer(practice, moving, "accept")[0] == 422, "also before it is withdrawn"
    practice.fire()
    for task in (moving, asks):
        assert practice.read(f"Task/{task['id']}")["status"] == "cancelled"
        last = entries(practice, task)[-1]
        assert (last.step, last.by, last.why) == ("withdrawn", "", "The person is deleted.")


def test_who_accepts_for_somebody_merged_answers_for_the_right_one_when_they_part(practice: Care) -> None:
    practice.put(person_team("bens", "ben", part("Practitioner/lead"), department="ward"))
    merge(practice, "ben", "ann")
    assert who(practice, "ben") == DOCTOR
    task = offered(practice, NURSE, "shift", "ben")
    assert answer(practice, task, "accept")[0] == 200
    assert (who(practice), who(practice, "ben")) == (NURSE, NURSE)
    assert practice.found("Task?code=parted-hand-off") == []
    merge(practice, "ben")
    assert (who(practice), who(practice, "ben")) == (DOCTOR, NURSE)
    told = practice.found("Task?code=parted-hand-off")
    assert sorted(each["owner"]["reference"] for each in told) == [DOCTOR, NURSE]
    assert {each["focus"]["reference"] for each in told} == {f"Task/{task['id']}"}


def merge(practice: Care, person: str, into: str = "") -> None:
    """Merge a person into another, or part them again."""
    link = {"link": [{"other": {"reference": f"Patient/{into}"}, "type": "replaced-by"}], "active": False}
    practice.tell(patient(person, **(link if into else {})))
    practice.keep(patient("ann"), patient("ben"))
    practice.fire()
    practice.pass_time(minutes=1)


# --- What is said -------------------------------------------------------------------------------------------------


def test_what_one_may_know_is_not_told_to_others_with_the_result(practice: Care) -> None:
    practice.tell(condition("mood", "F32.1", "Zzmood"))
    practice.put(consent("signed", permit("PSY", to=NURSE)))
    task = offered(practice, note="He is in psychotherapy", end_of_shift=practice.at(minutes=5))
    practice.pass_time(minutes=6)
    practice.fire()
    assert answer(practice, task, "accept")[0] == 200
    practice.operate("POST", f"Task/{task['id']}/$return", {"name": "note", "valueString": "All is well."})
    (told,) = practice.found(f"Communication?based-on=Task/{task['id']}")
    heard = {each["reference"] for each in told["recipient"]}
    assert heard == {DOCTOR, "Practitioner/duty"}
    assert [each["contentString"] for each in told["payload"]] == ["All is well."]


def test_a_return_without_a_word_does_not_tell_what_was_said_before(practice: Care) -> None:
    practice.tell(condition("mood", "F32.1", "Zzmood"))
    practice.put(consent("signed", permit("PSY", to=NURSE)))
    task = offered(practice, note="He is in psychotherapy")
    assert answer(practice, task, "accept")[0] == 200
    practice.operate("POST", f"Task/{task['id']}/$return", *refer("by", NURSE))
    (told,) = practice.found(f"Communication?based-on=Task/{task['id']}")
    assert "payload" not in told and "psychotherapy" not in str(told)


SAYING: dict[str, Any] = {
    "for": lambda task: {"for": {**task["for"], "display": "Ann, in psychotherapy"}},
    "owner": lambda task: {"owner": {**task["owner"], "display": "Her psychotherapist"}},
    "requester": lambda task: {"requester": {**task["requester"], "display": "Psychiatry"}},
    "code": lambda task: {"code": {"coding": [{**task["code"]["coding"][0], "display": "To psychotherapy"}]}},
    "meta": lambda task: {"meta": {**task["meta"], "tag": [{"code": "p", "display": "Psychotherapy"}]}},
    "restriction": lambda task: {"restriction": {**task["restriction"], "recipient": [{"display": "Psychotherapist"}]}},
    "extension": lambda task: {
        "extension": [{"url": "https://carethread.dev/fhir/StructureDefinition/else", "valueString": "Psychotherapy"}]
    },
}  # fmt: skip


@pytest.mark.parametrize("name", SAYING)
def test_nothing_of_a_plain_offer_is_unjudged(practice: Care, name: str) -> None:
    task = {**plain_offer(practice), "id": "plain"}
    task["code"] = {"coding": [{**task["code"]["coding"][0], "code": "referral"}]}
    status, issues = practice.refusal("PUT", "Task/plain", {**task, **SAYING[name](task)})
    assert (status, issues[0]["expression"]) == (422, [f"Task.{name}"])
    practice.put({**task, "owner": {**task["owner"], "display": "The nurse"}, "for": {**task["for"], "display": "Ann"}})
    mark = "https://carethread.dev/fhir/StructureDefinition/department"
    practice.put(
        {**task, "id": "more", "extension": [{"url": mark, "valueReference": {"reference": "Organization/ward"}}]}
    )
