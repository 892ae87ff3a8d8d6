"""A mirror that is indexed by some parameters: those answer here, the others at the owner, and none wrongly."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.errors import Busy, Invalid
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.ports import Request, Response, Stored
from carethread.core.service import Call, Runtime
from carethread.interactions.mirror import keep
from carethread.metrics import SERVICE
from carethread.metrics.operations import evaluate_measure
from support.stores import BASE, put, runtime

PERIOD = {"periodStart": ["2031-03-01"], "periodEnd": ["2031-03-31"]}


@dataclass
class Owner:
    """The service that owns Appointments, giving one answer to whatever it is asked."""

    answer: Response
    asked: list[Request] = field(default_factory=list)

    def call(self, service: str, request: Request) -> Response:
        assert service == "scheduling"
        self.asked.append(request)
        return self.answer

    def knows(self, service: str) -> bool:
        return True


def said(status: int, body: dict[str, Any]) -> Response:
    return Response(status, {}, json.render(body))


def refused(status: int) -> Response:
    return said(status, {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "Not so."}]})


@pytest.fixture
def metrics(store: SqlStore) -> Runtime:
    """Metrics with copies of three Appointments, one of them in its second version."""
    services = runtime(store, SERVICE)
    copies = [copied("a", "noshow"), copied("b", "booked"), copied("c", "booked"), copied("c", "noshow", 2)]
    for each in copies:
        store.transact(lambda session, each=each: keep(services, session, [each]))  # type: ignore[misc]
    return services


def copied(id_: str, status: str, version: int = 1) -> Stored:
    body = {
        "resourceType": "Appointment",
        "id": id_,
        "status": status,
        "start": "2031-03-05T09:00:00Z",
        "serviceType": [{"coding": [{"system": "http://types.example", "code": "57"}]}],
        "participant": [{"actor": {"reference": "Patient/p"}, "status": "accepted"}],
    }
    when = 1_700_000_000_000_000 + version
    return Stored("Appointment", id_, version, when, False, json.render(body), key="Patient/p")


def count(services: Runtime, *params: tuple[str, str]) -> int:
    query = parse_query("Appointment", params, strict=True, base=BASE)
    return services.store.snapshot(lambda session: session.count(query))


def evaluated(services: Runtime, expression: str) -> int:
    """What a Measure of one population counts."""
    criteria = {"language": "application/x-fhir-query", "expression": expression}
    measure = {
        "resourceType": "Measure",
        "id": "m",
        "status": "active",
        "group": [{"population": [{"criteria": criteria}]}],
    }
    put(services.store, [measure])
    request = Request("GET", "Measure/m/$evaluate-measure", headers={"authorization": "Bearer x"})
    report = evaluate_measure(services, Call("Measure", "m", PERIOD, None, request), Context())
    found: int = report["group"][0]["population"][0]["count"]
    return found


def test_the_copies_are_found_by_their_parameters_only(metrics: Runtime) -> None:
    assert count(metrics, ("status", "noshow")) == 2
    assert count(metrics, ("patient", "Patient/p"), ("date", "ge2031-03-05")) == 3
    assert count(metrics, ("service-type", "57")) == 0, "nothing is written of it"


def test_what_the_copies_answer_is_counted_here(metrics: Runtime) -> None:
    assert evaluated(metrics, "Appointment?status=noshow") == 2
    assert evaluated(metrics, "Appointment?_id=a,b") == 2


@pytest.mark.parametrize("more", ["service-type=57", "patient.name=x", "_has:Encounter:appointment:status=finished"])
def test_what_they_do_not_is_counted_by_the_owner(metrics: Runtime, more: str) -> None:
    owner = Owner(said(200, {"resourceType": "Bundle", "total": 7}))
    services = replace(metrics, peer=owner)
    assert evaluated(services, f"Appointment?status=noshow&{more}") == 7
    (request,) = owner.asked
    assert (request.method, request.path) == ("GET", "Appointment")
    name, _, value = more.partition("=")
    bounds = [("date", "ge2031-03-01"), ("date", "le2031-03-31")]
    assert list(request.query) == [("status", "noshow"), (name, value), *bounds, ("_summary", "count")]
    assert request.headers["authorization"] == "Bearer x"
    assert request.headers["prefer"] == "handling=strict"


@pytest.mark.parametrize(("status", "error"), [(400, Invalid), (403, Invalid), (503, Busy)])
def test_what_the_owner_does_not_count_is_an_error(metrics: Runtime, status: int, error: type[Exception]) -> None:
    services = replace(metrics, peer=Owner(refused(status)))
    with pytest.raises(error, match="Not so"):
        evaluated(services, "Appointment?service-type=57")
