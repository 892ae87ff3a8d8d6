"""Clients at 200 slots, holding, booking, moving and cancelling at random: what they saw of each slot is linearizable.

On both databases, half of the clients over REST and half over gRPC, with a server that stays and with one that is
killed and started again.
CARETHREAD_TEST_SECONDS says for how long; 60 are a campaign.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
import urllib3

from carethread.v1 import scheduling_pb2 as pb
from carethread.v1 import scheduling_pb2_grpc
from support.desk_clients import Away, Client, Histories, at_work, parameters
from support.fhir import Fhir
from support.linearizable import Op, linearizable
from support.processes import CareThread, carethread
from support.servers import until

SECONDS = float(os.environ.get("CARETHREAD_TEST_SECONDS", "6"))
CLIENTS, SLOTS = 32, 200
_AGAIN = (502, 503, 504)
_SOON = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
"""A channel waits up to two minutes before it looks whether the server is back, unless it is told otherwise."""


class Rest:
    """The desk over REST."""

    def __init__(self, fhir: Fhir) -> None:
        self._fhir = fhir

    def _ask(self, path: str, body: object, key: str = "") -> str:
        headers = {"Idempotency_Key": key} if key else {}
        try:
            answer = self._fhir.post(path, body, **headers)
        except urllib3.exceptions.HTTPError as error:
            raise Away from error
        if answer.status in _AGAIN:
            raise Away
        assert answer.status in (200, 409), (path, answer.status, answer.json)
        found: str = answer.json["entry"][0]["resource"]["id"] if answer.status == 200 else ""
        return found

    def take(self, operation: str, patient: str, slot: str, key: str) -> str:
        wanted = parameters(slot=f"Slot/{slot}", patient=f"Patient/{patient}")
        return self._ask(f"Appointment/${operation}", wanted, key)

    def firm(self, appointment: str) -> str:
        return self._ask(f"Appointment/{appointment}/$book", parameters())

    def move(self, appointment: str, slot: str) -> str:
        return self._ask(f"Appointment/{appointment}/$reschedule", parameters(slot=f"Slot/{slot}"))

    def leave(self, operation: str, appointment: str) -> str:
        return self._ask(f"Appointment/{appointment}/${operation}", parameters())


class Rpc:
    """The desk over gRPC."""

    def __init__(self, stub: scheduling_pb2_grpc.SchedulingServiceStub) -> None:
        self._stub = stub

    def _ask(self, call: Callable[..., Any], request: object) -> str:
        try:
            found: str = call(request, timeout=30).appointment.id
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise Away from error
            assert error.code() is grpc.StatusCode.ABORTED, error
            return ""
        return found

    def take(self, operation: str, patient: str, slot: str, key: str) -> str:
        wish = pb.Wish(slots=[slot], patients=[patient])
        if operation == "hold":
            return self._ask(self._stub.Hold, pb.HoldRequest(wish=wish, idempotency_key=key))
        return self._ask(self._stub.Book, pb.BookRequest(wish=wish, idempotency_key=key))

    def firm(self, appointment: str) -> str:
        return self._ask(self._stub.Book, pb.BookRequest(appointment=appointment))

    def move(self, appointment: str, slot: str) -> str:
        wish = pb.Wish(slots=[slot])
        return self._ask(self._stub.Reschedule, pb.RescheduleRequest(appointment=appointment, wish=wish))

    def leave(self, operation: str, appointment: str) -> str:
        if operation == "release":
            return self._ask(self._stub.Release, pb.ReleaseRequest(appointment=appointment))
        return self._ask(self._stub.Cancel, pb.CancelRequest(appointment=appointment, by=pb.CANCELLED_BY_PATIENT))


def seeded(fhir: Fhir) -> tuple[list[str], list[str]]:
    """The ids of slots, each on a day of its own, and of patients."""
    tomorrow = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)
    schedule = {"resourceType": "Schedule", "id": "s", "active": True, "actor": [{"reference": "Practitioner/p"}]}
    resources = [schedule]
    slots, patients = [f"slot{n}" for n in range(SLOTS)], [f"patient{n}" for n in range(CLIENTS)]
    for day, slot in enumerate(slots):
        start = tomorrow + timedelta(days=day)
        span = {"start": start.isoformat(), "end": (start + timedelta(minutes=30)).isoformat()}
        resources.append(
            {"resourceType": "Slot", "id": slot, "schedule": {"reference": "Schedule/s"}, "status": "free", **span}
        )
    resources += [{"resourceType": "Patient", "id": patient} for patient in patients]
    entries = [
        {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources
    ]
    answer = fhir.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert answer.status == 200
    assert all(entry["response"]["status"].startswith("201") for entry in answer.json["entry"])
    return slots, patients


def steady(server: CareThread, histories: Histories) -> Callable[[float], None]:
    return time.sleep


def killed(server: CareThread, histories: Histories) -> Callable[[float], None]:
    """Kill the server amid the work, again and again, and start it anew."""

    def meanwhile(seconds: float) -> None:
        end, deaths = time.monotonic() + seconds, 0
        while time.monotonic() < end or deaths < 3:
            before = histories.count("take")
            until(lambda: histories.count("take") > before + 10, seconds=60, what="bookings", details=server.output)  # noqa: B023
            time.sleep(random.uniform(0, 0.3))
            server.kill9()
            server.start()
            deaths += 1

    return meanwhile


@pytest.fixture
def server(database_url: str) -> Iterator[CareThread]:
    env = {} if database_url.startswith("sqlite") else {"CARETHREAD_DATABASE_URL": database_url}
    if env:
        migrating = CareThread("migrate", env=env, ready="")
        migrating.start()
        until(lambda: not migrating.alive, seconds=60, what="migrated", details=migrating.output)
    with carethread("up", env=env) as started:
        yield started


@pytest.mark.timeout(180 + 4 * SECONDS)
@pytest.mark.parametrize("how", [steady, killed])
def test_each_slot_has_one_winner_and_none_is_lost(server: CareThread, how) -> None:
    slots, patients = seeded(server.fhir)
    histories = Histories()
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", _SOON) as channel:
        desks = Rest(Fhir(server.fhir.base)), Rpc(scheduling_pb2_grpc.SchedulingServiceStub(channel))
        clients = [Client(desks[seed % 2], p, slots, histories, seed) for seed, p in enumerate(patients)]
        at_work(clients, SECONDS, how(server, histories))
    for slot in slots:
        called = time.monotonic()
        status = server.fhir.get(f"Slot/{slot}").json["status"]
        assert status in ("free", "busy")
        histories.note(slot, called, "seen-free" if status == "free" else "seen-taken", "")
    assert histories.count("take") > CLIENTS and histories.count("refused") > 0
    wrong = {slot: sorted(ops) for slot, ops in histories.ops.items() if not linearizable(ops)}
    assert not wrong, _told(wrong)


def _told(wrong: dict[str, list[Op]]) -> str:
    slot, ops = next(iter(wrong.items()))
    return f"{len(wrong)} slots; {slot}: " + "\n".join(map(str, ops))
