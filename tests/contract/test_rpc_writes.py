"""FhirService's writes on real stores: what they answer, what they refuse and how, what a call that is over leaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo

from carethread.adapters.rpc.server import Serving
from carethread.core.errors import Busy
from carethread.core.fhir import json
from carethread.core.service import Runtime
from carethread.records import SERVICE as RECORDS
from carethread.v1 import fhir_pb2
from support.rpc import Rpc, outcome_of, serving, status_of
from support.servers import until
from support.stores import runtime

MINE = [fhir_pb2.SearchParameter(name="identifier", value="urn:mrn|1")]
HISTORY = (("x-carethread-backfill", "true"),)
CREATED, UPDATED, UNCHANGED, DELETED = (
    fhir_pb2.WRITE_OUTCOME_CREATED,
    fhir_pb2.WRITE_OUTCOME_UPDATED,
    fhir_pb2.WRITE_OUTCOME_UNCHANGED,
    fhir_pb2.WRITE_OUTCOME_DELETED,
)
MESSAGE_BYTES = 300_000


@pytest.fixture
def records(store) -> Runtime:
    return runtime(store, RECORDS)


@pytest.fixture
def rpc(records) -> Iterator[Rpc]:
    with serving({"records": records}, how=Serving(message_bytes=MESSAGE_BYTES)) as started:
        yield started


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": "1"}], **more}


def refused(ask: Callable[[], Any]) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        ask()
    return caught.value


def test_a_write_answers_with_its_version(rpc):
    made = rpc.create(patient(active=True, id="ignored"))
    assert (made.outcome, made.resource.version, made.resource.type) == (CREATED, 1, "Patient")
    stored = json.parse(made.resource.json)
    assert (stored["active"], stored["id"], stored["meta"]["versionId"]) == (True, made.resource.id, "1")
    changed = rpc.update(patient(id=made.resource.id, active=False))
    assert (changed.outcome, changed.resource.version) == (UPDATED, 2)
    gone = rpc.delete("Patient", made.resource.id)
    assert (gone.outcome, gone.resource.version, gone.resource.deleted, gone.resource.json) == (DELETED, 3, True, b"")
    never = rpc.delete("Patient", "never")
    assert (never.outcome, never.HasField("resource")) == (DELETED, False)
    assert rpc.update(patient(id="p1")).outcome == CREATED


def test_a_version_can_be_read(rpc):
    id_ = rpc.create(patient()).resource.id
    second = rpc.update(patient(id=id_, active=True)).resource
    read = rpc.fhir.Read
    assert read(fhir_pb2.ReadRequest(type="Patient", id=id_)).resource == second
    assert json.parse(read(fhir_pb2.ReadRequest(type="Patient", id=id_, version=1)).resource.json).get("active") is None
    for version in (3, -1):
        error = refused(partial(read, fhir_pb2.ReadRequest(type="Patient", id=id_, version=version)))
        assert error.code() is grpc.StatusCode.NOT_FOUND
    rpc.delete("Patient", id_)
    assert read(fhir_pb2.ReadRequest(type="Patient", id=id_, version=2)).resource == second
    for version in (0, 3):
        error = refused(partial(read, fhir_pb2.ReadRequest(type="Patient", id=id_, version=version)))
        assert (error.code(), outcome_of(error)["issue"][0]["code"]) == (grpc.StatusCode.NOT_FOUND, "deleted")


def test_what_comes_back_is_what_is_preferred(rpc):
    minimal = rpc.create(patient(), return_preference=fhir_pb2.RETURN_PREFERENCE_MINIMAL)
    assert (minimal.resource.version, minimal.resource.json) == (1, b"")
    id_ = minimal.resource.id
    said = rpc.update(patient(id=id_), return_preference=fhir_pb2.RETURN_PREFERENCE_OPERATION_OUTCOME)
    assert (said.resource.json, json.parse(said.operation_outcome.json)["resourceType"]) == (b"", "OperationOutcome")
    nothing = rpc.delete("Patient", "never", return_preference=fhir_pb2.RETURN_PREFERENCE_OPERATION_OUTCOME)
    assert b"nothing to delete" in nothing.operation_outcome.json


def test_criteria_say_which_resource_is_meant(rpc):
    first = rpc.create(patient(), if_none_exist=MINE)
    again = rpc.create(patient(active=True), if_none_exist=MINE)
    assert (first.outcome, again.outcome, again.resource) == (CREATED, UNCHANGED, first.resource)
    changed = rpc.update(patient(active=True), criteria=MINE)
    assert (changed.outcome, changed.resource.id, changed.resource.version) == (UPDATED, first.resource.id, 2)
    assert rpc.delete("Patient", criteria=MINE).resource.id == first.resource.id
    assert not rpc.delete("Patient", criteria=MINE).HasField("resource")
    assert rpc.update(patient(), criteria=MINE).outcome == CREATED
    rpc.create(patient())
    for ask in (
        lambda: rpc.create(patient(), if_none_exist=MINE),
        lambda: rpc.update(patient(), criteria=MINE),
        lambda: rpc.delete("Patient", criteria=MINE),
    ):
        error = refused(ask)
        assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert outcome_of(error)["issue"][0]["code"] == "multiple-matches"


def test_a_version_that_is_not_current_is_a_failed_precondition(rpc):
    id_ = rpc.create(patient()).resource.id
    assert rpc.update(patient(id=id_), if_match=[1, 7]).resource.version == 2
    for ask in (
        lambda: rpc.update(patient(id=id_), if_match=[1]),
        lambda: rpc.delete("Patient", id_, if_match=[1]),
        lambda: rpc.update(patient(id=id_), create_only=True),
        lambda: rpc.update(patient(id="new"), if_match=[0]),
    ):
        assert refused(ask).code() is grpc.StatusCode.FAILED_PRECONDITION
    assert rpc.update(patient(id=id_), if_match=[0]).resource.version == 3
    assert rpc.delete("Patient", id_, if_match=[3]).outcome == DELETED


def test_history_told_again_is_unchanged(rpc):
    first = rpc.update(patient(id="p1"), metadata=HISTORY)
    again = rpc.update(patient(id="p1"), metadata=HISTORY)
    assert (first.outcome, again.outcome, again.resource) == (CREATED, UNCHANGED, first.resource)
    assert rpc.update(patient(id="p1")).outcome == UPDATED


@pytest.mark.parametrize(
    ("ask", "status", "place"),
    [
        (lambda rpc: rpc.create(patient(gender="femal")), "INVALID_ARGUMENT", "Patient.gender"),
        (lambda rpc: rpc.update(patient()), "INVALID_ARGUMENT", "Patient.id"),
        (lambda rpc: rpc.update(patient(id="a"), id="b"), "INVALID_ARGUMENT", "Patient.id"),
        (lambda rpc: rpc.update(patient(id="a_b")), "INVALID_ARGUMENT", "Patient.id"),
        (lambda rpc: rpc.delete("Patient", "a b"), "INVALID_ARGUMENT", "Patient.id"),
        (lambda rpc: rpc.update(patient(id="a"), criteria=MINE), "INVALID_ARGUMENT", None),
        (lambda rpc: rpc.update(patient(id="a"), if_match=[-1]), "INVALID_ARGUMENT", None),
        (lambda rpc: rpc.create(patient(), type="Location"), "INVALID_ARGUMENT", "resourceType"),
        (lambda rpc: rpc.delete("Slot", "s1"), "UNIMPLEMENTED", None),
        (lambda rpc: rpc.create(patient(), if_none_exist=[named("colour")]), "INVALID_ARGUMENT", "colour"),
        (lambda rpc: rpc.delete("Patient", criteria=[named("_count")]), "INVALID_ARGUMENT", None),
        (lambda rpc: rpc.delete("Patient", criteria=[named("name\0")]), "INVALID_ARGUMENT", None),
        (lambda rpc: rpc.fhir.Create(fhir_pb2.CreateRequest(type="Patient")), "INVALID_ARGUMENT", None),
        (lambda rpc: rpc.fhir.Create(fhir_pb2.CreateRequest(type="Patient", json=b"[]")), "INVALID_ARGUMENT", None),
        (lambda rpc: rpc.fhir.Create(fhir_pb2.CreateRequest(type="Patient", json=b"{")), "INVALID_ARGUMENT", None),
        (lambda rpc: rpc.fhir.Transact(fhir_pb2.TransactRequest(bundle=b"{}")), "INVALID_ARGUMENT", "Bundle.type"),
        (lambda rpc: transact(rpc, entry("PUT", "Slot/s", {})), "UNIMPLEMENTED", "Bundle.entry[0].request.url"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(rpc, ask, status, place):
    error = refused(lambda: ask(rpc))
    assert error.code().name == status
    issue = outcome_of(error)["issue"][0]
    assert issue["diagnostics"]
    if place:
        assert place in issue["expression"][0]
    whole = status_of(error)
    assert (whole.code, whole.message) == (error.code().value[0], error.details())


def named(name: str) -> fhir_pb2.SearchParameter:
    return fhir_pb2.SearchParameter(name=name, value="red")


def entry(method: str, url: str, resource: Any = None) -> dict[str, Any]:
    return {**({} if resource is None else {"resource": resource}), "request": {"method": method, "url": url}}


def transact(rpc: Rpc, *entries: Any, kind: str = "transaction", preference: Any = 0) -> dict[str, Any]:
    bundle = json.render({"resourceType": "Bundle", "type": kind, "entry": entries})
    request = fhir_pb2.TransactRequest(bundle=bundle, return_preference=preference)
    return json.parse_object(rpc.fhir.Transact(request, timeout=20).bundle)


def test_a_transaction_is_all_or_nothing_and_a_batch_is_not(rpc):
    good, bad = entry("PUT", "Patient/a", patient(id="a")), entry("PUT", "Patient/b", patient(id="b", gender="x"))
    assert refused(lambda: transact(rpc, good, bad)).code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused(lambda: rpc.fhir.Read(fhir_pb2.ReadRequest(type="Patient", id="a"))).code().name == "NOT_FOUND"
    answer = transact(rpc, good, bad, kind="batch")
    assert [one["response"]["status"] for one in answer["entry"]] == ["201 Created", "422"]
    whole = transact(rpc, good, preference=fhir_pb2.RETURN_PREFERENCE_REPRESENTATION)
    assert whole["entry"][0]["resource"]["meta"]["versionId"] == "2"


def test_a_transactions_answer_that_does_not_fit_leaves_the_resources_out(rpc):
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{"x" * 60_000}</div>'
    large = [patient(id=f"p{n}", text={"status": "generated", "div": div}) for n in range(4)]
    rpc.update(patient(id="gone"))
    entries = [entry("GET", f"Patient/p{n}") for n in range(4)] * 2
    for one in large:
        rpc.update(one)
    answer = transact(rpc, *entries)
    assert len(answer["entry"]) == 8
    assert all("resource" not in one and one["response"]["status"] == "200" for one in answer["entry"])


def test_a_message_over_the_limit_is_refused_and_the_server_goes_on(rpc):
    error = refused(lambda: rpc.fhir.Create(fhir_pb2.CreateRequest(type="Patient", json=b" " * (MESSAGE_BYTES + 1))))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert rpc.create(patient()).outcome == CREATED


class Gate:
    """A write transaction that keeps all others waiting until it is opened, on either database."""

    def __init__(self, store: Any, key: tuple[str, str]) -> None:
        self.opened = threading.Event()
        self._held = threading.Event()
        self._thread = threading.Thread(target=store.transact, args=(lambda session: self._hold(session, key),))
        self._thread.start()
        assert self._held.wait(10)

    def _hold(self, session: Any, key: tuple[str, str]) -> None:
        session.current([key], lock=True)
        self._held.set()
        self.opened.wait(20)

    def open(self) -> None:
        self.opened.set()
        self._thread.join()


@pytest.mark.parametrize("end", ["deadline", "cancel"])
@pytest.mark.parametrize("kind", ["Update", "Transact"])
def test_a_call_that_is_over_writes_nothing_later(rpc, records, end, kind):
    rpc.update(patient(id="p1"))
    gate = Gate(records.store, ("Patient", "p1"))
    body = json.render(patient(id="p1", active=True))
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry("PUT", "Patient/p1", json.parse(body))]}
    call = (
        rpc.fhir.Update.future(fhir_pb2.UpdateRequest(type="Patient", id="p1", json=body), timeout=0.4)
        if kind == "Update"
        else rpc.fhir.Transact.future(fhir_pb2.TransactRequest(bundle=json.render(bundle)), timeout=0.4)
    )
    if end == "cancel":
        time.sleep(0.2)
        call.cancel()
    assert call.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
    time.sleep(0.3)
    gate.open()
    assert rpc.update(patient(id="p1", gender="male")).resource.version == 2


def test_a_busy_store_says_when_to_try_again(rpc, records, monkeypatch):
    def away(self: Any, work: Any) -> None:
        raise Busy("The database is away.", retry_after=3)

    monkeypatch.setattr(type(records.store), "transact", away)
    error = refused(lambda: rpc.create(patient()))
    retry = RetryInfo()
    assert (error.code(), status_of(error).details[1].Unpack(retry)) == (grpc.StatusCode.UNAVAILABLE, True)
    assert retry.retry_delay.seconds == 3


def test_more_calls_than_may_wait_are_refused_at_once(records):
    with serving({"records": records}, how=Serving(workers=1)) as rpc:
        rpc.update(patient(id="p1"))
        gate = Gate(records.store, ("Patient", "p1"))
        request = fhir_pb2.UpdateRequest(type="Patient", id="p1", json=json.render(patient(id="p1")))
        calls = [rpc.fhir.Update.future(request, timeout=20) for _ in range(40)]
        until(lambda: sum(call.done() for call in calls) == 8, seconds=5, what="calls refused")
        assert {call.code() for call in calls if call.done()} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        gate.open()
        assert sorted(call.result().result.resource.version for call in calls if not call.exception()) == [
            *range(2, 34)
        ]
