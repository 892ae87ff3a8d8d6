"""Answers lead to needs, which people judge: proposed, taken back, confirmed, refuted; on both databases."""

from __future__ import annotations

import pytest

from carethread.careteams.needs.told import GRAVITY, told_by
from carethread.core.fhir import json
from carethread.core.ports import Resource
from support.care import Care
from support.helping import (
    DOCTOR,
    FORM,
    HOUSING,
    HURT,
    PANTRY,
    TRANSPORT,
    UTILITIES,
    YES,
    answer,
    chain,
    clinical,
    code,
    conditions,
    do,
    gone,
    judge,
    offer,
    opened,
    refer,
    referred,
    refused,
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


def found_elsewhere() -> Resource:
    """A Condition of an EHR that says a need of Ann's on transport."""
    return {
        "resourceType": "Condition", "id": "theirs", "meta": {"source": "urn:ehr"},
        "clinicalStatus": {"coding": [{"system": f"{HL7}/condition-clinical", "code": "active"}]},
        "category": [{"coding": [{"system": GRAVITY, "code": "transportation-insecurity"}]}],
        "code": {"text": "Transport"}, "subject": {"reference": "Patient/ann"},
    }  # fmt: skip


# -------------------------------------------------------------------------------------------- from an answer to a need


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


def test_told_twice_it_is_one_need_with_more_evidence(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    answer(practice, {TRANSPORT: YES}, id_="r2")
    (condition,) = conditions(practice)
    assert len(condition["evidence"]) == 2
    assert opened(practice) == ["confirm-need"]
    assert chain(practice, "QuestionnaireResponse/r2") == chain(practice, "QuestionnaireResponse/r1")


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


# ---------------------------------------------------------------------------------------------------------- taken back


@pytest.mark.parametrize("how", ["amended", "entered-in-error", "deleted"])
def test_what_nobody_has_confirmed_goes_with_its_answer(practice: Care, how: str) -> None:
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    if how == "amended":
        answer(practice, {TRANSPORT: NO}, status="amended")
    elif how == "deleted":
        gone(practice, "QuestionnaireResponse/r1")
    else:
        answer(practice, {TRANSPORT: YES}, status=how)
    assert verified(practice, path) == "entered-in-error"
    assert clinical(practice, path) == ""
    assert opened(practice) == []
    assert [each["state"] for each in chain(practice, path)] == ["withdrawn"]
    answer(practice, {TRANSPORT: YES}, id_="r2")
    assert len(conditions(practice)) == 2, "told again, it is another"


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


# -------------------------------------------------------------------------------------------------- judged by a person


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
