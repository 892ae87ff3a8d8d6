"""Social needs lead to help: from the answer to what came of it, told to the person; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from carethread.careteams.needs import proposing
from carethread.careteams.needs.told import GRAVITY, told_by
from carethread.core.fhir import json
from carethread.core.ports import Resource
from support.care import Care, patient
from support.helping import (
    DOCTOR,
    FORM,
    HOUSING,
    HURT,
    LEAD,
    PANTRY,
    SHELTER,
    TRANSPORT,
    UTILITIES,
    WORKER,
    YES,
    answer,
    chain,
    clinical,
    code,
    conditions,
    copied_practice,
    do,
    gone,
    helping_practice,
    judge,
    keep_all,
    offer,
    outcome,
    refer,
    referred,
    responded,
    settle,
    tasks,
    text,
    the_need,
    to,
    told,
    verified,
)

NO = 1
HL7 = "http://terminology.hl7.org/CodeSystem"


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The databases of a practice in which nothing was answered yet."""
    folder = tmp_path_factory.mktemp("practice")
    with helping_practice(folder, "sqlite://"):
        pass
    return folder


@pytest.fixture
def practice(seeded: Path, tmp_path: Path) -> Iterator[Care]:
    """What is about rules alone needs one database only."""
    with copied_practice(seeded, tmp_path) as made:
        yield made


@pytest.fixture
def anywhere(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with helping_practice(tmp_path, database_url) as made:
        yield made


def refused(answered: tuple[int, Any]) -> tuple[int, str]:
    """The status of a refusal, and what it is about."""
    status, outcome_ = answered
    return status, outcome_["issue"][0]["expression"][0]


def opened(practice: Care, who: str = "ann") -> list[str]:
    """The codes of all Tasks that somebody has still to do."""
    found = practice.found(f"Task?patient=Patient/{who}&status=requested,accepted,in-progress,on-hold&_sort=_id")
    ours = [each["code"]["coding"][-1]["code"] for each in found]
    return sorted(each for each in ours if each not in ("take-over", "critical-answer"))


def found_elsewhere() -> Resource:
    """A Condition of an EHR that says a need of Ann's on transport."""
    return {
        "resourceType": "Condition", "id": "theirs", "meta": {"source": "urn:ehr"},
        "clinicalStatus": {"coding": [{"system": f"{HL7}/condition-clinical", "code": "active"}]},
        "category": [{"coding": [{"system": GRAVITY, "code": "transportation-insecurity"}]}],
        "code": {"text": "Transport"}, "subject": {"reference": "Patient/ann"},
    }  # fmt: skip


# ------------------------------------------------------------------------------------------ from an answer to a need


def test_an_answer_proposes_a_condition_that_a_person_is_to_confirm(anywhere: Care) -> None:
    answer(anywhere, {TRANSPORT: YES})
    (condition,) = conditions(anywhere)
    assert verified(anywhere, f"Condition/{condition['id']}") == "unconfirmed"
    categories = [each["coding"][0]["code"] for each in condition["category"]]
    assert categories == ["health-concern", "sdoh", "transportation-insecurity"]
    assert condition["code"]["coding"][0]["code"] == "Z59.82"
    assert {each["code"] for each in condition["meta"]["security"]} == {"R", "SPI"}
    (evidence,) = condition["evidence"][0]["detail"]
    assert evidence["reference"].startswith("Observation/")
    (task,) = tasks(anywhere, "confirm-need", "requested")
    assert task["owner"] == {"reference": DOCTOR}
    assert task["focus"] == {"reference": f"Condition/{condition['id']}"}
    assert "transport" not in str(task["description"]).lower(), "it does not say which need it is"


def test_no_need_no_condition(practice: Care) -> None:
    answer(practice, {TRANSPORT: NO, HOUSING: 0, UTILITIES: 1, HURT: 0, "/96778-6": [7], "/88122-7": 2, "/88123-5": 2})
    assert conditions(practice) == []
    assert opened(practice) == []


def test_each_category_is_a_need_of_its_own(practice: Care) -> None:
    food = {"/88122-7": 0, "/88123-5": 0}
    answer(practice, {HOUSING: 2, "/96778-6": [0, 1, 3], TRANSPORT: YES, UTILITIES: 2, HURT: 2, "/95616-9": 4, **food})
    found = {each["code"]["coding"][0]["code"] for each in conditions(practice)}
    assert found - {"Z59.11", "Z59.19"} == {"Z59.00", "Z59.82", "Z59.12", "Z59.41", "Z63.8"}
    assert len(conditions(practice)) == 6
    assert opened(practice) == ["confirm-need"] * 6


def test_told_twice_it_is_one_need_with_more_evidence(anywhere: Care) -> None:
    answer(anywhere, {TRANSPORT: YES})
    answer(anywhere, {TRANSPORT: YES}, id_="r2")
    (condition,) = conditions(anywhere)
    assert len(condition["evidence"]) == 2
    assert opened(anywhere) == ["confirm-need"]
    assert chain(anywhere, "QuestionnaireResponse/r2") == chain(anywhere, "QuestionnaireResponse/r1")


def test_what_an_ehr_has_found_already_is_not_proposed_again(practice: Care) -> None:
    practice.tell(found_elsewhere())
    answer(practice, {TRANSPORT: YES})
    assert the_need(practice) == "Condition/theirs"
    assert opened(practice) == ["offer-help"]
    assert offer(practice, "Condition/theirs", "accept", PANTRY)[0] == 200
    assert refer(practice, "Condition/theirs")[0] == 200


def test_what_an_ehr_finds_later_takes_the_place_of_what_was_proposed(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    ours = the_need(practice)
    practice.tell(found_elsewhere())
    settle(practice)
    assert verified(practice, ours) == "entered-in-error"
    assert opened(practice) == ["offer-help"]
    (mine,) = (each for each in chain(practice, "Patient/ann") if each["condition"] == "Condition/theirs")
    assert [each["step"] for each in mine["links"]][:3] == ["answer", "observation", "need"]


def test_history_proposes_and_calls_nobody(anywhere: Care) -> None:
    answer(anywhere, {TRANSPORT: YES}, backfill=True)
    assert verified(anywhere, the_need(anywhere)) == "unconfirmed"
    (listed,) = tasks(anywhere, "review-need", "requested")
    assert "owner" not in listed
    assert "restriction" not in listed
    anywhere.pass_time(days=400)
    anywhere.fire()
    assert "owner" not in tasks(anywhere, "review-need")[0]
    answer(anywhere, {TRANSPORT: YES}, id_="r2")
    assert opened(anywhere) == ["confirm-need"]
    assert len(conditions(anywhere)) == 1


def test_history_of_long_ago_proposes_nothing(practice: Care) -> None:
    practice.pass_time(days=366)
    answer(practice, {TRANSPORT: YES}, backfill=True)
    assert conditions(practice) == []


def test_who_is_on_the_list_of_history_can_be_judged(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES}, backfill=True)
    assert judge(practice, the_need(practice))[0] == 200
    assert opened(practice) == ["offer-help"]


# ------------------------------------------------------------------------------------------------------ taken back


@pytest.mark.parametrize("how", ["amended", "entered-in-error", "deleted"])
def test_what_nobody_has_confirmed_goes_with_its_answer(anywhere: Care, how: str) -> None:
    answer(anywhere, {TRANSPORT: YES})
    path = the_need(anywhere)
    if how == "amended":
        answer(anywhere, {TRANSPORT: NO}, status="amended")
    elif how == "deleted":
        gone(anywhere, "QuestionnaireResponse/r1")
    else:
        answer(anywhere, {TRANSPORT: YES}, status=how)
    assert verified(anywhere, path) == "entered-in-error"
    assert clinical(anywhere, path) == ""
    assert opened(anywhere) == []
    assert [each["state"] for each in chain(anywhere, path)] == ["withdrawn"]
    answer(anywhere, {TRANSPORT: YES}, id_="r2")
    assert len(conditions(anywhere)) == 2, "told again, it is another"


def test_with_other_evidence_it_stays(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    answer(practice, {TRANSPORT: YES}, id_="r2")
    answer(practice, {TRANSPORT: NO}, status="amended")
    assert verified(practice, the_need(practice)) == "unconfirmed"
    assert opened(practice) == ["confirm-need"]


def test_what_somebody_has_confirmed_stays_for_them_to_judge(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    judge(practice, path)
    answer(practice, {TRANSPORT: NO}, status="amended")
    assert verified(practice, path) == "confirmed"
    assert opened(practice) == ["offer-help", "review-need"]
    assert judge(practice, path, "refute", reason=text("A slip of the pen."))[0] == 200
    assert (verified(practice, path), clinical(practice, path)) == ("refuted", "inactive")
    assert opened(practice) == []


def test_an_answer_amended_to_another_need_is_that(practice: Care) -> None:
    answer(practice, {HOUSING: 1})
    first = the_need(practice)
    answer(practice, {HOUSING: 2}, status="amended")
    codes = {each["code"]["coding"][0]["code"]: f"Condition/{each['id']}" for each in conditions(practice)}
    assert codes["Z59.811"] == first
    assert (verified(practice, first), verified(practice, codes["Z59.00"])) == ("entered-in-error", "unconfirmed")


# ------------------------------------------------------------------------------------------------- judged by a person


def test_refuted_it_is_over_and_told_again_it_is_new(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    assert judge(practice, path, "refute")[0] == 200
    assert verified(practice, path) == "refuted"
    assert opened(practice) == []
    assert refused(judge(practice, path)) == (409, "Condition")
    answer(practice, {TRANSPORT: YES}, id_="r2")
    assert len(conditions(practice)) == 2


def test_confirmed_by_a_write_of_the_condition_it_is_confirmed(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    condition = json.parse_object(practice.ask("GET", path, service="records").body)
    condition["verificationStatus"]["coding"][0]["code"] = "confirmed"
    practice.put(condition)
    settle(practice)
    assert opened(practice) == ["offer-help"]


def test_refuted_by_a_write_of_the_condition_it_is_over(practice: Care) -> None:
    path = referred(practice)
    condition = json.parse_object(practice.ask("GET", path, service="records").body)
    condition["verificationStatus"]["coding"][0]["code"] = "refuted"
    practice.put(condition)
    settle(practice)
    assert opened(practice) == []
    assert tasks(practice, "need-referral")[0]["status"] == "cancelled"
    assert len(told(practice, "Patient/ann")) == 1


def test_whoever_confirms_may_name_it_better(practice: Care) -> None:
    answer(practice, {HURT: 2})
    path = the_need(practice)
    better = {"valueCoding": {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "Z63.0"}}
    assert judge(practice, path, code=better)[0] == 200
    assert conditions(practice)[0]["code"]["coding"][0]["code"] == "Z63.0"


def test_what_is_said_wrong_is_refused(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    for said, expected in (
        ({"decision": code("perhaps"), "by": to(DOCTOR)}, (422, "decision")),
        ({"decision": code("confirm")}, (400, "by")),
        ({"decision": code("confirm"), "by": to("Practitioner/nobody")}, (422, "by")),
        ({"decision": code("refute"), "by": to(DOCTOR), "code": text("Else")}, (422, "code")),
    ):
        assert refused(do(practice, path, "judge-need", **said)) == expected
    judge(practice, path)
    for said, expected in (
        ({"answer": code("maybe"), "by": to(DOCTOR)}, (422, "answer")),
        ({"answer": code("accept"), "by": to(DOCTOR), "to": to("Organization/unknown")}, (422, "to")),
        ({"answer": code("accept"), "by": to(DOCTOR), "to": to("HealthcareService/unknown")}, (422, "to")),
        ({"answer": code("decline"), "by": to(DOCTOR), "to": to(PANTRY)}, (422, "to")),
        (
            {"answer": code("accept"), "by": to(DOCTOR), "until": {"valueInstant": "2030-01-01T00:00:00Z"}},
            (422, "until"),
        ),
    ):
        assert refused(do(practice, path, "offer-help", **said)) == expected
    for said, expected in (
        ({"by": to(DOCTOR)}, (400, "to")),
        ({"by": to(DOCTOR), "to": to(PANTRY), "priority": code("soon")}, (422, "priority")),
        ({"by": to(DOCTOR), "to": to(PANTRY), "due": {"valueInstant": "2030-01-01T00:00:00Z"}}, (422, "due")),
        ({"by": to(DOCTOR), "to": to("Organization/unknown")}, (422, "to")),
    ):
        assert refused(do(practice, path, "refer", **said)) == expected
    assert opened(practice) == ["offer-help"]


def test_a_condition_that_is_no_need_has_none_of_it(practice: Care) -> None:
    assert judge(practice, "Condition/unknown")[0] == 404
    assert offer(practice, "Condition/unknown")[0] == 404
    assert refer(practice, "Condition/unknown")[0] == 404
    assert do(practice, "Task/unknown", "referral-outcome", status=code("accepted"))[0] == 404


# ------------------------------------------------------------------------------------------------------------ consent


def test_help_is_offered_for_what_is_confirmed(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    assert refused(offer(practice, the_need(practice)))[0] == 422
    assert practice.found("Consent?patient=Patient/ann") == []


def test_nobody_is_asked_without_a_yes(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    assert refused(refer(practice, path))[0] == 422
    judge(practice, path)
    assert refused(refer(practice, path)) == (422, "to")
    offer(practice, path, "accept", SHELTER)
    assert refused(refer(practice, path)) == (422, "to"), "the yes is for somebody else"
    assert tasks(practice, "need-referral") == []


def test_a_yes_without_names_is_for_the_care_team(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    judge(practice, path)
    offer(practice, path)
    assert refused(refer(practice, path)) == (422, "to")
    assert refer(practice, path, WORKER)[0] == 200
    assert tasks(practice, "need-referral")[0]["owner"] == {"reference": WORKER}


def test_a_yes_for_who_provides_a_service_is_one_for_the_service(practice: Care) -> None:
    service = {"resourceType": "HealthcareService", "id": "rides", "providedBy": {"reference": PANTRY}}
    practice.put(service)
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    judge(practice, path)
    offer(practice, path, "accept", SHELTER)
    assert refused(refer(practice, path, "HealthcareService/rides")) == (422, "to")
    offer(practice, path, "accept", PANTRY)
    assert refer(practice, path, "HealthcareService/rides")[0] == 200


def test_a_refusal_elsewhere_wins(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    judge(practice, path)
    offer(practice, path, "accept", PANTRY)
    practice.put({
        "resourceType": "Consent", "id": "never", "status": "active", "dateTime": "2031-01-01",
        "scope": {"coding": [{"system": f"{HL7}/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "policyRule": {"text": "Mine"}, "patient": {"reference": "Patient/ann"},
        "provision": {"type": "deny", "actor": [{
            "role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": PANTRY}}]},
    })  # fmt: skip
    assert refused(refer(practice, path)) == (422, "to")


def test_a_no_is_respected(anywhere: Care) -> None:
    answer(anywhere, {TRANSPORT: YES})
    path = the_need(anywhere)
    judge(anywhere, path)
    assert offer(anywhere, path, "decline")[0] == 200
    (consent,) = anywhere.found("Consent?patient=Patient/ann")
    assert consent["status"] == "rejected"
    assert opened(anywhere) == []
    assert chain(anywhere, path)[0]["state"] == "declined"
    answer(anywhere, {TRANSPORT: YES}, id_="r2")
    assert opened(anywhere) == [], "not asked again"
    assert refused(offer(anywhere, path, "accept", PANTRY)) == (409, "asked-by-person")
    assert refused(refer(anywhere, path)) == (422, "to")
    anywhere.pass_time(days=181)
    answer(anywhere, {TRANSPORT: YES}, id_="r3")
    assert opened(anywhere) == ["offer-help"], "told again after that, it is offered again"


def test_who_comes_back_to_it_is_heard(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    judge(practice, path)
    offer(practice, path, "decline")
    assert offer(practice, path, "accept", PANTRY, asked_by_person={"valueBoolean": True})[0] == 200
    assert refer(practice, path)[0] == 200


def test_a_yes_taken_back_ends_what_was_asked_by_it(anywhere: Care) -> None:
    path = referred(anywhere)
    (consent,) = anywhere.found("Consent?patient=Patient/ann&status=active")
    anywhere.put({**consent, "status": "inactive"})
    settle(anywhere)
    assert tasks(anywhere, "need-referral")[0]["status"] == "cancelled"
    assert opened(anywhere) == []
    request = json.parse_object(
        anywhere.ask("GET", tasks(anywhere, "need-referral")[0]["focus"]["reference"], service="records").body
    )
    assert request["status"] == "revoked"
    assert len(told(anywhere, "Patient/ann")) == 1
    assert refused(refer(anywhere, path)) == (422, "to")


def test_the_consent_is_one_that_summaries_know(practice: Care) -> None:
    """Without it the need stays back; with it, it goes to those whom it names."""
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    judge(practice, path)
    summary = f"Patient/ann/$transfer-summary?recipient={WORKER}&author={DOCTOR}"
    assert path.partition("/")[2] not in str(practice.operate("GET", summary))
    (consent,) = [offer(practice, path, "accept", PANTRY)[1]["parameter"][1]["resource"]]
    assert consent["provision"]["actor"][0]["reference"] == {"reference": PANTRY}
    assert consent["category"][0]["coding"][0]["code"] == "IDSCL"


def test_said_again_under_its_key_it_is_said_once(anywhere: Care) -> None:
    answer(anywhere, {TRANSPORT: YES})
    path = the_need(anywhere)
    judge(anywhere, path)
    assert offer(anywhere, path, "accept", PANTRY, once="a") == offer(anywhere, path, "accept", PANTRY, once="a")
    assert refer(anywhere, path, once="b") == refer(anywhere, path, once="b")
    assert len(tasks(anywhere, "need-referral")) == 1
    assert len(anywhere.found("Consent?patient=Patient/ann")) == 1
    assert refused(refer(anywhere, path)) == (409, "to")


# ----------------------------------------------------------------------------------------- referral and what came of it


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


# -------------------------------------------------------------------------------------------------------- escalation


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


# ----------------------------------------------------------------------------------------------------------- the chain


def test_the_chain_is_the_same_from_each_of_its_links(anywhere: Care) -> None:
    path = referred(anywhere)
    outcome(anywhere, "accepted")
    outcome(anywhere, "completed", "need-met")
    (whole,) = chain(anywhere, path)
    steps = [each["step"] for each in whole["links"]]
    assert steps[:8] == [
        "answer", "observation", "need", "confirm-need", "offer-help", "consent", "arrange-help", "request",
    ]  # fmt: skip
    assert steps.count("told") == 4
    assert (whole["state"], whole["missing"], whole["witnessed"]) == ("to-review", "need", True)
    assert whole["turns"][0]["who"] == DOCTOR
    by_path = {each["what"]: each for each in whole["links"]}
    for each in whole["links"]:
        assert each["step"] == "answer" or each["provenance"]
        for before in each.get("from", ()):
            assert each["what"] in by_path[before]["to"], "it is walked both ways"
        assert chain(anywhere, each["what"]) == [whole]
        for provenance in each.get("provenance", ())[:1] if each["step"] != "observation" else ():
            assert chain(anywhere, provenance) == [whole]
    assert chain(anywhere, "Patient/ann") == [whole]


def test_before_anything_has_arrived_the_chain_says_what_is_known(practice: Care) -> None:
    practice.put(responded({TRANSPORT: YES}))
    practice.send("questionnaires")
    copies = [s for chunk in practice.stores["records"].dump("Observation") for s in chunk.versions]
    practice.keep(*({"resourceType": "Observation", "id": each.id} for each in copies))
    (need,) = chain(practice, "Patient/ann")
    assert (need["state"], need["witnessed"]) == ("to-confirm", False)
    assert [each["step"] for each in need["links"]] == ["observation", "need", "confirm-need"]


def test_what_is_of_no_need_has_no_chain(practice: Care) -> None:
    assert practice.ask("GET", "Task/unknown/$need-chain").status == 404
    assert practice.ask("GET", "Patient/ben/$need-chain").status == 200
    assert practice.ask("GET", "Condition/x/$need-chain?deep=1").status == 400


# ----------------------------------------------------------------------------------------------------- whose need it is


def merge(practice: Care, one: str, into: str) -> None:
    link = {"other": {"reference": f"Patient/{into}"}, "type": "replaced-by"}
    practice.tell(patient(one, active=False, link=[link]))
    practice.fire()
    settle(practice)


def unmerge(practice: Care, one: str) -> None:
    practice.tell(patient(one))
    practice.fire()
    settle(practice)


def test_who_is_merged_has_one_need(anywhere: Care) -> None:
    answer(anywhere, {TRANSPORT: YES})
    anywhere.pass_time(hours=1)
    answer(anywhere, {TRANSPORT: YES}, who="ben", id_="r2")
    (mine,), (theirs,) = (conditions(anywhere, who) for who in ("ann", "ben"))
    merge(anywhere, "ben", "ann")
    assert verified(anywhere, f"Condition/{mine['id']}") == "unconfirmed"
    assert verified(anywhere, f"Condition/{theirs['id']}") == "entered-in-error"
    assert opened(anywhere) == ["confirm-need"]
    states = {each["condition"]: each["state"] for each in chain(anywhere, "Patient/ben")}
    assert states == {f"Condition/{mine['id']}": "to-confirm", f"Condition/{theirs['id']}": "withdrawn"}
    answer(anywhere, {TRANSPORT: YES}, who="ben", id_="r3")
    assert opened(anywhere) == ["confirm-need"]
    unmerge(anywhere, "ben")
    assert opened(anywhere, "ben") == ["confirm-need"], "two again, each has their own"
    assert opened(anywhere, "ann") == ["confirm-need"]


def test_two_confirmed_needs_of_who_is_merged_are_somebodys_to_judge(practice: Care) -> None:
    for who, id_ in (("ann", "r1"), ("ben", "r2")):
        answer(practice, {TRANSPORT: YES}, who=who, id_=id_)
        judge(practice, the_need(practice, who))
        practice.pass_time(hours=1)
    merge(practice, "ben", "ann")
    assert opened(practice) == ["offer-help", "offer-help", "review-need"]


def test_who_has_died_is_offered_nothing_any_more(practice: Care) -> None:
    referred(practice)
    practice.tell(patient("ann", deceasedBoolean=True))
    practice.fire()
    settle(practice)
    assert opened(practice) == []
    assert tasks(practice, "need-referral")[0]["status"] == "cancelled"
    assert told(practice, "Patient/ann") == []


def test_it_is_committed_with_the_copy_or_not_at_all(practice: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*given: object, **more: object) -> None:
        raise RuntimeError("the process dies here")

    practice.put(responded({TRANSPORT: YES}))
    with monkeypatch.context() as patched:
        patched.setattr(proposing, "witness", dies)
        with pytest.raises(RuntimeError, match="dies"):
            settle(practice)
    assert practice.found("Task?code=confirm-need") == []
    assert practice.store.glance(lambda session: session.requests.all()) == []
    assert practice.store.glance(lambda session: session.places("open-need")) == []
    settle(practice)
    assert opened(practice) == ["confirm-need"]


def test_the_form_and_the_map_agree() -> None:
    """Each question that the map names is one of the form's, or calculated by it."""
    found = set()
    for item in FORM.items.values():
        for option in item.options:
            coded = {"coding": [option.value]}
            observation = {"status": "final", "code": {"coding": list(item.codes)}, "valueCodeableConcept": coded}
            if need := told_by(observation):
                found.add((item.link_id, need.category))
    assert {link for link, _ in found} == {HOUSING, "/96778-6", "/88124-3", TRANSPORT, UTILITIES, HURT, "/95616-9"}
