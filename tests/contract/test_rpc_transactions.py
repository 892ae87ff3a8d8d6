"""FhirService.Transact over several services in one process: as the gateway does it, and never after its deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from carethread.adapters.sql.tables import staged
from carethread.composition.rpc import spanning
from carethread.core.fhir import json
from carethread.core.settings import Settings
from carethread.v1 import fhir_pb2
from support.owners import SERVICES, Practice, count, intake, practice, settled
from support.rpc import Rpc, outcome_of, serving


@pytest.fixture
def services(database_url, tmp_path) -> Iterator[Practice]:
    postgres = "" if database_url.startswith("sqlite") else database_url
    with practice(tmp_path, tuple(SERVICES), postgres) as made:
        yield made


@pytest.fixture
def rpc(services) -> Iterator[Rpc]:
    transact = spanning(services.runtimes, services.journal, Settings(base_url="https://care.example/fhir"))
    with serving(services.runtimes, transact) as started:
        yield started


def bundle(*entries: Any) -> fhir_pb2.TransactRequest:
    return fhir_pb2.TransactRequest(
        bundle=json.render({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    )


def in_hand(services: Practice) -> bool:
    return bool(services.journal.left()) or any(count(store, staged) for store in services.stores.values())


def test_a_transaction_spans_the_services_of_the_process(rpc, services):
    answer = json.parse_object(rpc.fhir.Transact(bundle(*intake("1")), timeout=20).bundle)
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["201 Created"] * 3
    team, visit, patient = (entry["response"]["location"].split("/_history")[0] for entry in answer["entry"])
    assert services.read(team)["subject"]["reference"] == patient
    assert services.read(visit)["participant"][0]["actor"]["reference"] == patient
    settled(services)


def test_what_one_service_refuses_none_does(rpc, services):
    wrong = intake("1")
    wrong[0]["resource"]["status"] = "whatever"
    with pytest.raises(grpc.RpcError) as caught:
        rpc.fhir.Transact(bundle(*wrong), timeout=20)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert outcome_of(caught.value)["issue"][0]["expression"] == ["Bundle.entry[0].resource.status"]
    assert services.ask("GET", "Patient").status == 200
    assert "entry" not in services.read("Patient")
    settled(services)


def test_a_deadline_that_passes_while_it_prepares_drops_it(rpc, services, monkeypatch):
    """The last owner to prepare answers after the deadline: nothing is decided, so nothing is done anywhere."""
    slow = services.runtimes["scheduling"].store
    passed, transact = threading.Event(), slow.transact

    def after_the_deadline(work: Any) -> Any:
        passed.wait(5)
        return transact(work)

    monkeypatch.setattr(slow, "transact", after_the_deadline)
    with pytest.raises(grpc.RpcError) as caught:
        rpc.fhir.Transact(bundle(*intake("1")), timeout=1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    time.sleep(0.2)
    passed.set()
    deadline = time.monotonic() + 10
    while in_hand(services) and time.monotonic() < deadline:  # the journal drops it before the owners are told
        time.sleep(0.05)
    assert "entry" not in services.read("Patient")
    assert "entry" not in services.read("Appointment")
    settled(services)
