"""From a `$cancel` to the offer of the freed slot, with 2,000 people waiting, on durable PostgreSQL.

The clock starts when `$cancel` is answered. It stops for `searched` when a search of FHIR answers with the entry that
has the slot and its deadline, asked again every 50 ms; for `heard` when the Communication for the person has come to a
reader of the event stream, that is, through the service that owns it and its relay. Visits are cancelled one after the
other, then many at once.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

from bench.figures import Figure, family_cpu_seconds, percentile
from bench.storing import store
from carethread.scheduling.rules import HOLD_UNTIL
from carethread.v1 import events_pb2, events_pb2_grpc
from support import postgres
from support.desk_clients import parameters
from support.fhir import Fhir
from support.processes import CareThread, carethread
from support.servers import until

WAITING, SERVICES = 2000, 5
SINGLE, BURST = 100, 50
_WARM = 10
_FLAGGED = 0.1
_GOAL = "< 1 s"
_LOOK_SECONDS = 0.05
_HIGH_RISK = {"coding": [{"system": "http://snomed.info/sct", "code": "723509005"}]}
_SYSTEM = "http://bench.example/services"


def measure() -> list[Figure]:
    """Cancel SINGLE visits one by one, then BURST at once."""
    database = postgres.start(durable=True)
    env = {**os.environ, "CARETHREAD_DATABASE_URL": database.url}
    try:
        subprocess.run([sys.executable, "-m", "carethread", "migrate"], env=env, check=True, stdout=sys.stderr)
        with carethread("up", env=env) as server:
            _store(server.fhir, _resources())
            with watching(server) as watch:
                numbers = iter(range(_WARM + SINGLE + BURST))
                _cancel(server, watch, [next(numbers) for _ in range(_WARM)], at_once=False)
                one_by_one = [next(numbers) for _ in range(SINGLE)]
                return [
                    *_figures("a freed slot", server, database.pid, watch, one_by_one, at_once=False),
                    *_figures(f"of {BURST} freed at once", server, database.pid, watch, list(numbers), at_once=True),
                ]
    finally:
        database.stop()


def _figures(
    what: str, server: CareThread, database: int, watch: Watch, visits: list[int], *, at_once: bool
) -> Iterator[Figure]:
    before = family_cpu_seconds(server.pid), family_cpu_seconds(database)
    answered = _cancel(server, watch, visits, at_once=at_once)
    used = family_cpu_seconds(server.pid) - before[0], family_cpu_seconds(database) - before[1]
    ours, theirs = (f"{seconds / len(visits) * 1000:.0f} ms of" for seconds in used)
    cpu = f"{ours} the server's and {theirs} the database's CPU each, $cancel and looking included"
    how = f"{len(visits)} visits, {WAITING} waiting for {SERVICES} services; {cpu}"
    for name, seen in (("searched", watch.searched), ("heard", watch.heard)):
        took = [max(0.0, seen[slot] - answered[slot]) for slot in answered]
        goal = "" if at_once else _GOAL
        times = f"p50 {percentile(took, 0.5) * 1000:.0f}, p99 {percentile(took, 0.99) * 1000:.0f} ms"
        yield Figure(f"{what}: its offer is {name}", goal, times, how)


def _cancel(server: CareThread, watch: Watch, visits: list[int], *, at_once: bool) -> dict[str, float]:
    """Cancel, and wait for the offers; when each was answered, by slot."""
    answered: dict[str, float] = {}

    def one(number: int) -> None:
        slot = f"slot-{number}"
        watch.wanted.add(slot)
        status = server.fhir.post(f"Appointment/visit-{number}/$cancel", parameters(by="patient")).status
        answered[slot] = time.perf_counter()
        if status != 200:
            raise RuntimeError(f"$cancel answered {status}.")
        if not at_once:
            until(lambda: _are_out(watch, [slot]), seconds=30, what="the offer")

    with ThreadPoolExecutor(16 if at_once else 1) as clients:
        list(clients.map(one, visits))
    until(lambda: _are_out(watch, answered), seconds=60, what="all offers")
    return answered


class Watch:
    """When the offer of each slot was first seen."""

    def __init__(self) -> None:
        self.wanted: set[str] = set()
        self.searched: dict[str, float] = {}
        self.heard: dict[str, float] = {}


def _are_out(watch: Watch, slots: Any) -> bool:
    return all(slot in watch.searched and slot in watch.heard for slot in slots)


@contextmanager
def watching(server: CareThread) -> Iterator[Watch]:
    """Search and listen from now on, each in a thread."""
    watch, stop = Watch(), threading.Event()
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub: Any = events_pb2_grpc.EventServiceStub(channel)
        stream = stub.Subscribe(events_pb2.SubscribeRequest(services=["careteams"], types=["Communication"]))
        next(stream)  # it begins here
        looks: list[Callable[[], None]] = [lambda: _search(server.fhir, watch, stop), lambda: _listen(stream, watch)]
        threads = [threading.Thread(target=look, daemon=True) for look in looks]
        for thread in threads:
            thread.start()
        try:
            yield watch
        finally:
            stop.set()
            stream.cancel()
            for thread in threads:
                thread.join()


def _search(fhir: Fhir, watch: Watch, stop: threading.Event) -> None:
    while not stop.wait(_LOOK_SECONDS):
        open_ones = sorted(watch.wanted - watch.searched.keys())
        if not open_ones:
            continue
        slots = ",".join(f"Slot/{slot}" for slot in open_ones)
        found = fhir.get(f"Appointment?status=pending&slot={slots}&_count=200").json.get("entry", ())
        now = time.perf_counter()
        for entry in found:
            offer = entry["resource"]
            if any(each["url"] == HOLD_UNTIL for each in offer["extension"]):
                watch.searched[offer["slot"][0]["reference"].removeprefix("Slot/")] = now


def _listen(stream: Any, watch: Watch) -> None:
    try:
        for message in stream:
            now = time.perf_counter()
            for event in message.events:
                about = json.loads(event.json)["about"]
                slots = (each["reference"] for each in about if each["reference"].startswith("Slot/"))
                watch.heard.update((slot.removeprefix("Slot/"), now) for slot in slots)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.CANCELLED:
            raise


def _resources() -> Iterator[dict[str, Any]]:
    """Those who wait, some of them at high risk, and visits of others on Schedules of every service."""
    chance = random.Random(7)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(WAITING):
        patient = f"Patient/waits-{number}"
        yield {"resourceType": "Patient", "id": f"waits-{number}", "active": True}
        if chance.random() < _FLAGGED:
            flag = {"resourceType": "Flag", "id": f"flag-{number}", "status": "active", "code": _HIGH_RISK}
            yield {**flag, "subject": {"reference": patient}}
        yield {
            "resourceType": "Appointment",
            "id": f"waits-{number}",
            "status": "waitlist",
            "priority": chance.randint(1, 9),
            "created": (today - timedelta(days=chance.randint(0, 100))).date().isoformat(),
            "serviceType": [_service(number)],
            "participant": [{"actor": {"reference": patient}, "status": "needs-action"}],
        }
    for number in range(SERVICES):
        actor = [{"reference": f"Practitioner/bench-{number}"}]
        yield {"resourceType": "Schedule", "id": f"bench-{number}", "active": True, "actor": actor}
    for number in range(_WARM + SINGLE + BURST):
        begin = today + timedelta(days=7, minutes=20 * number)
        span = {"start": begin.isoformat(), "end": (begin + timedelta(minutes=20)).isoformat()}
        slot = {"resourceType": "Slot", "id": f"slot-{number}", "status": "free", "serviceType": [_service(number)]}
        yield {**slot, "schedule": {"reference": f"Schedule/bench-{number % SERVICES}"}, **span}
        people = [f"Patient/comes-{number}", f"Practitioner/bench-{number % SERVICES}"]
        yield {"resourceType": "Patient", "id": f"comes-{number}", "active": True}
        yield {
            "resourceType": "Appointment",
            "id": f"visit-{number}",
            "status": "booked",
            "slot": [{"reference": f"Slot/slot-{number}"}],
            "participant": [{"actor": {"reference": person}, "status": "accepted"} for person in people],
            **span,
        }


def _service(number: int) -> dict[str, Any]:
    return {"coding": [{"system": _SYSTEM, "code": str(number % SERVICES)}]}


def _store(fhir: Fhir, resources: Iterator[dict[str, Any]]) -> None:
    """Put what others refer to first, so that what refers to it is not before it in the same Bundle."""
    order = ("Patient", "Flag", "Schedule", "Slot", "Appointment")
    store(fhir, sorted(resources, key=lambda each: order.index(each["resourceType"])))
