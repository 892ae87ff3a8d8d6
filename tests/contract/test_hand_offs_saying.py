"""What a hand-off says goes only to those to whom it may go: the first who is asked, and each to whom silence leads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Resource
from support.care import (
    OURS,
    Care,
    care,
    department_team,
    organization,
    part,
    patient,
    person_team,
    practitioner,
    role,
)
from support.desk import refer
from support.person import ANN, condition, consent, deny, labels, permit

NURSE, DUTY = "Practitioner/nurse", "Practitioner/duty"
REFERRAL = {
    "resourceType": "ServiceRequest", "id": "talk", "status": "active", "intent": "order", "subject": ANN,
    "code": {"text": "Referral to psychotherapy"},
}  # fmt: skip
XRAY = {**REFERRAL, "id": "xray", "code": {"text": "X-ray of the knee"}}


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    """A person with a sensitive condition and an ordinary one, and a ward with somebody on call."""
    with care(tmp_path, database_url, ("records", "careteams")) as made:
        made.tell(patient("ann"), organization("ward"), *(practitioner(each) for each in ("doctor", "nurse", "duty")))
        made.put(department_team("ward", "ward", part(NURSE), part(DUTY, "on-call")))
        made.put(person_team("anns", "ann", part("Practitioner/doctor"), department="ward"))
        made.tell(condition("mood", "F32.1", "Zzmood"), condition("sugar", "E11.9", "Type 2 diabetes"))
        made.put(REFERRAL)
        made.put(XRAY)
        yield made


def offered(practice: Care, **said: str) -> Resource:
    parts = [*refer("patient", "Patient/ann"), *refer("to", NURSE), *refer("from", "Practitioner/doctor")]
    parts += [{"name": "kind", "valueCode": "referral"}, {"name": "urgency", "valueCode": "stat"}]
    for name, value in said.items():
        parts += refer(name, value) if "/" in value else [{"name": name, "valueString": value}]
    made = practice.operate("POST", "Task/$hand-off", *parts)
    practice.send()
    found: Resource = made["parameter"][0]["resource"]
    return found


def silence(practice: Care, task: Resource) -> Resource:
    """The Task after nobody has answered in time."""
    practice.pass_time(minutes=16)
    practice.fire()
    stands = practice.read(f"Task/{task['id']}")
    assert stands["owner"]["reference"] == DUTY
    return stands


def summary(practice: Care, task: Resource) -> Resource:
    """What the Task refers to as the summary of the person."""
    (given,) = [each for each in task["input"] if each["type"]["text"] == "Summary of the person"]
    if "valueUrl" in given:
        return practice.operate("GET", given["valueUrl"].partition("/fhir/")[2])
    answer = practice.ask("GET", given["valueReference"]["reference"], service="records")
    found: Resource = json.parse_object(answer.body)
    return found


def test_the_next_is_not_told_what_only_the_first_may_know(practice: Care) -> None:
    practice.put(consent("signed", permit("PSY", to=NURSE)))
    task = offered(practice, focus="ServiceRequest/talk", reason="Zzmood", note="He is in psychotherapy")
    assert task["meta"]["security"][0]["code"] == "R"
    assert "Zzmood" in str(summary(practice, task))
    stands = silence(practice, task)
    assert not {"focus", "reasonCode", "note"} & stands.keys()
    assert "security" not in stands["meta"], "nothing tells that there was more"
    assert "zzmood" not in str(stands).lower() and "Bundle/" not in str(stands)
    told = summary(practice, stands)
    assert "Zzmood" not in str(told) and "Type 2 diabetes" in str(told)
    told = practice.operate("GET", f"Task/{task['id']}/$ledger")
    (entry,) = [
        each["part"] for each in told["parameter"] if {"name": "number", "valuePositiveInt": 2} in each.get("part", ())
    ]
    (why,) = [each["valueString"] for each in entry if each["name"] == "why"]
    assert "not passed on" in why and "Zzmood" not in why


def test_the_next_is_told_what_they_may_know(practice: Care) -> None:
    practice.put(consent("signed", permit("PSY", to=NURSE), permit("PSY", to=DUTY)))
    stands = silence(practice, offered(practice, focus="Condition/mood", reason="Zzmood", note="Call him first"))
    assert {"focus", "reasonCode", "note"} <= stands.keys()
    assert "Zzmood" in str(summary(practice, stands))


def test_what_is_ordinary_goes_along_unless_it_is_refused(practice: Care) -> None:
    stands = silence(practice, offered(practice, focus="ServiceRequest/xray", note="Call him first"))
    assert stands["focus"]["reference"] == "ServiceRequest/xray", "that it may go was judged when it was offered"
    assert stands["note"][0]["text"] == "Call him first"
    assert "Type 2 diabetes" in str(summary(practice, stands))
    practice.put(consent("refused", deny(to=DUTY), base="OPTIN"))
    other = offered(practice, note="Call him first")
    assert "note" not in silence(practice, other)


def test_an_ordinary_offer_tells_the_same_in_the_ledger(practice: Care) -> None:
    practice.put(consent("signed", permit("PSY", to=NURSE)))
    tasks = [offered(practice, reason="Zzmood"), offered(practice, reason="A fall")]
    practice.pass_time(minutes=16)
    practice.fire()
    ledgers = [practice.store.glance(lambda s, t=task: s.ledger.of([f"Task/{t['id']}"])) for task in tasks]  # type: ignore[misc]
    assert ledgers[0][1].step == "escalated"
    assert ledgers[0][1].why == ledgers[1][1].why != ""


def plain(practice: Care, **members: Any) -> Resource:
    return {
        "resourceType": "Task", "id": "plain", "meta": {"profile": [OURS + "task-hand-off"]}, "status": "requested",
        "intent": "order", "for": ANN, "authoredOn": practice.at(), "owner": {"reference": NURSE},
        "code": {"coding": [{"system": "https://carethread.dev/fhir/CodeSystem/hand-off-kind", "code": "referral"}]},
        "requester": {"reference": "Practitioner/doctor"}, "restriction": {"period": {"end": practice.at(hours=2)}},
        **members,
    }  # fmt: skip


def given(**value: Any) -> Resource:
    return {"input": [{"type": {"text": "What else there is"}, **value}]}


SENSITIVE: dict[str, Resource] = {
    "focus": {"focus": {"reference": "Condition/mood"}},
    "reasonCode": {"reasonCode": {"text": "Zzmood"}},
    "reasonReference": {"reasonReference": {"reference": "Condition/mood"}},
    "note": {"note": [{"text": "HIV test"}]},
    "description": {"description": "He is in psychotherapy"},
    "input": given(valueReference={"reference": "Condition/mood"}),
    "contained": {"contained": [condition("c", "F32.1")], "focus": {"reference": "#c"}},
    "extension": {"extension": [{"url": "urn:x:why", "valueString": "Zzmood"}]},
}
UNKNOWN: dict[str, Resource] = {
    "focus": {"focus": {"reference": "ServiceRequest/xray"}},
    "input": given(valueReference={"reference": "Bundle/b"}),
    "basedOn": {"basedOn": [{"reference": "https://elsewhere.example/fhir/ServiceRequest/1"}]},
}


def test_a_plain_offer_says_nothing_sensitive_without_consent(practice: Care) -> None:
    for method, path in (("PUT", "Task/plain"), ("POST", "Task")):
        for name, members in SENSITIVE.items():
            status, issues = practice.refusal(method, path, plain(practice, **members))
            assert (name, status, issues[0]["expression"]) == (name, 422, [f"Task.{name}"])
            assert "Consent" in issues[0]["diagnostics"] and "Zzmood" not in str(issues)
        for name, members in UNKNOWN.items():
            status, issues = practice.refusal(method, path, plain(practice, **members))
            assert (name, status, issues[0]["expression"]) == (name, 422, [f"Task.{name}"])
            assert "$hand-off" in issues[0]["diagnostics"]
    labelled = plain(practice, note=[{"text": "Call him first"}])
    labelled["meta"]["security"] = labels("PSY")
    assert practice.refusal("PUT", "Task/plain", labelled)[0] == 422
    assert practice.found("Task?code=referral") == []
    practice.put(consent("signed", permit("PSY", "SEX", to=NURSE)))
    for members in SENSITIVE.values():
        assert practice.ask("POST", "Task", plain(practice, **members)).status == 201
    assert practice.ask("PUT", "Task/plain", labelled).status == 201


def test_nor_does_a_plain_change_of_one(practice: Care) -> None:
    practice.put(plain(practice, focus={"reference": "Condition/sugar"}, description="Call him first"))
    stands = practice.read("Task/plain")
    json_patch = {"content-type": "application/json-patch+json"}
    for name, members in (SENSITIVE | UNKNOWN).items():
        assert practice.refusal("PUT", "Task/plain", {**stands, **members})[0] == 422, name
        patch = [{"op": "add", "path": f"/{each}", "value": value} for each, value in members.items()]
        assert practice.refusal("PATCH", "Task/plain", patch, headers=json_patch)[0] == 422, name
    assert practice.read("Task/plain") == stands
    practice.put({**stands, "status": "received", "note": [{"text": "He waits in room 3."}]})


def test_a_plain_change_keeps_the_label_and_what_was_offered(practice: Care) -> None:
    practice.put(consent("signed", permit("PSY", to=NURSE)))
    task = offered(practice, focus="ServiceRequest/talk", note="He is in psychotherapy")
    left = {**task, "status": "received", "meta": {"profile": task["meta"]["profile"]}}
    assert practice.put(left)["meta"]["security"][0]["code"] == "R"
    assert not {"focus", "note"} & silence(practice, task).keys()


def test_a_draft_is_judged_when_it_is_offered(practice: Care) -> None:
    draft = practice.put(plain(practice, status="draft", note=[{"text": "HIV test"}]))
    assert practice.refusal("PUT", "Task/plain", {**draft, "status": "requested"})[0] == 422


def accepted(practice: Care, **members: Any) -> str:
    practice.put(plain(practice, **members))
    practice.operate("POST", "Task/plain/$answer", {"name": "answer", "valueString": "accept"})
    return "Task/plain"


def step(practice: Care, name: str, **parts: Any) -> tuple[int, list[str]]:
    """The status of a step that is taken, and what is wrong with it."""
    given = [{"name": "answer", "valueString": "decline"}] if name == "answer" else []
    for each, value in parts.items():
        given += refer(each, value) if "/" in str(value) else [
            {"name": each, "valueBoolean" if value is True else "valueString": value}
        ]  # fmt: skip
    body = {"resourceType": "Parameters", "parameter": given}
    status, issues = practice.refusal("POST", f"Task/plain/${name}", body)
    assert "Zzmood" not in str(issues) if issues else True
    return status, [each["expression"][0] for each in issues]


@pytest.mark.parametrize(("name", "reader"), [("answer", "Practitioner/doctor"), ("withdraw", NURSE)])
def test_why_an_offer_is_declined_or_withdrawn_says_nothing_sensitive_without_consent(
    practice: Care, name: str, reader: str
) -> None:
    practice.put(plain(practice))
    assert step(practice, name, reason="He has Zzmood") == (422, ["reason"])
    practice.put(consent("other", permit("PSY", to=DUTY)))
    assert step(practice, name, reason="He has Zzmood")[0] == 422, "it is for somebody else"
    practice.put(consent("signed", permit("PSY", to=reader)))
    assert step(practice, name, reason="He has Zzmood")[0] == 200


def test_what_is_returned_says_nothing_sensitive_without_consent(practice: Care) -> None:
    accepted(practice)
    practice.tell(condition("left", "F33.1", "Zzmood still"))
    for parts, where in (
        ({"note": "He is in psychotherapy"}, "note"),
        ({"failed": True, "reason": "Zzmood"}, "reason"),
        ({"output": "Condition/left"}, "output"),
        ({"output": "ServiceRequest/talk"}, "output"),
        ({"output": "Condition/sugar", "note": "HIV test"}, "note"),
    ):
        assert step(practice, "return", **parts) == (422, [where]), parts
    assert practice.found("Communication?based-on=Task/plain") == []
    practice.put(consent("signed", permit("PSY", to="Practitioner/doctor")))
    assert step(practice, "return", output="ServiceRequest/talk", note="He is in psychotherapy")[0] == 200
    assert "psychotherapy" in str(practice.found("Communication?based-on=Task/plain"))


def test_what_is_ordinary_is_returned(practice: Care) -> None:
    accepted(practice)
    assert step(practice, "return", output="ServiceRequest/xray", note="All is well.")[0] == 200


def test_a_plain_step_says_nothing_sensitive_without_consent(practice: Care) -> None:
    practice.put(plain(practice))
    stands = practice.read("Task/plain")
    why = {"statusReason": {"text": "Zzmood"}}
    for status in ("rejected", "cancelled"):
        told, issues = practice.refusal("PUT", "Task/plain", {**stands, **why, "status": status})
        assert (told, issues[0]["expression"]) == (422, ["Task.statusReason"])
    practice.operate("POST", "Task/plain/$answer", {"name": "answer", "valueString": "accept"})
    stands = practice.read("Task/plain")
    results = [{"type": {"text": "Result"}, "valueReference": {"reference": "Condition/mood"}}]
    said: dict[str, Resource] = {
        "note": {"note": [{"text": "HIV test"}]},
        "output": {"output": results},
        "statusReason": why,
        "performerType": {"performerType": [{"text": "Zzmood"}]},
        "businessStatus": {"businessStatus": {"text": "He is in psychotherapy"}},
    }
    for name, members in said.items():
        for status in ("in-progress", "completed", "failed"):
            change = {**stands, **(why if status == "failed" and name == "statusReason" else {}), **members}
            told, issues = practice.refusal("PUT", "Task/plain", {**change, "status": status})
            assert (name, told, issues[0]["expression"]) == (name, 422, [f"Task.{name}"])
    other = [{"type": {"text": "Result"}, "valueReference": {"reference": "ServiceRequest/xray"}}]
    told, issues = practice.refusal("PUT", "Task/plain", {**stands, "status": "completed", "output": other})
    assert (told, issues[0]["expression"]) == (422, ["Task.output"]), "there is no copy of it"
    assert "$return" in issues[0]["diagnostics"]
    assert practice.read("Task/plain") == stands
    practice.put({**stands, "status": "completed", "note": [{"text": "All is well."}]})


def test_of_whom_there_is_too_much_nothing_is_told(practice: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carethread.careteams.person.gathering.MOST", 1)
    status, issues = practice.refusal("PUT", "Task/plain", plain(practice, note=[{"text": "Call him first"}]))
    assert (status, issues[0]["code"], issues[0]["expression"]) == (422, "too-costly", ["Task.note"])
    assert "leave it out" in issues[0]["diagnostics"]
    practice.put(plain(practice))
    assert practice.read("Task/plain")["status"] == "requested", "who says nothing about them hands over all the same"
    monkeypatch.undo()
    practice.put({**plain(practice, note=[{"text": "Call him first"}]), "id": "other", "priority": "stat"})
    monkeypatch.setattr("carethread.careteams.person.gathering.MOST", 1)
    practice.pass_time(hours=3)
    practice.fire()
    went = practice.read("Task/other")
    assert went["owner"]["reference"] == DUTY and "note" not in went, "and nothing goes on to the next"


def test_what_an_ehr_says_is_kept_as_it_was_sent(practice: Care) -> None:
    for number, members in enumerate((SENSITIVE | UNKNOWN).values()):
        theirs = plain(practice, **members)
        practice.put({**theirs, "id": f"ehr-{number}", "meta": {**theirs["meta"], "source": "urn:ehr"}})
    practice.put({**plain(practice, **SENSITIVE["note"]), "id": "history"}, backfill=True)


def told(practice: Care, recipient: str) -> bool:
    """Whether the summary for somebody tells of what is sensitive."""
    return b"Zzmood" in practice.ask("GET", f"Patient/ann/$transfer-summary?recipient={recipient}").body


def test_a_consent_that_names_a_department_reaches_who_works_there(practice: Care) -> None:
    past = {"period": {"end": "2030-12-31"}}
    practice.tell(role("there", "nurse", "ward"), role("left", "nurse", "ward", **past))
    practice.tell(role("off", "nurse", "ward", active=False))
    practice.tell(practitioner("gone", active=False), role("gone-role", "gone", "ward"))
    practice.put(consent("c", permit("PSY", to="Organization/ward")))
    reached = [each for each in ("there", "left", "off", "gone-role") if told(practice, f"PractitionerRole/{each}")]
    assert reached == ["there"]
    parts = [*refer("patient", "Patient/ann"), *refer("from", "Practitioner/doctor"), *refer("focus", "Condition/mood")]
    parts.append({"name": "kind", "valueCode": "referral"})
    offer = {"resourceType": "Parameters", "parameter": [*parts, *refer("to", "PractitionerRole/left")]}
    assert practice.refusal("POST", "Task/$hand-off", offer)[0] == 422
    practice.operate("POST", "Task/$hand-off", *parts, *refer("to", "PractitionerRole/there"))


def test_a_refusal_that_names_one_role_holds_for_all_of_the_person(practice: Care) -> None:
    practice.tell(organization("clinic"), role("one", "nurse", "ward"), role("two", "nurse", "clinic"))
    practice.tell(role("once", "nurse", "clinic", active=False))
    everybody = ("Practitioner/nurse", "PractitionerRole/one", "PractitionerRole/two")
    practice.put(consent("c", *(permit("PSY", to=each) for each in everybody)))
    assert all(told(practice, each) for each in everybody)
    for named in ("PractitionerRole/two", "PractitionerRole/once", "Organization/clinic", "Practitioner/nurse"):
        practice.put(consent("d", deny("PSY", to=named)))
        assert [each for each in everybody if told(practice, each)] == []
    practice.put(consent("d", deny("PSY", to="PractitionerRole/other")))
    assert told(practice, "PractitionerRole/one")
