"""Booking under contention: how many are booked, and how soon the others are refused, with 1, 8 and 32 clients.

`carethread up` on durable PostgreSQL; the clients are a process of its own. All want one slot, any of 200, or each its
own, of 60 practitioners. A client cancels nothing: who is refused asks for another slot.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.figures import Figure, family_cpu_seconds, percentile
from bench.storing import store
from support import postgres
from support.desk_clients import parameters
from support.fhir import Fhir
from support.processes import CareThread, carethread

CLIENTS = (1, 8, 32)
SECONDS = 6.0
SLOTS = 6000
SHARED = 200
_GOALS = {"spread": ">= 300 booked/s at 32", "of 200": "", "one slot": "409 p99 < 30 ms"}


def measure() -> list[Figure]:
    """Each way of asking with each number of clients."""
    database = postgres.start(durable=True)
    env = {**os.environ, "CARETHREAD_DATABASE_URL": database.url}
    try:
        subprocess.run([sys.executable, "-m", "carethread", "migrate"], env=env, check=True, stdout=sys.stderr)
        with carethread("up", env=env) as server:
            return [_figure(server, database.pid, way, clients) for way in _GOALS for clients in CLIENTS]
    finally:
        database.stop()


def _figure(server: CareThread, database: int, way: str, clients: int) -> Figure:
    name = f"{way.replace(' ', '')}{clients}"
    slots = {"spread": SLOTS, "of 200": SHARED, "one slot": 1}[way]
    _seed(server.fhir, name, slots, clients)
    before = family_cpu_seconds(server.pid), family_cpu_seconds(database)
    command = [sys.executable, "-m", "bench.contending", server.fhir.base, name, way, str(slots), str(clients)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (Path(__file__).parents[1], *sys.path)))}
    said = json.loads(subprocess.run(command, env=env, check=True, capture_output=True).stdout)
    used = family_cpu_seconds(server.pid) - before[0], family_cpu_seconds(database) - before[1]
    asked = len(said["booked"]) + len(said["refused"])
    told = []
    for outcome in ("booked", "refused"):
        took = said[outcome]
        if took:
            times = f"p50 {percentile(took, 0.5) * 1000:.1f}, p99 {percentile(took, 0.99) * 1000:.1f} ms"
            told.append(f"{len(took) / said['seconds']:.0f} {outcome}/s, {times}")
    how = (
        f"{used[0] / asked * 1000:.1f} ms of the server's and {used[1] / asked * 1000:.1f} ms of PostgreSQL's CPU each"
    )
    return Figure(f"$book, {way}, {clients} clients", _GOALS[way], "; ".join(told), how)


def _seed(fhir: Fhir, name: str, slots: int, clients: int) -> None:
    """A Schedule for every hundred slots, whose times do not overlap, and a patient for each client."""
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
    resources: list[dict[str, object]] = [{"resourceType": "Patient", "id": f"{name}-{n}"} for n in range(clients)]
    for number in range(slots):
        schedule = f"{name}-{number // 100}"
        if number % 100 == 0:
            actor = [{"reference": f"Practitioner/{schedule}"}]
            resources.append({"resourceType": "Schedule", "id": schedule, "active": True, "actor": actor})
        begin = start + timedelta(minutes=10 * number)
        span = {"start": begin.isoformat(), "end": (begin + timedelta(minutes=10)).isoformat()}
        slot = {"resourceType": "Slot", "id": f"{name}-{number}", "status": "free", **span}
        resources.append({**slot, "schedule": {"reference": f"Schedule/{schedule}"}})
    store(fhir, resources)


def _clients(base: str, name: str, way: str, slots: int, clients: int) -> None:
    """Ask for as long as it is measured, and say how long each answer took."""
    booked: list[float] = []
    refused: list[float] = []
    ready, stop = threading.Barrier(clients + 1), threading.Event()
    fresh = iter(random.sample(range(slots), slots))
    wanted: Callable[[], int] = {
        "spread": lambda: next(fresh, slots),
        "of 200": lambda: random.randrange(slots),
        "one slot": lambda: 0,
    }[way]

    def client(patient: str) -> None:
        fhir = Fhir(base)
        ready.wait()
        while not stop.is_set() and (number := wanted()) < slots:
            body = parameters(slot=f"Slot/{name}-{number}", patient=f"Patient/{patient}")
            began = time.perf_counter()
            status = fhir.post("Appointment/$book", body).status
            if status not in (200, 409):
                raise RuntimeError(f"$book answered {status}.")
            (booked if status == 200 else refused).append(time.perf_counter() - began)

    threads = [threading.Thread(target=client, args=(f"{name}-{n}",)) for n in range(clients)]
    for thread in threads:
        thread.start()
    ready.wait()
    began = time.perf_counter()
    while time.perf_counter() - began < SECONDS and any(thread.is_alive() for thread in threads):
        time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join()
    json.dump({"booked": booked, "refused": refused, "seconds": time.perf_counter() - began}, sys.stdout)


if __name__ == "__main__":
    _clients(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
