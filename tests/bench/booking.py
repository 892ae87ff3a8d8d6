"""From a booking's request to the moment when metrics has it, over Apache Kafka, at a steady rate.

The clock starts before the request is sent and stops when the Appointment's facts stand in the metrics service's own
database, which a reader asks every millisecond; so the figure holds the HTTP answer, the relay, Kafka and the consumer.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.figures import Figure, percentile
from support import kafka, run
from support.fhir import Fhir
from support.processes import carethread
from support.servers import until

RATE = 100
"""Bookings a second."""
SECONDS = 20
_WARM = 200
_SENDERS = 8
_LOOK_SECONDS = 0.001


def measure() -> list[Figure]:
    """Book at RATE for SECONDS on `carethread up` with SQLite and Apache Kafka."""
    broker = kafka.start()
    data = run.folder("data")
    env = {"CARETHREAD_DATA": str(data), "CARETHREAD_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap}
    try:
        with carethread("up", env=env) as server:
            _slots(server.fhir, _WARM + RATE * SECONDS)
            watch = Watch(data / "metrics.db")
            _book(server.fhir, range(_WARM))
            until(lambda: len(watch.seen) == _WARM, seconds=60, what="the warm-up reaches metrics")
            sent, answered = _book(server.fhir, range(_WARM, _WARM + RATE * SECONDS))
            until(lambda: len(watch.seen) == _WARM + len(sent), seconds=60, what="all bookings reach metrics")
            watch.stop()
    finally:
        broker.stop()
    whole = [watch.seen[id_] - sent[id_] for id_ in sent]
    http = [answered[id_] - sent[id_] for id_ in sent]
    how = f"{len(sent)} bookings at {RATE}/s, up + SQLite + Kafka; of it HTTP "
    return [
        Figure("booking to metrics, p50", "< 25 ms", _ms(whole, 0.5), how + _ms(http, 0.5)),
        Figure("booking to metrics, p99", "< 100 ms", _ms(whole, 0.99), how + _ms(http, 0.99)),
    ]


def _ms(seconds: list[float], share: float) -> str:
    return f"{percentile(seconds, share) * 1000:.1f} ms"


def _slots(fhir: Fhir, count: int) -> None:
    schedule = {"resourceType": "Schedule", "id": "bench", "actor": [{"display": "a room"}]}
    assert fhir.put("Schedule/bench", schedule).status == 201
    for first in range(0, count, 500):
        entries = [_put(_slot(number)) for number in range(first, min(first + 500, count))]
        assert fhir.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries}).status == 200


def _put(resource: dict[str, Any]) -> dict[str, Any]:
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"request": {"method": "PUT", "url": url}, "resource": resource}


def _time(number: int) -> str:
    return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * number)).isoformat()


def _slot(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Slot",
        "id": f"bench-{number}",
        "schedule": {"reference": "Schedule/bench"},
        "status": "free",
        "start": _time(number),
        "end": _time(number + 1),
    }


def _appointment(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "id": f"bench-{number}",
        "status": "booked",
        "slot": [{"reference": f"Slot/bench-{number}"}],
        "start": _time(number),
        "end": _time(number + 1),
        "participant": [{"actor": {"reference": f"Patient/bench-{number % 50}"}, "status": "accepted"}],
    }


def _book(fhir: Fhir, numbers: range) -> tuple[dict[str, float], dict[str, float]]:
    """Book at RATE, each at its own moment however slow the others are; when each was sent and answered, by id."""
    sent: dict[str, float] = {}
    answered: dict[str, float] = {}
    began = time.perf_counter() + 0.1

    def one(position: int, number: int) -> None:
        time.sleep(max(0.0, began + position / RATE - time.perf_counter()))
        appointment = _appointment(number)
        sent[appointment["id"]] = time.perf_counter()
        answer = fhir.put(f"Appointment/{appointment['id']}", appointment)
        answered[appointment["id"]] = time.perf_counter()
        if answer.status != 201:
            raise RuntimeError(f"a booking was answered {answer.status}")

    with ThreadPoolExecutor(_SENDERS) as senders:
        list(senders.map(one, range(len(numbers)), numbers))
    return sent, answered


class Watch:
    """When each Appointment came into the metrics service's database."""

    def __init__(self, path: Path) -> None:
        self.seen: dict[str, float] = {}
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
        last = 0
        look: Callable[[], list[tuple[int, str]]] = lambda: connection.execute(  # noqa: E731
            "SELECT changed, id FROM facts WHERE type = 'Appointment' AND changed > ?", (last,)
        ).fetchall()
        while not self._stop.is_set():
            now = time.perf_counter()
            for changed, id_ in look():
                self.seen.setdefault(id_, now)
                last = max(last, changed)
            time.sleep(_LOOK_SECONDS)
