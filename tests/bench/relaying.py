"""The relay to Apache Kafka: how fast a backlog drains, and how soon a consumer has what was just committed.

The relay is a process of its own over SQLite, the consumer is in this one and reads what is committed only. The clock
of an event starts when its transaction has committed and stops when the consumer's poll returns it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench.figures import Figure, percentile
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.events import Event
from carethread.core.fhir.json import render
from carethread.core.relaying.relay import BATCH, LEASE_SECONDS
from support import kafka, run
from support.event_workers import event, put, relay_worker, sent, store_at, subscription
from support.servers import Process, until

BACKLOG = 20_000
BODY_BYTES = 900
RATE = 200
"""Events a second."""
SECONDS = 20
_WARM = 200


def measure() -> list[Figure]:
    """Drain BACKLOG events, then send RATE a second for SECONDS."""
    broker = kafka.start()
    try:
        return [*_draining(broker.bootstrap), *_arriving(broker.bootstrap)]
    finally:
        broker.stop()


def sized(number: int) -> Event:
    """An event whose body has BODY_BYTES."""
    plain = event(number, patients=50)
    body = {"resourceType": "Appointment", "id": plain.resource_id, "status": "booked", "comment": ""}
    body["comment"] = "x" * (BODY_BYTES - len(render(body)))
    return replace(plain, data=render(body))


@contextmanager
def _relay(folder: Path, bus: str, prefix: str) -> Iterator[Process]:
    where = ("--database", f"sqlite:///{folder}/scheduling.db", "--bus", bus, "--prefix", prefix)
    how = ("--service", "scheduling", "--lease", str(LEASE_SECONDS), "--batch", str(BATCH))
    relay = relay_worker(*where, *how)
    relay.start()
    try:
        yield relay
    finally:
        relay.stop()


def _draining(bus: str) -> list[Figure]:
    folder = run.folder("relaying")
    store = store_at(f"sqlite:///{folder}/scheduling.db", "scheduling")
    put(store, [sized(1)])
    with _relay(folder, bus, "drain") as relay:
        until(lambda: sent(store) == 1, seconds=60, what="the first event")
        _fill(store, range(2, BACKLOG + 2))  # one transaction: the relay sees all of them at once
        began, used = time.perf_counter(), _cpu_seconds(relay.pid)
        until(lambda: sent(store) >= BACKLOG, seconds=120, what="the backlog sent", details=relay.output)
        took, used = time.perf_counter() - began, _cpu_seconds(relay.pid) - used
    how = f"{BACKLOG} of {BODY_BYTES} bytes, SQLite, one process; {used / BACKLOG * 1000:.2f} ms of CPU each"
    return [Figure("relay to Kafka", ">= 2,000 events/s", f"{BACKLOG / took:,.0f} events/s", how)]


def _fill(store: SqlStore, numbers: range) -> None:
    put(store, [sized(number) for number in numbers])


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process, from Linux's /proc (proc_pid_stat(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _arriving(bus: str) -> list[Figure]:
    folder = run.folder("relaying")
    store = store_at(f"sqlite:///{folder}/scheduling.db", "scheduling")
    committed: dict[bytes, float] = {}
    arrived: dict[bytes, float] = {}
    stop = threading.Event()
    reader = threading.Thread(target=_read, args=(bus, arrived, stop))
    with _relay(folder, bus, "arrive") as relay:
        reader.start()
        try:
            for number in range(_WARM):
                put(store, [sized(number)])
            until(lambda: len(arrived) == _WARM, seconds=60, what="the warm-up arrives")
            began, used = time.perf_counter(), _cpu_seconds(relay.pid)
            for number in range(RATE * SECONDS):
                time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
                one = sized(_WARM + number)
                put(store, [one])
                committed[one.id.encode()] = time.perf_counter()
            until(lambda: len(arrived) == _WARM + len(committed), seconds=60, what="all events arrive")
            used = _cpu_seconds(relay.pid) - used
        finally:
            stop.set()
            reader.join()
    took = [arrived[id_] - moment for id_, moment in committed.items()]
    how = f"{len(took)} events at {RATE}/s, SQLite; {used / len(took) * 1000:.1f} ms of the relay's CPU each"
    return [
        Figure("commit to Kafka consumer, p50", "< 15 ms", f"{percentile(took, 0.5) * 1000:.1f} ms", how),
        Figure("commit to Kafka consumer, p99", "< 60 ms", f"{percentile(took, 0.99) * 1000:.1f} ms", how),
    ]


def _read(bus: str, arrived: dict[bytes, float], stop: threading.Event) -> None:
    reader = subscription(bus, "arrive", "bench", ["Appointment"], {})
    while not stop.is_set():
        records = reader.poll(0.5)
        now = time.perf_counter()
        for record in (record for found in records.values() for record in found):
            arrived.setdefault(next(value for name, value in record.headers if name == "ce_id"), now)
    reader.close()
