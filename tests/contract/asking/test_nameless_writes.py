"""Answers without a name, by every way that writes: nothing that a client notes anywhere in them is kept; on both
databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from carethread.core.context import new_id
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.questionnaires.adapting.growing import ADAPTIVE
from carethread.questionnaires.scoring.anonymous import ANONYMOUS_FROM
from support.answers import item, questionnaire
from support.assigning import Asking, parameters
from support.desk import OURS
from support.instruments import answering, shipped
from support.rpc import serving

TRACE = "nurse-of-the-night"
NOTE: Resource = {"extension": [{"url": "urn:x", "valueString": TRACE}]}
CLINIC = {"reference": "Organization/clinic"}
TYPE = "QuestionnaireResponse"


def traced(**more: Any) -> Resource:
    """A response with a trace wherever FHIR has room for one."""
    made = answering(shipped("staff-pulse"), {"worn": 1}, language="es", implicitRules=f"urn:{TRACE}", **more)
    own = {"system": f"urn:{TRACE}", "code": TRACE, "display": TRACE}
    made["meta"] |= {"tag": [own], "security": [own], **NOTE, "id": f"{TRACE}-1"}
    made["meta"]["profile"].append(f"urn:{TRACE}")
    made["subject"] = {**CLINIC, "display": TRACE, "id": f"{TRACE}-2", **NOTE}
    department = {"url": OURS + "department", "id": f"{TRACE}-3", "valueReference": {**CLINIC, "display": TRACE}}
    made["extension"] = [department, *NOTE["extension"]]
    for name in ("authored", "status", "questionnaire"):
        made[f"_{name}"] = {**NOTE, "id": f"{TRACE}-{name}-4"}
    (worn,) = made["item"]
    worn |= {
        "id": f"{TRACE}-5",
        "text": TRACE,
        "definition": f"urn:{TRACE}",
        "_linkId": {"id": f"{TRACE}-6", **NOTE},
        **NOTE,
    }
    (given,) = worn["answer"]
    given |= {"id": f"{TRACE}-7", **NOTE}
    given["valueCoding"] |= {"display": TRACE, "version": TRACE, "userSelected": True, "id": f"{TRACE}-8", **NOTE}
    return made


def named(practice: Asking) -> Resource:
    """One that is stored already, to be changed."""
    made = answering(shipped("staff-pulse"), {"worn": 1}, id=new_id(), subject=CLINIC, status="in-progress")
    return practice.put(made)


def post(practice: Asking) -> None:
    write(practice, "POST", TYPE, traced())


def put(practice: Asking) -> None:
    made = traced(id=new_id())
    write(practice, "PUT", f"{TYPE}/{made['id']}", made)


def put_history(practice: Asking) -> None:
    practice.put(traced(id=new_id()), backfill=True)


def put_again(practice: Asking) -> None:
    made = traced(id=named(practice)["id"])
    write(practice, "PUT", f"{TYPE}/{made['id']}", made)


def patch(practice: Asking) -> None:
    id_, other = named(practice)["id"], traced()
    change = [
        {"op": "replace", "path": "/item", "value": other["item"]},
        {"op": "replace", "path": "/subject", "value": other["subject"]},
        {"op": "add", "path": "/extension", "value": other["extension"]},
    ]
    headers = {"content-type": "application/json-patch+json"}
    answer = practice.ask("PATCH", f"{TYPE}/{id_}", change, service="questionnaires", headers=headers)
    assert answer.status == 200, answer.body


def conditional(practice: Asking) -> None:
    write(practice, "PUT", f"{TYPE}?subject=Organization/clinic", traced())


def conditional_create(practice: Asking) -> None:
    answer = practice.ask("POST", TYPE, traced(), service="questionnaires",
                          headers={"if-none-exist": "subject=Organization/clinic"})  # fmt: skip
    assert answer.status == 201, answer.body


def bundle(kind: str) -> Callable[[Asking], None]:
    def write_all(practice: Asking) -> None:
        one, two = traced(), traced(id=new_id())
        entry = [
            {"resource": one, "request": {"method": "POST", "url": TYPE}},
            {"resource": two, "request": {"method": "PUT", "url": f"{TYPE}/{two['id']}"}},
        ]
        write(practice, "POST", "", {"resourceType": "Bundle", "type": kind, "entry": entry})

    return write_all


def grpc(practice: Asking) -> None:
    with serving({"questionnaires": practice.runtimes["questionnaires"]}) as rpc:
        made = json.parse(rpc.create(traced()).resource.json)
        rpc.update({**traced(id=made["id"]), "status": "amended"})


def in_error(practice: Asking) -> None:
    made = traced(id=named(practice)["id"], status="entered-in-error")
    write(practice, "PUT", f"{TYPE}/{made['id']}", made)


def in_error_new(practice: Asking) -> None:
    write(practice, "POST", TYPE, traced(status="entered-in-error"))


def in_error_of_no_version(practice: Asking) -> None:
    made = traced(status="entered-in-error")
    write(practice, "POST", TYPE, made | {"questionnaire": f"{made['questionnaire'].partition('|')[0]}|{TRACE}"})


def in_error_patched(practice: Asking) -> None:
    change = [{"op": "replace", "path": "/status", "value": "entered-in-error"},
              {"op": "add", "path": "/language", "value": "es"},
              {"op": "add", "path": "/item/0/text", "value": TRACE}]  # fmt: skip
    headers = {"content-type": "application/json-patch+json"}
    path = f"{TYPE}/{named(practice)['id']}"
    answer = practice.ask("PATCH", path, change, service="questionnaires", headers=headers)
    assert answer.status == 200, answer.body


def write(practice: Asking, method: str, path: str, body: Resource) -> None:
    answer = practice.ask(method, path, body, service="questionnaires")
    assert answer.status in (200, 201), answer.body


WAYS = [post, put, put_history, put_again, patch, conditional, conditional_create, bundle("transaction"),
        bundle("batch"), grpc, in_error, in_error_new, in_error_of_no_version, in_error_patched]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__qualname__)
def test_nothing_that_is_noted_anywhere_is_kept(practice: Asking, way: Callable[[Asking], None]) -> None:
    way(practice)
    found = practice.found(TYPE)
    assert found
    for stored in found:
        assert stored.get("language") is None and stored["meta"]["profile"] == [OURS + "questionnaire-response"]
        (given,) = [each for each in stored.get("item", ()) if each["linkId"] == "worn"] or [{"answer": []}]
        assert all(set(each) == {"valueCoding"} for each in given["answer"])
    assert [each for each in practice.rows("questionnaires") if TRACE in each] == []


def test_what_the_form_says_of_an_answer_is_kept(practice: Asking) -> None:
    sent = answering(shipped("staff-pulse"), {"worn": 1}, id=new_id(), subject=CLINIC)
    how = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
    sent["meta"]["security"] = [{**how, "display": TRACE}]
    stored = practice.put(sent)
    worn = next(each for each in stored["item"] if each["linkId"] == "worn")
    assert worn == sent["item"][0], "the option's own words"
    assert stored["meta"]["security"] == [how]


@pytest.mark.parametrize("status", ["completed", "in-progress", "entered-in-error"])
@pytest.mark.parametrize("id_", [TRACE, "4b6b0a52-5f0c-5c11-9f8e-0d5b8b3cf5a1", "B4C0FFEE-0000-4000-8000-000000000000"])
def test_an_id_may_be_a_name_and_is_refused(practice: Asking, id_: str, status: str) -> None:
    """UUIDs of version 5 are made of a name."""
    sent = answering(shipped("staff-pulse"), {"worn": 1}, id=id_, subject=CLINIC, status=status)
    for method, path, body in (
        ("PUT", f"{TYPE}/{id_}", sent),
        ("PUT", f"{TYPE}?subject=Organization/clinic", sent),
        ("POST", "", {"resourceType": "Bundle", "type": "transaction",
                      "entry": [{"resource": sent, "request": {"method": "PUT", "url": f"{TYPE}/{id_}"}}]}),
    ):  # fmt: skip
        status_, issues = practice.refusal(method, path, body, service="questionnaires")
        assert status_ == 422 and issues[0]["expression"][0].endswith("id"), issues
        assert "POST" in issues[0]["diagnostics"]
    assert practice.found(TYPE) == []


def test_what_was_entered_in_error_names_nobody_and_says_nothing_new(practice: Asking) -> None:
    made = named(practice)
    path, gone = f"{TYPE}/{made['id']}", {**made, "status": "entered-in-error"}
    status, issues = practice.refusal("PUT", path, gone | {"author": {"reference": "Practitioner/nurse"}},
                                      service="questionnaires")  # fmt: skip
    assert (status, issues[0]["expression"]) == (422, [f"{TYPE}.author"])
    stored = practice.put(gone | {"item": [{"linkId": TRACE, "answer": [{"valueString": TRACE}]}]})
    assert "item" not in stored
    other = named(practice)
    stored = practice.put({**other, "status": "entered-in-error"})
    assert (stored["item"], stored["questionnaire"]) == (other["item"], other["questionnaire"])


def test_a_form_that_grows_is_kept_only_as_it_was_given(practice: Asking) -> None:
    """Who leaves out that it has no names, or notes something in it, is refused."""
    form = questionnaire(
        item("a"), id="grows", url="https://example.org/grows", version="1", status="active", title="Grows",
        extension=[{"url": ADAPTIVE, "valueBoolean": True}, {"url": ANONYMOUS_FROM, "valuePositiveInt": 11}],
    )  # fmt: skip
    practice.put({**form, "meta": {"source": "urn:example:ehr"}})
    begun = {"resourceType": "Questionnaire", "id": "g", "status": "active", "derivedFrom": [form["url"]]}
    given = answering(shipped("staff-pulse"), {}, subject=CLINIC, authored="2031-03-03", status="in-progress")
    given |= {"questionnaire": "#g", "contained": [begun]}
    del given["item"]
    asked = {"name": "questionnaire-response", "resource": given}
    answer = practice.ask("POST", "Questionnaire/$next-question", parameters(asked), service="questionnaires")
    assert answer.status == 200, answer.body
    grown = json.parse_object(answer.body)
    sent = {**grown, "id": new_id(), "subject": CLINIC, "meta": {"profile": [OURS + "questionnaire-response"]}}
    (inner,) = sent["contained"]
    bare = {name: value for name, value in inner.items() if name != "extension"}
    for other in ([bare], [{**inner, "copyright": TRACE}], [inner, {"resourceType": "Patient", "id": "p"}]):
        status, issues = practice.refusal("PUT", f"{TYPE}/{sent['id']}", {**sent, "contained": other},
                                          service="questionnaires")  # fmt: skip
        assert status == 422 and "contained" in issues[0]["expression"][0], issues
    assert practice.put(sent)["contained"] == [inner]


# ------------------------------------------------------------------------- the history of one id says no name either

AUTHOR = {"author": {"reference": "Practitioner/nurse"}}


def unprofiled(response: Resource, **more: Any) -> Resource:
    """The same as an EHR's, which is kept as it is sent."""
    return {**response, "meta": {"source": "urn:example:ehr"}, **more}


def refused(practice: Asking, response: Resource, where: str) -> None:
    path = f"{TYPE}/{response['id']}"
    sent = {"resource": response, "request": {"method": "PUT", "url": path}}
    whole = {"resourceType": "Bundle", "type": "transaction", "entry": [sent]}
    for method, url, body in (("PUT", path, response), ("POST", "", whole)):
        status, issues = practice.refusal(method, url, body, service="questionnaires")
        assert status == 422 and issues[0]["expression"][0].endswith(where), issues


@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize("status", ["in-progress", "completed", "entered-in-error"])
def test_one_without_a_name_stays_so_whatever_claims_to_follow_it(practice: Asking, status: str, deleted: bool) -> None:
    made = answering(shipped("staff-pulse"), {"worn": 1}, id=new_id(), subject=CLINIC, status=status)
    practice.put(made)
    if deleted:
        assert practice.ask("DELETE", f"{TYPE}/{made['id']}", service="questionnaires").status in (200, 204)
        other = answering(
            shipped("phq-9"), {"/44250-9": 1}, subject={"reference": "Patient/ann"}, status="in-progress", **AUTHOR
        )
        refused(practice, {**other, "id": made["id"]}, "meta.profile")
    refused(practice, unprofiled(made, **AUTHOR), "meta.profile")
    refused(practice, unprofiled({n: made[n] for n in ("resourceType", "id", "status")}, **AUTHOR), "meta.profile")
    bare, patched = [{"op": "remove", "path": "/meta/profile"}], {"content-type": "application/json-patch+json"}
    answer = practice.ask("PATCH", f"{TYPE}/{made['id']}", bare, service="questionnaires", headers=patched)
    assert answer.status in ((404, 410) if deleted else (422,))
    practice.put(made)
    assert [each for each in practice.rows("questionnaires") if "Practitioner/nurse" in each] == []


@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize("id_", ["joe-doe", "4b6b0a52-5f0c-4c11-9f8e-0d5b8b3cf5a1"])
def test_what_stood_there_with_a_name_does_not_become_one_without(practice: Asking, id_: str, deleted: bool) -> None:
    made = answering(shipped("staff-pulse"), {"worn": 1}, id=id_, subject=CLINIC)
    practice.put(unprofiled(made, **AUTHOR))
    if deleted:
        assert practice.ask("DELETE", f"{TYPE}/{id_}", service="questionnaires").status in (200, 204)
    for status in ("completed", "in-progress", "entered-in-error"):
        refused(practice, {**made, "status": status}, "id")
    practice.put(unprofiled(made))


def test_a_visit_of_one_person_is_no_department(practice: Asking) -> None:
    form = questionnaire(
        item("whom", "reference"), id="free", url="https://example.org/free", version="1", status="active",
        title="Free", extension=[{"url": ANONYMOUS_FROM, "valuePositiveInt": 11}],
    )  # fmt: skip
    practice.put(form)
    sent = {"resourceType": TYPE, "id": new_id(), "meta": {"profile": [OURS + "questionnaire-response"]},
            "questionnaire": form["url"], "status": "in-progress", "authored": "2031-03-03"}  # fmt: skip
    whom = [{"linkId": "whom", "answer": [{"valueReference": {"reference": "Patient/ann"}}]}]
    refused(practice, {**sent, "subject": {"reference": "Encounter/x"}}, "subject")
    refused(practice, {**sent, "subject": CLINIC, "item": whom}, "item[0].answer[0].value")
    practice.put({**sent, "subject": CLINIC})
