"""At the desk at the same moment, on both databases: what is decided by looking is decided while nobody else may."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.scheduling.booking.conflicts import duplicates
from carethread.scheduling.desk.placing import repeated
from support.desk import Desk, desk, patient, schedule, slot, wish

TALK = [{"coding": [{"system": "urn:example:services", "code": "talk"}]}]


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with desk(tmp_path, database_url) as made:
        made.put(patient("ann"), service="records")
        for name in ("one", "two"):
            made.put(schedule(name, f"Practitioner/{name}"))
            made.put({**slot(name, name, 1 if name == "one" else 2), "serviceType": TALK})
        yield made


def meeting(work: Callable[..., Any]) -> Callable[..., Any]:
    """The same, after which two wait for each other, unless only one can come so far."""
    gate = Barrier(2, timeout=0.5)

    def done(*given: Any) -> Any:
        found = work(*given)
        found = found if found is None or hasattr(found, "version") else list(found)
        with suppress(BrokenBarrierError):
            gate.wait()
        return found

    return done


def alone(name: str) -> list[Resource]:
    """What has a request done in a transaction of its own."""
    made = {
        "resourceType": "Appointment",
        "status": "proposed",
        "identifier": [{"system": "urn:example:alone", "value": name}],
        "participant": [{"actor": {"reference": "Patient/ann"}, "status": "accepted"}],
    }
    return [{"name": "appointment-resource", "resource": made}]


@pytest.mark.parametrize("together", [True, False])
def test_a_patient_has_one_visit_of_a_kind_a_day(front: Desk, monkeypatch: pytest.MonkeyPatch, together: bool) -> None:
    monkeypatch.setattr("carethread.scheduling.desk.placing.duplicates", meeting(duplicates))

    def ask(name: str) -> int:
        return front.call("book", *wish([name], "ann"), *([] if together else alone(name))).status

    with ThreadPoolExecutor() as pool:
        assert sorted(pool.map(ask, ("one", "two"))) == [200, 409]


@pytest.mark.parametrize("together", [True, False])
def test_the_same_request_twice_is_done_once(front: Desk, monkeypatch: pytest.MonkeyPatch, together: bool) -> None:
    monkeypatch.setattr("carethread.scheduling.desk.book.repeated", meeting(repeated))

    def ask(_: int) -> tuple[int, str]:
        new = [] if together else [{"name": "patient-resource", "resource": {"resourceType": "Patient"}}]
        answer = front.call("book", *wish(["one"], "ann"), *new, idempotency_key="same")
        found = json.parse_object(answer.body)
        return answer.status, found["entry"][0]["resource"]["id"] if "entry" in found else found["issue"]

    with ThreadPoolExecutor() as pool:
        first, second = pool.map(ask, range(2))
    assert first == second
    assert first[0] == 200
