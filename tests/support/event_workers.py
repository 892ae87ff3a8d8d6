"""A relay as a process of its own, made of the real adapters, and what else tests that kill, freeze and count need.

`python -m support.event_workers --help` says with what it runs. Around sending it dawdles as long as it is told, so
that what befalls it at a random moment often falls there.
"""

from __future__ import annotations

import argparse
import random
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from sqlalchemy import func, select, text

from carethread.adapters.kafka import KafkaPublisher, KafkaSettings, KafkaSubscription
from carethread.adapters.sql.engine import is_sqlite, make_engine
from carethread.adapters.sql.events.bus import EmbeddedPublisher, EmbeddedSubscription
from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import metadata, versions
from carethread.adapters.sql.tables import outbox as outbox_table
from carethread.adapters.sql.tables import relay as relay_table
from carethread.core.context import new_id
from carethread.core.events import Event, from_headers, topic
from carethread.core.fhir.json import parse_object, render
from carethread.core.ports import Chunk, Key, Place, Publisher, Request, Response, Session, Stored, Subscription, Write
from carethread.core.relaying.relay import Relay
from carethread.core.service import Reaction, ResourceType, Runtime, Service
from support.deaths import environment
from support.looping import looping
from support.servers import Process

BASE_URL = "http://127.0.0.1/fhir"


def store_at(url: str, service: str) -> SqlStore:
    """The store at a database URL, its tables made when they are missing."""
    store = SqlStore(make_engine(url), service)
    metadata.create_all(store.engine)
    return store


def event(number: int, *, patients: int = 5, service: str = "scheduling") -> Event:
    """A version of a new Appointment, of one of a few patients in turn."""
    id_ = f"a{number}"
    body = render({"resourceType": "Appointment", "id": id_, "status": "booked"})
    moment = time.time_ns() // 1000
    return Event(new_id(), service, "booked", "Appointment", id_, 1, moment, f"Patient/{number % patients}", body)


def put(store: SqlStore, events: Sequence[Event]) -> None:
    """Store the resources with their events, in one transaction, as a write interaction does."""
    writes = [
        Write(Stored(e.resource_type, e.resource_id, e.version, e.time, False, e.data, key=e.key), None, e)
        for e in events
    ]
    store.transact(lambda session: session.write(writes))


@dataclass
class Dawdling:
    """A publisher that is slow to begin, and to say that it has sent."""

    publisher: Publisher
    seconds: float

    def fence(self, service: str, epoch: int) -> None:
        self.publisher.fence(service, epoch)

    def send(self, events: Sequence[Event]) -> None:
        time.sleep(random.uniform(0, self.seconds))
        self.publisher.send(events)
        time.sleep(random.uniform(0, self.seconds))

    def close(self) -> None:
        self.publisher.close()


class Nobody:
    """The other services, of which these tests have none."""

    def call(self, service: str, request: Request) -> Response:
        raise AssertionError

    def knows(self, service: str) -> bool:
        return False

    def read(self, service: str, key: Key, version: int = 0) -> Stored | None:
        return None

    def search(self, service: str, type_name: str, params: Sequence[tuple[str, str]]) -> list[Stored]:
        return []

    def snapshot(self, service: str, type_name: str, after: int = 0) -> Iterator[Chunk]:
        return iter(())


def remind(seconds: float) -> Reaction:
    """An effect that shows when it happens twice: each time it writes a Task of its own, with an event."""

    def handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        session.write([task(e) for e in events])
        time.sleep(random.uniform(0, seconds))

    return Reaction("remind", "effect", ("Appointment",), handle)


def task(cause: Event) -> Write:
    """The effect of an event."""
    id_ = new_id()
    body = render({"resourceType": "Task", "id": id_, "focus": {"reference": f"Appointment/{cause.resource_id}"}})
    done = Event(new_id(), "careteams", "created", "Task", id_, 1, cause.time, cause.key, body)
    return Write(Stored("Task", id_, 1, cause.time, False, body, key=cause.key), None, done)


def runtime(store: SqlStore, name: str) -> Runtime:
    """A service without peers."""
    return Runtime(Service(name, "", (ResourceType("Task"),)), store, Nobody(), Nobody(), BASE_URL)


def publisher(bus: str, prefix: str) -> Publisher:
    """`bus` is `host:port` of Kafka, or the path of an embedded bus."""
    if "/" in bus:
        return EmbeddedPublisher(Path(bus), prefix)
    return KafkaPublisher(KafkaSettings(bus, prefix, partitions=3))


def subscription(
    bus: str, prefix: str, group: str, types: Iterable[str], positions: Mapping[Place, int] | SqlStore, member: str = ""
) -> Subscription:
    """The topics of some resource types, read from positions given, or from those that the group keeps in its store."""
    stored = (lambda: positions.positions(group)) if isinstance(positions, SqlStore) else (lambda: positions)
    topics = [topic(name, prefix) for name in types]
    if "/" in bus:
        return EmbeddedSubscription(Path(bus), topics, stored)
    settings = KafkaSettings(bus, prefix, partitions=3)
    return KafkaSubscription(settings, group, topics, stored, member=member, max_records=20)


class Writer:
    """A front desk that books on and on, in a thread; `took` has the seconds of each write."""

    def __init__(self, store: SqlStore, pause: float = 0.01) -> None:
        self.took: list[float] = []
        self._store = store
        self._pause = pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            put(self._store, [event(len(self.took) + 1)])
            self.took.append(time.monotonic() - began)
            self._stop.wait(self._pause)


@contextmanager
def relaying(store: SqlStore, bus: str, prefix: str) -> Iterator[None]:
    """A relay of this process, in a thread."""

    def relay(stop: threading.Event) -> None:
        outbox = SqlOutbox(store.engine, "scheduling", BASE_URL)
        Relay(outbox, publisher(bus, prefix), "scheduling", new_id()).run(stop, store.wait)

    with looping(relay):
        yield


def sent(store: SqlStore) -> int:
    """The last sequence that is marked as sent."""
    with store.engine.connect() as connection:
        return connection.execute(select(relay_table.c.sent)).scalar() or 0


def holder(store: SqlStore) -> str:
    """Who leads."""
    with store.engine.connect() as connection:
        return connection.execute(select(relay_table.c.holder)).scalar() or ""


def numbers(store: SqlStore) -> dict[int, str]:
    """The id of each event that has a sequence, by that."""
    with store.engine.connect() as connection:
        rows = connection.execute(select(outbox_table.c.sequence, outbox_table.c.ce_id)).all()
    return {row.sequence: row.ce_id for row in rows if row.sequence}


def unnumbered(store: SqlStore) -> int:
    """How many events wait for their number."""
    with store.engine.connect() as connection:
        missing = select(func.count()).where(outbox_table.c.sequence.is_(None))
        return connection.execute(missing).scalar_one()


def drained(store: SqlStore) -> bool:
    """Whether all that is committed is numbered, sent and marked."""
    return not unnumbered(store) and len(numbers(store)) == sent(store)


def reminders(store: SqlStore) -> Counter[str]:
    """How often each Appointment's effect happened, as the consumer's database has it."""
    with store.engine.connect() as connection:
        bodies = connection.execute(select(versions.c.body)).scalars()
        return Counter(parse_object(body)["focus"]["reference"] for body in bodies)


def published(bus: str, prefix: str, last: int) -> dict[Place, list[Event]]:
    """All that lies on the bus, in each place's order, once an event with the sequence `last` is there."""
    reader = subscription(bus, prefix, f"reader-{new_id()}", ["Appointment"], {})
    got: dict[Place, list[Event]] = defaultdict(list)
    end = time.monotonic() + 30
    while time.monotonic() < end and last not in {e.sequence for events in got.values() for e in events[-50:]}:
        for place, records in reader.poll(0.5).items():
            got[place] += [from_headers(r.headers, r.key, r.value) for r in records]
    while found := reader.poll(1.0):
        for place, records in found.items():
            got[place] += [from_headers(r.headers, r.key, r.value) for r in records]
    reader.close()
    return got


def check_published(got: Mapping[Place, Sequence[Event]], expected: Mapping[int, str], batch: int) -> int:
    """Each event is there under its number, first seen in order, repeated only right after; returns the repetitions."""
    assert {e.sequence: e.id for events in got.values() for e in events} == dict(expected), "lost, or renumbered"
    assert sorted(expected) == list(range(1, len(expected) + 1)), "numbers without gaps"
    for events in got.values():
        order = list(dict.fromkeys(e.sequence for e in events))
        assert order == sorted(order), "something old was first seen after something new"
        highest = 0
        for e in events:
            assert e.sequence > highest - batch, "something long sent came again"
            highest = max(highest, e.sequence)
    return sum(map(len, got.values())) - len(expected)


def freeze(process: Process, store: SqlStore, bus: str = "") -> None:
    """Pause it at a random moment outside a transaction, in which all would wait for it: on SQLite for ever, on
    PostgreSQL until that ends it after a minute."""
    while True:
        time.sleep(random.uniform(0, 0.1))
        process.pause()
        if _unheld(store) and ("/" not in bus or _unlocked(Path(bus))):
            return
        process.unpause()


_OPEN = text(
    "SELECT pid, xact_start FROM pg_stat_activity"
    " WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
)


def _unheld(store: SqlStore) -> bool:
    if is_sqlite(store.engine):
        return _unlocked(Path(store.engine.url.database or ""))
    with store.engine.connect() as connection:
        before = set(connection.execute(_OPEN).all())
        time.sleep(0.5)
        return not before & set(connection.execute(_OPEN).all())


def _unlocked(database: Path) -> bool:
    probe = sqlite3.connect(database, timeout=0.5, isolation_level=None)
    try:
        probe.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    finally:
        probe.close()
    return True


def relay_worker(*arguments: str) -> Process:
    """The process, not yet started; when it prints its line it is about to work."""
    command = [sys.executable, "-m", "support.event_workers", *arguments]
    return Process("relay-worker", command, lambda: True, env=environment())


def main() -> NoReturn:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True, help="URL of the service's database")
    parser.add_argument("--bus", required=True, help="host:port of Kafka, or the path of an embedded bus")
    parser.add_argument("--prefix", default="carethread")
    parser.add_argument("--service", required=True)
    parser.add_argument("--name", default="", help="the relay's holder")
    parser.add_argument("--lease", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--dawdle", type=float, default=0.0)
    given = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    store = store_at(given.database, given.service)
    Relay(
        SqlOutbox(store.engine, given.service, BASE_URL),
        Dawdling(publisher(given.bus, given.prefix), given.dawdle),
        given.service,
        given.name or new_id(),
        lease=given.lease,
        batch=given.batch,
    ).run(stop, store.wait)
    raise SystemExit(0)


if __name__ == "__main__":
    main()
