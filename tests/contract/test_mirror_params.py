"""A mirror that is indexed by some parameters finds its copies by those, and nothing is written of the others."""

from __future__ import annotations

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.ports import Stored
from carethread.core.service import Mirror, Runtime, Service
from carethread.interactions.mirror import keep
from support.stores import BASE, runtime

PARAMS = frozenset({"date", "patient", "status"})


@pytest.fixture
def copying(store: SqlStore) -> Runtime:
    """A service with copies of three Appointments, one of them in its second version."""
    made_up = Service("records", "Made up.", (), mirrors=(Mirror("Appointment", owner="scheduling", params=PARAMS),))
    services = runtime(store, made_up)
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


def test_the_copies_are_found_by_their_parameters_only(copying: Runtime) -> None:
    assert count(copying, ("status", "noshow")) == 2
    assert count(copying, ("patient", "Patient/p"), ("date", "ge2031-03-05")) == 3
    assert count(copying, ("service-type", "57")) == 0, "nothing is written of it"
