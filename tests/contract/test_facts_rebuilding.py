"""Facts rebuilt from the log and from an export: the same as those that were kept as events arrived."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.adapters.analytics.parquet import ParquetShelf
from carethread.adapters.sql.events.bus import EmbeddedPublisher, EmbeddedSubscription, connect, prune
from carethread.adapters.sql.loading import SqlLoading
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.clock import system_clock
from carethread.core.errors import Busy, Invalid, Malformed
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.ports import Record, Session, Stored
from carethread.metrics.facts.folder import export_in
from carethread.metrics.facts.keeping import keeper
from carethread.metrics.facts.publishing import Publisher
from carethread.metrics.facts.rebuilding import Read, rebuild
from carethread.metrics.facts.sources import events, exported
from support.facts_made import READ, SUBJECTS, person, stored, tables, visit

TYPES = [subject.type for subject in SUBJECTS]
TOPICS = [f"carethread.{name.lower()}.v1" for name in (*TYPES, "Task")]
LAST = [visit("a", "noshow", ["Patient/p", "Patient/q"]), visit("c", comment='","'), person("p", "q"), person("q")]
HISTORY = [
    stored(visit("a", "booked", ["Patient/p"]), 1), stored(person("p"), 1), stored(visit("b"), 1),
    stored(LAST[0], 3), stored(visit("a", "arrived"), 2), stored(visit("b"), 2, deleted=True), stored(LAST[1], 1),
    stored(LAST[2], 2), stored(visit("b"), 1), stored(LAST[3], 1), stored(LAST[3], 1),
]  # fmt: skip


class Place:
    """A database, a folder and a log."""

    def __init__(self, store: SqlStore, folder: Path) -> None:
        self.store = store
        self.log = folder / "bus.db"
        connect(self.log).close()
        self.shelf = ParquetShelf(folder / "facts", memory=128)
        self.publisher = Publisher(store, self.shelf, SUBJECTS, system_clock, lambda: None)
        self.analytics = DuckAnalytics(folder / "facts")
        self.sequence = 0

    def send(self, *versions: Stored, **more: Any) -> None:
        sender = EmbeddedPublisher(self.log)
        sender.fence("scheduling", 1)
        for each in versions:
            self.sequence += 1
            verb = "deleted" if each.deleted else "updated"
            body = b'{"resourceType":"stub"}' if each.deleted else each.body
            sender.send([
                Event(f"e{self.sequence}", "scheduling", verb, each.type, each.id, each.version, each.updated, "k",
                      body, self.sequence, **more)
            ])  # fmt: skip
        sender.close()

    def rebuild(self, *, partial: bool = False, processes: int = 0, whole: Any = None, known: int = 0) -> int:
        read = Read()
        bus = EmbeddedSubscription(self.log, TOPICS, dict)
        versions = events(bus, TYPES, read, whole, partial=partial)
        loading = SqlLoading(self.store.engine, "metrics", known)
        return rebuild(versions, read, SUBJECTS, self.shelf, loading, processes=processes, parts=3)

    def read(self) -> dict[str, list[Any]]:
        with self.analytics.look() as facts:
            return {name: sorted(facts.query(sql).rows, key=repr) for name, sql in READ.items()}


@pytest.fixture
def place(store: SqlStore, tmp_path: Path) -> Place:
    return Place(store, tmp_path)


def test_the_log_gives_what_the_last_versions_say(place: Place) -> None:
    place.send(*HISTORY)
    place.store.transact(lambda session: session.facts.forget("Appointment", "", 1))
    before = time.time_ns() // 1000
    assert place.rebuild(processes=1) == 5, "one of them is deleted"
    with pytest.raises(Busy):
        place.read()
    place.publisher.publish()
    assert place.read() == tables(LAST)
    manifest = place.shelf.manifest()
    assert manifest is not None
    assert before <= manifest.time <= time.time_ns() // 1000
    assert manifest.sources == {"scheduling": {"Appointment": 9, "Patient": 11}}
    assert not any(table.deltas for table in manifest.tables.values()), "the files of the rebuild are listed"


def test_what_is_in_the_database_is_the_same_as_what_the_files_hold(place: Place) -> None:
    place.send(*HISTORY)
    place.rebuild()
    (place.shelf._folder / "prepared.json").unlink()  # as if the process had ended before
    place.publisher.publish()
    assert place.read() == tables(LAST)


def test_files_that_were_swept_meanwhile_are_made_again(place: Place) -> None:
    place.send(*HISTORY)
    place.rebuild()
    place.shelf.sweep(set(), 4e9)
    assert place.shelf.prepared() is None
    place.publisher.publish()
    assert place.read() == tables(LAST)


def _advanced(topic: str, position: int, session: Session) -> None:
    session.advance("metrics", topic, 0, 0, position)


def test_the_consumer_goes_on_behind_what_was_read(place: Place) -> None:
    place.send(*HISTORY)
    far = {"carethread.appointment.v1": 99, "carethread.patient.v1": 3}
    for topic, position in far.items():
        place.store.transact(partial(_advanced, topic, position))
    place.rebuild()
    positions = place.store.positions("metrics")
    assert positions["carethread.appointment.v1", 0] == 10
    assert positions["carethread.patient.v1", 0] == 12
    place.store.transact(lambda session: session.facts.keep([]))
    assert all(place.store.mirrored(each.mirror).place is None for each in SUBJECTS)  # type: ignore[union-attr]


def test_what_is_late_after_a_rebuild_changes_nothing(place: Place) -> None:
    place.send(*HISTORY)
    place.rebuild()
    visits = keeper(SUBJECTS[0])
    late = [visits.made(each) for each in HISTORY if each.type == "Appointment"]
    place.store.transact(lambda session: visits.keep(session, late))
    place.publisher.publish()
    assert place.read() == tables(LAST)
    place.store.transact(lambda session: visits.keep(session, [visits.made(stored(visit("b", "arrived"), 3))]))
    place.publisher.publish()
    assert place.read() == tables([*LAST, visit("b", "arrived")])


def test_a_log_without_its_beginning_is_refused(place: Place) -> None:
    place.send(*HISTORY)
    connection = connect(place.log)
    prune(connection, HISTORY[1].updated + 1)
    connection.close()
    with pytest.raises(Invalid, match=r"carethread\.appointment\.v1 since .*carethread export FOLDER.*--export FOLDER"):
        place.rebuild()
    place.rebuild(partial=True)


def test_what_was_too_large_for_the_log_is_fetched(place: Place) -> None:
    asked: list[Record] = []

    def whole(record: Record) -> Event:
        asked.append(record)
        return Event("e", "scheduling", "updated", "Appointment", "a", 4, 0, "k", json.render(visit("a", "arrived")))

    place.send(*HISTORY)
    place.send(stored(visit("a"), 4), dataref="https://care.example/fhir/Appointment/a/_history/4")
    place.rebuild(whole=whole)
    place.publisher.publish()
    assert len(asked) == 1
    assert place.read()["visits"][0][:2] == ("a", "arrived")


def test_an_export_gives_the_same(place: Place, tmp_path: Path) -> None:
    lines = [json.render({**each, "meta": {"versionId": "7"}}) for each in [*LAST, visit("c")]]
    task = b'{"resourceType":"Task","id":"t"}'
    (tmp_path / "a.ndjson").write_bytes(b"\n".join([*lines[:2], b"", task]))
    (tmp_path / "b.ndjson").write_bytes(b"\n".join(lines[2:4]) + b"\n")
    read = Read()
    versions = exported(export_in(tmp_path), TYPES)
    assert rebuild(versions, read, SUBJECTS, place.shelf, SqlLoading(place.store.engine, "metrics"), processes=0) == 4
    place.publisher.publish()
    assert place.read() == tables(LAST)


def test_what_is_told_to_be_in_goes_with_the_facts_that_it_was_of(place: Place, tmp_path: Path) -> None:
    """An export does not tell which events are in it; a log tells of all."""
    place.send(*HISTORY)
    place.rebuild()
    place.store.transact(lambda session: session.facts.tell("scheduling", {"Appointment": 500}))
    place.rebuild()
    reached = place.store.snapshot(lambda session: session.facts.reached())
    assert reached.sources == {"scheduling": {"Appointment": 9, "Patient": 11}}
    (tmp_path / "a.ndjson").write_bytes(json.render(LAST[0]))
    rebuild(exported(export_in(tmp_path), TYPES), Read(), SUBJECTS, place.shelf,
            SqlLoading(place.store.engine, "metrics"), processes=0)  # fmt: skip
    reached = place.store.snapshot(lambda session: session.facts.reached())
    assert (reached.sources, set(reached.generations)) == ({}, set(TYPES))
    place.publisher.publish()
    manifest = place.shelf.manifest()
    assert manifest is not None
    assert manifest.sources == {}


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b'{"resourceType":"Patient"}', b'{"resourceType":"Patient","id":"a","meta":{"versionId":"x"}}'],
)
def test_a_file_that_is_no_export_is_refused_and_changes_nothing(place: Place, tmp_path: Path, line: bytes) -> None:
    place.send(*HISTORY)
    place.rebuild()
    (tmp_path / "a.ndjson").write_bytes(json.render(LAST[0]) + b"\n" + line)
    versions = exported(export_in(tmp_path), TYPES)
    with pytest.raises(Malformed, match=r"a\.ndjson, line 2"):
        rebuild(versions, Read(), SUBJECTS, place.shelf, SqlLoading(place.store.engine, "metrics"), processes=0)
    place.publisher.publish()
    assert place.read() == tables(LAST)


def test_a_log_that_does_not_tell_of_what_is_here_is_refused(place: Place) -> None:
    """As one of a new bus, beside facts that came with events of the old one, or with an owner's snapshot."""
    visits = keeper(SUBJECTS[0])
    here = [visits.made(stored(visit("old"))), visits.made(stored(visit("a"), 4)), visits.made(stored(visit("b")))]
    place.store.transact(lambda session: visits.keep(session, here))
    known = place.store.snapshot(lambda session: session.facts.reached()).changed
    place.store.transact(lambda session: visits.keep(session, [visits.made(stored(visit("come-meanwhile")))]))
    place.send(*HISTORY)
    with pytest.raises(Invalid, match=r"facts of 2 resources, such as Appointment/a, .*Rebuild from an export"):
        place.rebuild(known=known)
    place.publisher.publish()
    assert len(place.store.glance(lambda session: session.facts.since("Appointment", 0, 99, 99))) == 4
    place.send(stored(visit("a"), 4), stored(visit("old")))
    assert place.rebuild(known=known) == 6


def test_a_process_that_is_ended_breaks_the_rebuild_off_and_changes_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.send(*HISTORY)
    place.rebuild()
    place.publisher.publish()
    monkeypatch.setattr("carethread.metrics.facts.rebuilding._make", _killed)
    with pytest.raises(Busy, match=r"was ended.*fewer processes"):
        place.rebuild(processes=1)
    place.publisher.publish()
    assert place.read() == tables(LAST)


def _killed(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_rebuild_left_behind_is_swept_a_day_later(place: Place) -> None:
    folder = place.shelf._folder / "rebuild-x"
    folder.mkdir(parents=True)
    (folder / "0.spool").write_bytes(b"")
    assert place.shelf.sweep(set(), time.time() + 3600) == 0
    assert place.shelf.sweep(set(), time.time() + 90_000) == 1
    assert not folder.exists()
