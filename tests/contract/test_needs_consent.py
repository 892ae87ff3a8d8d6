"""Nobody is asked for help with a social need without a yes that holds, at that moment and at each step of theirs."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.context import Context, Principal, context_of
from carethread.core.fhir import json
from carethread.core.fhir.patch.jsonpatch import json_patch
from carethread.core.ports import Request, Session
from carethread.core.service import Call
from carethread.interactions.operations.once import new_id
from carethread.interactions.writing.unit import WriteUnit
from support.care import Care, part, patient, person_team
from support.helping import (
    DOCTOR,
    PANTRY,
    SHELTER,
    TRANSPORT,
    WORKER,
    YES,
    answer,
    chain,
    judge,
    offer,
    opened,
    outcome,
    refer,
    referred,
    refused,
    settle,
    tasks,
    the_need,
    told,
)

HL7 = "http://terminology.hl7.org/CodeSystem"


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


def test_a_no_is_respected(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    judge(practice, path)
    assert offer(practice, path, "decline")[0] == 200
    (consent,) = practice.found("Consent?patient=Patient/ann")
    assert consent["status"] == "rejected"
    assert opened(practice) == []
    assert chain(practice, path)[0]["state"] == "declined"
    answer(practice, {TRANSPORT: YES}, id_="r2")
    assert opened(practice) == [], "not asked again"
    assert refused(offer(practice, path, "accept", PANTRY)) == (409, "asked-by-person")
    assert refused(refer(practice, path)) == (422, "to")
    practice.pass_time(days=181)
    answer(practice, {TRANSPORT: YES}, id_="r3")
    assert opened(practice) == ["offer-help"], "told again after that, it is offered again"


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


# ------------------------------------------------------------------------------------------ a yes that is none any more

PROVISION = "/provision"


def the_yes(practice: Care) -> dict[str, Any]:
    """The only answer that was given to an offer of help."""
    found = practice.found("Consent?_count=200")
    (said,) = (each for each in found if each["category"][0]["coding"][0]["code"] == "IDSCL")
    return said


def changed(practice: Care, *patch: dict[str, Any]) -> None:
    """The only yes that was given stands changed, however that came about: it is read anew all the same."""
    made = json_patch(list(patch))(the_yes(practice))

    def work(session: Session) -> None:
        unit = WriteUnit(practice.runtime, session, Context(Principal("careteams"), clock=lambda: practice.now))
        unit.update(made)
        unit.store()

    practice.store.transact(work)
    settle(practice)


def written(practice: Care, *patch: dict[str, Any]) -> tuple[int, str]:
    """A client changes it; the status, and what a refusal is about."""
    sent = {"content_type": "application/json-patch+json"}
    found = practice.ask("PATCH", f"Consent/{the_yes(practice)['id']}", list(patch), headers=sent)
    settle(practice)
    return found.status, json.parse_object(found.body).get("issue", [{}])[0].get("expression", [""])[0]


def replaced(path: str, value: object) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


NO_PROFILE = {"op": "remove", "path": "/meta/profile"}
NO_YES = {
    "somebody else's": [replaced("/patient", {"reference": "Patient/ben"})],
    "for another purpose": [replaced(f"{PROVISION}/purpose", [{"system": f"{HL7}/v3-ActReason", "code": "HMARKT"}])],
    "a refusal": [NO_PROFILE, replaced(f"{PROVISION}/type", "deny")],
    "about something else": [replaced(f"{PROVISION}/data/0/reference", {"reference": "Condition/another"})],
    "of another category": [replaced(f"{PROVISION}/securityLabel/0/code", "HIV")],
    "about research": [NO_PROFILE, replaced("/scope/coding/0/code", "research")],
    "over": [replaced(f"{PROVISION}/period", {"end": "2026-01-02T00:00:00Z"})],
    "not verified": [replaced("/verification/0/verified", False)],
    "of a day to come": [replaced("/dateTime", "2035-01-01")],
}
"""What a yes is changed to that is none."""


def consented_elsewhere(who: str = "ann") -> dict[str, Any]:
    """A Consent by which everything of somebody goes to everybody; it is no yes to an offer of help."""
    return {
        "resourceType": "Consent", "id": f"all-of-{who}", "status": "active", "dateTime": "2025-01-01",
        "scope": {"coding": [{"system": f"{HL7}/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "policyRule": {"text": "Mine"}, "patient": {"reference": f"Patient/{who}"},
        "provision": {"type": "permit", "securityLabel": [{"system": f"{HL7}/v3-ActCode", "code": "SPI"}]},
    }  # fmt: skip


@pytest.mark.parametrize("patch", NO_YES.values(), ids=NO_YES)
def test_a_yes_that_is_none_any_more_is_not_counted(practice: Care, patch: list[dict[str, Any]]) -> None:
    """Not where somebody is asked, and it ends what was asked by it: the person is offered help again."""
    practice.put(consented_elsewhere())
    path = referred(practice)
    changed(practice, *patch)
    (task,) = tasks(practice, "need-referral")
    assert task["status"] == "cancelled"
    assert opened(practice) == ["offer-help"]
    assert tasks(practice, "offer-help", "requested")[0]["owner"] == {"reference": DOCTOR}
    assert refused(refer(practice, path)) == (422, "to")
    (request,) = practice.found("ServiceRequest?patient=Patient/ann")
    assert request["status"] == "revoked", "and nothing else was sent"


def test_who_says_yes_anew_is_helped(practice: Care) -> None:
    path = referred(practice)
    changed(practice, replaced("/dateTime", "2035-01-01"), replaced("/patient", {"reference": "Patient/ben"}))
    assert offer(practice, path, "accept", PANTRY)[0] == 200
    assert refer(practice, path)[0] == 200


def test_a_yes_that_was_made_one_for_another_lets_the_other_be_asked(practice: Care) -> None:
    path = referred(practice)
    changed(practice, replaced(f"{PROVISION}/actor/0/reference", {"reference": SHELTER}))
    assert tasks(practice, "need-referral")[0]["status"] == "cancelled"
    assert opened(practice) == ["arrange-help"]
    assert refused(refer(practice, path)) == (422, "to")
    assert refer(practice, path, SHELTER)[0] == 200


def test_somebody_elses_yes_to_their_own_need_is_none(practice: Care) -> None:
    """Nor is it where it is changed to be about this need, and named as given by this person's friend."""
    for who, id_ in (("ann", "r1"), ("ben", "r2")):
        answer(practice, {TRANSPORT: YES}, who=who, id_=id_)
        judge(practice, the_need(practice, who))
    offer(practice, the_need(practice, "ben"), "accept", PANTRY)
    changed(practice, replaced(f"{PROVISION}/data/0/reference", {"reference": the_need(practice, "ann")}))
    assert refused(refer(practice, the_need(practice, "ann"))) == (422, "to")
    changed(practice, replaced("/patient", {"reference": "Patient/ann"}))
    assert refused(refer(practice, the_need(practice, "ann"))) == (422, "to"), "it was no answer to this offer"
    assert refused(refer(practice, the_need(practice, "ben"))) == (422, "to")


def test_a_no_that_becomes_somebody_elses_is_none_of_this_person(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    judge(practice, path)
    offer(practice, path, "decline")
    changed(practice, replaced("/patient", {"reference": "Patient/ben"}))
    assert offer(practice, path, "accept", PANTRY)[0] == 200


def test_a_yes_that_is_over_ends_what_was_asked_by_it(anywhere: Care) -> None:
    answer(anywhere, {TRANSPORT: YES})
    path = the_need(anywhere)
    judge(anywhere, path)
    offer(anywhere, path, "accept", PANTRY, until={"valueInstant": anywhere.at(days=2)})
    refer(anywhere, path)
    anywhere.pass_time(days=2)
    assert refused(outcome(anywhere, "accepted"))[0] == 409, "before anything else has seen it"
    anywhere.fire()
    settle(anywhere)
    assert tasks(anywhere, "need-referral")[0]["status"] == "cancelled"
    assert opened(anywhere) == ["offer-help"]
    assert refused(refer(anywhere, path)) == (422, "to")


def test_a_yes_that_is_over_before_anybody_was_asked_is_asked_for_again(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    judge(practice, the_need(practice))
    offer(practice, the_need(practice), "accept", PANTRY, until={"valueInstant": practice.at(days=2)})
    practice.pass_time(days=2)
    practice.fire()
    assert opened(practice) == ["offer-help"]


def test_what_came_of_it_is_heard_though_the_yes_is_over(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    judge(practice, the_need(practice))
    offer(practice, the_need(practice), "accept", PANTRY, until={"valueInstant": practice.at(days=2)})
    refer(practice, the_need(practice))
    practice.pass_time(days=2)
    assert outcome(practice, "completed", "partly-met")[0] == 200
    assert opened(practice) == ["offer-help"], "nobody can be asked by it any more"


def test_a_refusal_elsewhere_ends_what_was_asked(anywhere: Care) -> None:
    referred(anywhere)
    refusal = consented_elsewhere() | {"id": "never"}
    refusal["provision"] = {"type": "deny", "actor": [{
        "role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": PANTRY}}]}  # fmt: skip
    anywhere.put(refusal)
    settle(anywhere)
    assert tasks(anywhere, "need-referral")[0]["status"] == "cancelled"
    assert opened(anywhere) == ["arrange-help"], "somebody else may be asked"


def test_other_consents_change_nothing(practice: Care) -> None:
    referred(practice)
    practice.put(consented_elsewhere())
    practice.put(consented_elsewhere("ben") | {"provision": {"type": "deny"}})
    settle(practice)
    assert opened(practice) == ["need-referral"]


def test_the_yes_stands_for_who_provides_the_service_at_later_steps(practice: Care) -> None:
    practice.put({"resourceType": "HealthcareService", "id": "rides", "providedBy": {"reference": PANTRY}})
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    judge(practice, path)
    offer(practice, path, "accept", PANTRY)
    refer(practice, path, "HealthcareService/rides")
    assert outcome(practice, "accepted")[0] == 200
    changed(practice, replaced("/dateTime", practice.at()))
    assert opened(practice) == ["need-referral"]


def test_who_was_on_the_team_is_told_nothing_more_once_they_are_not(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    judge(practice, path)
    offer(practice, path)
    refer(practice, path, WORKER)
    practice.put(person_team("anns", "ann", part(DOCTOR), department="clinic"))
    assert refused(outcome(practice, "accepted"))[0] == 409


def test_who_is_two_again_has_not_said_yes_as_the_other(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES}, who="ben", id_="r2")
    link = {"other": {"reference": "Patient/ann"}, "type": "replaced-by"}
    practice.tell(patient("ben", active=False, link=[link]))
    path = the_need(practice, "ben")
    judge(practice, path)
    offer(practice, path, "accept", PANTRY)
    practice.tell(patient("ben"))
    practice.fire()
    settle(practice)
    assert refused(refer(practice, path)) == (422, "to")


def test_a_key_that_was_used_for_another_need_is_refused(practice: Care) -> None:
    for who, id_ in (("ann", "r1"), ("ben", "r2")):
        answer(practice, {TRANSPORT: YES}, who=who, id_=id_)
        judge(practice, the_need(practice, who))
    ours, theirs = (the_need(practice, who) for who in ("ann", "ben"))
    assert offer(practice, theirs, "accept", PANTRY, once="a")[0] == 200
    assert offer(practice, ours, "accept", PANTRY, once="a")[0] == 409
    assert refer(practice, theirs, once="b")[0] == 200
    assert offer(practice, ours, "accept", PANTRY, once="c")[0] == 200
    assert refer(practice, ours, once="b")[0] == 409


# -------------------------------------------------------------------------------------------- no write makes it a yes


def declined(practice: Care) -> tuple[str, dict[str, Any]]:
    """A need with which the person wants no help, and what says so."""
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    judge(practice, path)
    offer(practice, path, "decline")
    return path, the_yes(practice)


def as_yes(no: dict[str, Any]) -> dict[str, Any]:
    """What somebody may make of a no."""
    actor = {"role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": PANTRY}}
    optin = {"coding": [{"system": f"{HL7}/v3-ActCode", "code": "OPTIN"}]}
    provision = {**no["provision"], "type": "permit", "actor": [actor]}
    return {**no, "status": "active", "policyRule": optin, "provision": provision}


def entries(practice: Care, *sent: dict[str, Any], method: str = "PUT") -> int:
    """The status of a transaction of writes."""
    made = [
        {
            "resource": each,
            "request": {"method": method, "url": f"Consent{'/' + each['id'] if method == 'PUT' else ''}"},
        }
        for each in sent
    ]
    return practice.ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": made}).status


@pytest.mark.parametrize("how", ["PUT", "history", "condition", "transaction", "PATCH"])
def test_no_client_makes_a_yes_of_a_no(anywhere: Care, how: str) -> None:
    path, no = declined(anywhere)
    yes, where = as_yes(no), f"Consent/{no['id']}"
    if how == "condition":
        anywhere.put({**no, "identifier": [{"system": "urn:example", "value": "1"}]})
        where = "Consent?identifier=urn:example%7C1"
    if how == "transaction":
        assert entries(anywhere, yes) == 422
    elif how == "PATCH":
        status = replaced("/status", "active")
        for also in ([], [replaced(f"{PROVISION}/type", "permit")]):
            assert written(anywhere, NO_PROFILE, status, *also) == (422, "Consent.status")
    else:
        found = anywhere.ask("PUT", where, yes, backfill=how == "history")
        assert (found.status, json.parse_object(found.body)["issue"][0]["expression"]) == (422, ["Consent.status"])
        assert f"POST {path}/$offer-help" in json.parse_object(found.body)["issue"][0]["diagnostics"]
    assert the_yes(anywhere)["status"] == "rejected"
    assert refused(refer(anywhere, path)) == (422, "to")


def test_no_client_ends_a_no(practice: Care) -> None:
    """By no write is the person asked again before its time; only they themselves come back to it."""
    path, no = declined(practice)
    started = no["provision"]["period"]["start"]
    assert written(practice, replaced(f"{PROVISION}/period/end", started)) == (422, "Consent.provision.period")
    assert written(practice, NO_PROFILE, replaced("/status", "inactive")) == (422, "Consent.status")
    assert practice.ask("DELETE", f"Consent/{no['id']}").status == 422
    assert entries(practice, {**no, "status": "entered-in-error"}) == 422
    assert refused(offer(practice, path, "accept", PANTRY)) == (409, "asked-by-person")
    assert offer(practice, path, "accept", PANTRY, asked_by_person={"valueBoolean": True})[0] == 200


def test_what_was_taken_back_is_not_given_by_a_write(anywhere: Care) -> None:
    """Neither step by step, nor by an earlier version, nor by one that was deleted and is sent once more."""
    path = referred(anywhere)
    first = the_yes(anywhere)
    where = f"Consent/{first['id']}"
    anywhere.put({**first, "status": "inactive"})
    assert anywhere.ask("PUT", where, first).status == 422
    assert anywhere.ask("PUT", where, {**first, "status": "draft"}).status == 200
    assert anywhere.ask("PUT", where, first).status == 422
    assert anywhere.ask("DELETE", where).status in (200, 204)
    for backfill in (False, True):
        assert anywhere.ask("PUT", where, first, backfill=backfill).status == 422
    assert entries(anywhere, first) == 422
    settle(anywhere)
    assert refused(refer(anywhere, path)) == (422, "to")
    assert offer(anywhere, path, "accept", PANTRY)[0] == 200, "who asks the person gets their word"
    assert refer(anywhere, path)[0] == 200


def test_a_consent_of_somebody_s_own_is_no_answer_to_an_offer(practice: Care) -> None:
    """Though it says all that a yes says, under whichever id."""
    path, no = declined(practice)
    for id_ in ("aaa", "zzz"):
        practice.put({**as_yes(no), "id": id_, "dateTime": practice.at()})
    made = {name: each for name, each in as_yes(no).items() if name != "id"}
    assert practice.ask("POST", "Consent", made).status == 201
    assert entries(practice, made, method="POST") == 200
    settle(practice)
    assert refused(refer(practice, path)) == (422, "to")


def test_what_stands_under_the_id_of_a_call_is_not_its_answer(practice: Care) -> None:
    """Somebody knows a key before it is used, and puts a yes where the no will be."""
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    judge(practice, path)
    offer(practice, path, "accept", PANTRY)
    request = Request("POST", f"{path}/$offer-help", headers={"idempotency-key": "a"})
    context = context_of(request.headers, lambda: practice.now)
    id_ = new_id(Call("Condition", "", {}, None, request), "Consent", "offer-help", context)
    practice.put({**the_yes(practice), "id": id_})
    assert offer(practice, path, "decline", once="a")[0] == 200
    assert practice.read(f"Consent/{id_}")["status"] == "rejected"
    assert refused(refer(practice, path)) == (422, "to")


def test_under_a_key_that_was_used_a_yes_that_was_deleted_is_not_given_again(practice: Care) -> None:
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    judge(practice, path)
    assert offer(practice, path, "accept", PANTRY, once="a")[0] == 200
    assert practice.ask("DELETE", f"Consent/{the_yes(practice)['id']}").status in (200, 204)
    assert offer(practice, path, "accept", PANTRY, once="a")[0] == 409
    assert refused(refer(practice, path)) == (422, "to")


def test_less_of_a_yes_is_anybodys_to_write(practice: Care) -> None:
    """Fewer who may be told, and for a shorter time; what was asked by it goes on as far as it holds."""
    answer(practice, {TRANSPORT: YES})
    path = the_need(practice)
    judge(practice, path)
    offer(practice, path, "accept", PANTRY, SHELTER)
    refer(practice, path)
    refer(practice, path, SHELTER)
    assert written(practice, replaced(f"{PROVISION}/period/end", practice.at(days=5)))[0] == 200
    assert [each["status"] for each in tasks(practice, "need-referral")] == ["requested", "requested"]
    assert written(practice, {"op": "remove", "path": f"{PROVISION}/actor/1"})[0] == 200
    stands = {each["owner"]["reference"]: each["status"] for each in tasks(practice, "need-referral")}
    assert stands == {PANTRY: "requested", SHELTER: "cancelled"}
    more = {"op": "add", "path": f"{PROVISION}/actor/-", "value": the_yes(practice)["provision"]["actor"][0]}
    shelter = {**more["value"], "reference": {"reference": SHELTER}}
    assert written(practice, {**more, "value": shelter}) == (422, "Consent.provision.actor")
    assert written(practice, replaced(f"{PROVISION}/period/end", practice.at(days=6)))[1] == "Consent.provision.period"
    assert refused(refer(practice, path, SHELTER)) == (422, "to")
