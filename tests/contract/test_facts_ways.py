"""The demo practice's facts by every shipped view: the same from events as they come, from the log, from an export."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from carethread.adapters.analytics.bounds import Bounds
from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.adapters.analytics.parquet import ParquetShelf
from carethread.adapters.sql.events.bus import EmbeddedPublisher, EmbeddedSubscription
from carethread.adapters.sql.loading import SqlLoading
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.clock import system_clock
from carethread.core.events import Event, topic
from carethread.core.ports import Progress, Session, Stored
from carethread.demo.practice import generate
from carethread.metrics.facts.folder import export_in
from carethread.metrics.facts.keeping import keeper
from carethread.metrics.facts.publishing import Publisher
from carethread.metrics.facts.rebuilding import Read, rebuild
from carethread.metrics.facts.shipped import shipped
from carethread.metrics.facts.sources import events, exported
from carethread.metrics.facts.spooling import Version
from support.facts_made import stored
from support.stores import open_store

TYPES = [subject.type for subject in shipped()]
Tables = dict[str, list[tuple[Any, ...]]]


@cache
def versions() -> Sequence[Stored]:
    """Each resource in two versions, the first of which says something else; one in twenty is deleted by then."""
    found = []
    for number, each in enumerate(generate(1, date(2026, 9, 1))):
        if each["resourceType"] in TYPES:
            told = {**each, "meta": {**each.get("meta", {}), "versionId": "2"}}
            found.append(stored({**told, "status": "unknown", "language": "tlh"}, 1))
            found.append(stored(told, 2, deleted=number % 20 == 0))
    random.Random(1).shuffle(found)
    return found


def living() -> Iterator[Stored]:
    return (each for each in versions() if each.version == 2 and not each.deleted)


def tables(folder: Path) -> Tables:
    """Every table, in order."""
    with DuckAnalytics(folder, Bounds(threads=1)).look() as facts:
        return {name: sorted(facts.query(f'SELECT * FROM "{name}"').rows, key=repr) for name in sorted(facts.views)}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """What events give, as they come."""
    folder = tmp_path_factory.mktemp("kept")
    store = open_store(f"sqlite:///{folder}/metrics.db", "metrics")

    def keep(session: Session) -> None:
        for subject in shipped():
            keeps = keeper(subject)
            keeps.keep(session, [keeps.made(each) for each in versions() if each.type == subject.type])
            session.mark_mirrored(subject.mirror, None, Progress(1, 0, None))

    store.transact(keep)
    Publisher(store, ParquetShelf(folder / "facts"), shipped(), system_clock).publish()
    store.close()
    found = tables(folder / "facts")
    assert sum(map(len, found.values())) > 5_000
    assert sum(map(bool, found.values())) >= 12
    return found


def rebuilt(store: SqlStore, folder: Path, told: Iterator[Version], read: Read) -> Tables:
    shelf = ParquetShelf(folder / "facts")
    rebuild(told, read, shipped(), shelf, SqlLoading(store.engine, "metrics"), processes=0, parts=2)
    Publisher(store, shelf, shipped(), system_clock, lambda: None).publish()
    return tables(folder / "facts")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(f"sqlite:///{tmp_path}/metrics.db", "metrics")
    yield opened
    opened.close()


def test_the_log_gives_what_events_give(made: SqlStore, tmp_path: Path, kept: Tables) -> None:
    sender = EmbeddedPublisher(tmp_path / "bus.db")
    sender.fence("records", 1)
    sender.send([
        Event(f"e{number}", "records", "deleted" if each.deleted else "updated", each.type, each.id, each.version,
              each.updated, "k", each.body or b'{"resourceType":"stub"}', number)
        for number, each in enumerate(versions(), 1)
    ])  # fmt: skip
    sender.close()
    bus, read = EmbeddedSubscription(tmp_path / "bus.db", [topic(name) for name in TYPES], dict), Read()
    assert rebuilt(made, tmp_path, events(bus, TYPES, read, None), read) == kept  # type: ignore[arg-type]
    bus.close()


def test_an_export_gives_what_events_give(made: SqlStore, tmp_path: Path, kept: Tables) -> None:
    export = tmp_path / "export"
    export.mkdir()
    lines = [each.body + b"\n" for each in living()]
    for number in range(3):
        (export / f"{number}.ndjson.gz").write_bytes(gzip.compress(b"".join(lines[number::3]), 1))
    assert rebuilt(made, tmp_path, exported(export_in(export), TYPES), Read(moment=1)) == kept
