"""Facts: how many events a second a rebuild reads, and how soon the engine reads an event."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.figures import Figure
from carethread.adapters.analytics.bounds import Bounds
from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.adapters.analytics.parquet import ParquetShelf
from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.events.bus import EmbeddedPublisher, EmbeddedSubscription
from carethread.adapters.sql.loading import SqlLoading
from carethread.core.clock import system_clock
from carethread.core.consuming.consumer import Consumer
from carethread.core.consuming.reading import resource_event
from carethread.core.context import new_id
from carethread.core.events import Event, topic
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.core.service import ResourceType, Runtime, Service
from carethread.interactions.mirror import reaction
from carethread.metrics.facts.keeping import mirrors
from carethread.metrics.facts.publishing import Publisher
from carethread.metrics.facts.reaching import Horizon
from carethread.metrics.facts.rebuilding import Read, rebuild
from carethread.metrics.facts.running import run as publish_on
from carethread.metrics.facts.shipped import shipped
from carethread.metrics.facts.sources import events
from carethread.metrics.facts.tidying import Tidier
from support import postgres, run
from support.stores import BASE, open_store

COUNT = 1_000_000
PROCESSES = 2
RATE, SECONDS = 500, 30

_LIVES = ("booked", "arrived", "fulfilled")
"""What becomes of a visit: three events each."""


def measure(count: int = COUNT) -> list[Figure]:
    """Rebuild from an embedded log into SQLite and PostgreSQL; then consume and publish at a steady rate."""
    folder = run.folder("facts")
    fill(folder / "bus.db", count)
    figures = [_rebuilt(folder, f"sqlite:///{folder}/metrics.db", "SQLite", count)]
    database = postgres.start(durable=True)
    try:
        figures.append(_rebuilt(folder, database.url, "PostgreSQL", count))
        figures.append(_fresh(folder, database.url))
    finally:
        database.stop()
    return figures


def visit(number: int, step: int) -> Resource:
    """A version of a visit, of about a kilobyte."""
    minute, day = number % 60, 1 + number % 28
    return {
        "resourceType": "Appointment",
        "id": f"0191a3f0-1111-7abc-8def-{number:012}",
        "meta": {"versionId": str(step + 1), "lastUpdated": f"2026-03-{day:02}T10:{minute:02}:00.000Z",
                 "profile": ["https://carethread.dev/fhir/StructureDefinition/appointment"]},
        "extension": [{"url": "https://carethread.dev/fhir/StructureDefinition/department",
                       "valueReference": {"reference": f"Organization/department-{number % 12}"}}],
        "status": _LIVES[step],
        "serviceType": [{"coding": [{"system": "http://snomed.info/sct", "code": "394579002"}]}],
        "appointmentType": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0276",
                                        "code": "FOLLOWUP"}]},
        "start": f"2026-04-{day:02}T09:{minute:02}:00+02:00",
        "end": f"2026-04-{day:02}T10:{minute:02}:00+02:00",
        "minutesDuration": 60,
        "slot": [{"reference": f"Slot/slot-{number}"}],
        "created": f"2026-02-{day:02}T10:00:00Z",
        "participant": [
            {"actor": {"reference": f"{kind}"}, "status": "accepted"}
            for kind in (f"Patient/patient-{number % 200_000}", f"Practitioner/practitioner-{number % 97}",
                         f"HealthcareService/service-{number % 31}", f"Location/room-{number % 53}")
        ],
    }  # fmt: skip


def told(number: int, step: int, sequence: int) -> Event:
    """The event of a version."""
    body = visit(number, step)
    moment = time.time_ns() // 1000
    verb = "updated" if step else "created"
    key = body["participant"][0]["actor"]["reference"]
    return Event(new_id(), "scheduling", verb, "Appointment", body["id"], step + 1, moment, key, json.render(body),
                 sequence)  # fmt: skip


def _all(count: int) -> Iterator[Event]:
    """Events as they come: of many visits at the same time."""
    visits = -(-count // len(_LIVES))
    for sequence in range(1, count + 1):
        yield told((sequence - 1) % visits, (sequence - 1) // visits, sequence)


def fill(path: Path, count: int) -> None:
    """A log of so many events."""
    publisher = EmbeddedPublisher(path)
    publisher.fence("scheduling", 1)
    waiting: list[Event] = []
    for event in _all(count):
        waiting.append(event)
        if len(waiting) == 5000:
            publisher.send(waiting)
            waiting = []
    publisher.send(waiting)
    publisher.close()


def _rebuilt(folder: Path, url: str, kind: str, count: int) -> Figure:
    store = open_store(url, "metrics")
    shelf = ParquetShelf(folder / f"facts-{kind}")
    runtime = _runtime(store)
    topics = [topic(subject.type) for subject in shipped()]
    bus = EmbeddedSubscription(folder / "bus.db", topics, dict)
    read = Read()
    spent, began = _cpu(), time.perf_counter()
    versions = events(
        bus, [subject.type for subject in shipped()], read, lambda record: resource_event(runtime, record)
    )
    resources = rebuild(versions, read, shipped(), shelf, SqlLoading(store.engine, "metrics"), processes=PROCESSES)
    Publisher(store, shelf, shipped(), system_clock).publish()
    seconds, cpu = time.perf_counter() - began, _cpu() - spent
    with DuckAnalytics(folder / f"facts-{kind}", Bounds()).look(leisure=True) as facts:
        found = facts.query("SELECT count(*) FROM appointments WHERE status = 'fulfilled'").rows[0][0]
    if found < count // len(_LIVES) - 1:
        raise RuntimeError(f"{found} of {count // len(_LIVES)} visits are there")
    store.close()
    return Figure(
        f"rebuild of facts, {kind}", "20,000/s", f"{count / seconds:,.0f}/s",
        f"{count:,} events of {resources:,} visits in the embedded log, {PROCESSES} processes beside the reader, "
        f"{seconds:.0f} s; {cpu / count * 1e6:.0f} µs of CPU an event without the database's",
    )  # fmt: skip


def _fresh(folder: Path, url: str) -> Figure:
    """How long after an event was put into the log the engine finds it, at a steady rate, with a base of before."""
    store = open_store(url, "metrics")
    runtime, stop = _runtime(store), threading.Event()
    shelf = ParquetShelf(folder / "facts-PostgreSQL")
    threads = [
        threading.Thread(target=_consume, args=(folder / "bus.db", runtime, stop), daemon=True),
        threading.Thread(target=_publish, args=(folder / "bus.db", runtime, shelf, stop), daemon=True),
    ]
    for thread in threads:
        thread.start()
    sent: dict[int, float] = {}
    sending = threading.Thread(target=_send, args=(folder / "bus.db", sent), daemon=True)
    sending.start()
    late = _lateness(DuckAnalytics(folder / "facts-PostgreSQL", Bounds()), sent, sending)
    stop.set()
    for thread in threads:
        thread.join()
    late.sort()
    return Figure(
        f"facts fresh at {RATE} events/s", "2 s", f"{late[-1]:.2f} s",
        f"the latest of {len(late)} batches of {_BATCH} events over {SECONDS} s, median {late[len(late) // 2]:.2f} s; "
        "one process consumes and publishes",
    )  # fmt: skip


def _consume(path: Path, runtime: Runtime, stop: threading.Event) -> None:
    reactions = [reaction(mirror) for mirror in mirrors(shipped()) if mirror.type == "Appointment"]
    positions = partial(runtime.store.positions, "metrics")
    Consumer(runtime, EmbeddedSubscription(path, [topic("Appointment")], positions), reactions).run(stop)


def _publish(path: Path, runtime: Runtime, shelf: ParquetShelf, stop: threading.Event) -> None:
    bus = EmbeddedSubscription(path, [topic(subject.type) for subject in shipped()], dict)
    horizon = Horizon(bus, partial(runtime.store.positions, "metrics"), system_clock)
    replacing = threading.Lock()
    publisher = Publisher(runtime.store, shelf, shipped(), system_clock, horizon, replacing)
    publish_on(publisher, Tidier(shelf, replacing), shelf, stop)


_BATCH = 50
_NEW = 900_000_000_000
"""The first number of visits that were not in the log before."""


def _send(path: Path, sent: dict[int, float]) -> None:
    """Put events into the log at a steady rate, noting when each batch was there."""
    publisher = EmbeddedPublisher(path)
    publisher.fence("scheduling", 1)
    began = time.monotonic()
    for batch in range(RATE * SECONDS // _BATCH):
        time.sleep(max(0.0, began + batch * _BATCH / RATE - time.monotonic()))
        numbers = range(_NEW + batch * _BATCH, _NEW + (batch + 1) * _BATCH)
        publisher.send([told(number, 0, COUNT + number - _NEW) for number in numbers])
        sent[numbers[-1]] = time.monotonic()
    publisher.close()


def _lateness(analytics: DuckAnalytics, sent: dict[int, float], sending: threading.Thread) -> list[float]:
    """How long each batch took to be found, in seconds."""
    late: list[float] = []
    through = -1
    deadline = time.monotonic() + 2 * SECONDS
    while (sending.is_alive() or len(late) < len(sent)) and time.monotonic() < deadline:
        with analytics.look(leisure=True) as facts:
            ids = "0191a3f0-1111-7abc-8def-9%"
            found = facts.query("SELECT max(id) FROM appointments WHERE id LIKE $ids", {"ids": ids}).rows[0][0]
        now = time.monotonic()
        last = int(found[-12:]) if found else -1
        late += [now - moment for number, moment in list(sent.items()) if through < number <= last]
        through = max(through, last)
        time.sleep(0.05)
    if len(late) < len(sent):
        raise RuntimeError(f"{len(sent) - len(late)} batches were not found in {2 * SECONDS} s")
    return late


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _runtime(store: object) -> Runtime:
    service = Service("metrics", "", (ResourceType("Measure"),), distils=lambda: mirrors(shipped()))
    return Runtime(service, store, LocalOwners({}), LocalPeer({}), BASE)  # type: ignore[arg-type]
