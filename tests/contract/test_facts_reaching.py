"""What the manifest says of its moment: never one before which events still wait, after a start and after a rebuild."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event as Signal

import pytest

from carethread.adapters.analytics.parquet import ParquetShelf
from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.events.bus import EmbeddedPublisher, EmbeddedSubscription, connect
from carethread.adapters.sql.loading import SqlLoading
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.clock import system_clock
from carethread.core.consuming import beginnings
from carethread.core.consuming.consumer import Consumer
from carethread.core.events import Event, topic
from carethread.core.ports import Progress, Session, Stored
from carethread.core.service import ResourceType, Runtime, Service
from carethread.interactions.mirror import reaction
from carethread.metrics.facts.keeping import mirrors
from carethread.metrics.facts.publishing import Publisher
from carethread.metrics.facts.reaching import Horizon
from carethread.metrics.facts.rebuilding import Read, rebuild
from support.facts_made import SUBJECTS, stored, visit
from support.looping import looping
from support.servers import until
from support.stores import BASE

TOPICS = [topic(each.type) for each in SUBJECTS]
BEGAN = 1_700_000_000_000_000
"""The moment of the owners' snapshots."""


def now() -> int:
    return time.time_ns() // 1000


class Worker:
    """What publishes and consumes, over a log that has a backlog."""

    def __init__(self, store: SqlStore, folder: Path) -> None:
        self.store, self.log = store, folder / "bus.db"
        connect(self.log).close()
        self.shelf = ParquetShelf(folder / "facts", memory=128)
        made = mirrors(SUBJECTS)
        service = Service("metrics", "", (ResourceType("Measure"),), distils=lambda: made)
        self.runtime = Runtime(service, store, LocalOwners({}), LocalPeer({}), BASE)
        self.reactions = [reaction(mirror) for mirror in made]
        for subject in SUBJECTS:
            store.transact(partial(_filled, subject.mirror))
        self.begin()

    def begin(self) -> None:
        """As at a start of the process."""
        bus = EmbeddedSubscription(self.log, TOPICS, dict)
        horizon = Horizon(bus, partial(self.store.positions, "metrics"), system_clock, every=0.0)
        self.publisher = Publisher(self.store, self.shelf, SUBJECTS, system_clock, horizon)

    def send(self, *versions: Stored) -> None:
        sender = EmbeddedPublisher(self.log)
        sender.fence("scheduling", 1)
        moment = now()
        sender.send([
            Event(f"{moment}-{each.id}", "scheduling", "updated", each.type, each.id, each.version, moment, "k",
                  each.body, number)
            for number, each in enumerate(versions, 1)
        ])  # fmt: skip
        sender.close()

    def publish(self) -> int:
        """The moment up to which the facts are whole."""
        for _ in range(3):
            self.publisher.publish()
        manifest = self.shelf.manifest()
        assert manifest is not None
        return manifest.time

    def consume(self) -> None:
        """Read all that waits."""
        with self.consuming():
            self.until_read()

    def until_read(self) -> None:
        positions = partial(self.store.positions, "metrics")
        ends = {place: each.end for place, each in EmbeddedSubscription(self.log, TOPICS, dict).kept(0).items()}
        until(lambda: all(positions().get(place, 0) >= end for place, end in ends.items()), seconds=30, what="read")

    @contextmanager
    def consuming(self) -> Iterator[None]:
        def run(stop: Signal) -> None:
            bus = EmbeddedSubscription(self.log, TOPICS, partial(self.store.positions, "metrics"))
            Consumer(self.runtime, bus, self.reactions, look=0.0).run(stop)

        with looping(run):
            yield


def _filled(name: str, session: Session) -> None:
    assert session.mark_mirrored(name, None, Progress(BEGAN, 0, None))


@pytest.fixture
def worker(store: SqlStore, tmp_path: Path) -> Worker:
    return Worker(store, tmp_path)


def test_a_backlog_is_not_claimed_after_a_start(worker: Worker) -> None:
    before = now()
    worker.send(*[stored(visit(f"v{number}")) for number in range(3)])
    assert worker.publish() == BEGAN, "what the snapshots held is all that is known"
    worker.consume()
    after = worker.publish()
    assert before < after <= now()
    worker.send(stored(visit("late")))
    backlog = now()
    worker.begin()
    assert after <= worker.publish() <= backlog, "as it was before the process ended"
    worker.consume()
    assert worker.publish() > after
    assert worker.publish() >= backlog


def test_a_rebuild_from_an_export_sets_the_moment_back_until_events_are_read_again(worker: Worker) -> None:
    worker.send(stored(visit("a")), stored(visit("b")))
    worker.consume()
    before = worker.publish()
    assert before > BEGAN
    moment = _rebuilt(worker, before)
    assert worker.publish() == moment
    worker.consume()
    assert worker.publish() >= before


def test_who_consumes_meanwhile_reads_again_though_no_event_comes(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginnings, "_LOOK_SECONDS", 0.0)
    worker.send(stored(visit("a")), stored(visit("b")))
    with worker.consuming():
        worker.until_read()
        before = worker.publish()
        _rebuilt(worker, before)
        worker.until_read()
    assert worker.publish() >= before
    found = worker.store.glance(lambda session: session.facts.since("Appointment", 0, 99, 9))
    assert sorted(id_ for _, id_, _ in found) == ["a", "b"]


def _rebuilt(worker: Worker, before: int) -> int:
    """Rebuild from an export of an hour before, in which one of two visits is; returns that moment."""
    versions = [("Appointment", "a", 1, b'{"resourceType":"Appointment","id":"a","status":"booked"}')]
    read = Read(positions={(TOPICS[0], 0): 0}, moment=before - 3_600_000_000)
    rebuild(versions, read, SUBJECTS, worker.shelf, SqlLoading(worker.store.engine, "metrics"), processes=0, parts=1)
    return read.moment
