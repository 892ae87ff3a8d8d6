"""The event log on both databases: numbered events read again, without gaps, filtered before their bodies are read."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import delete

from carethread.adapters.sql.engine import writing
from carethread.adapters.sql.events.log import STRETCH, SqlEventLog
from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.tables import outbox
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.ports.log import NotKept, resumed
from carethread.core.service import Limits
from support.stores import BASE, deletion, put, version

MANY = 1 << 30


class Log:
    """A store's log, and the relay that numbers its events when it is told to."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.source = SqlOutbox(store.engine, "records", BASE, Limits(event_bytes=50_000))
        self.log = SqlEventLog(store.engine, self.source)
        self.epoch = self.source.lead("test", 600) or 0

    def write(self, *ids: str, number: bool = True, **more: Any) -> None:
        put(self.store, [{"resourceType": "Patient", "id": id_, **more} for id_ in ids])
        if number:
            self.number()

    def number(self) -> None:
        assert self.source.take(self.epoch, 0, 10_000, 600) is not None

    def ids(self, after: int, **more: Any) -> list[str]:
        return [event.resource_id for event in self.log.read(after, **{"most_bytes": MANY, **more}).events]

    def prune(self, through: int) -> None:
        with writing(self.store.engine) as connection:
            connection.execute(delete(outbox).where(outbox.c.sequence <= through))


@pytest.fixture
def log(store) -> Iterator[Log]:
    yield Log(store)


def test_events_are_read_in_the_order_of_their_numbers(log):
    log.write("a", "b")
    log.write("a", active=True)
    stretch = log.log.read(0, most_bytes=MANY)
    assert [(e.sequence, e.subject, e.verb) for e in stretch.events] == [
        (1, "Patient/a/_history/1", "created"),
        (2, "Patient/b/_history/1", "created"),
        (3, "Patient/a/_history/2", "updated"),
    ]
    assert json.parse(stretch.events[2].data)["active"] is True
    assert (stretch.through, log.log.kept()) == (3, (1, 3))
    assert log.ids(2) == ["a"]
    assert log.log.read(3, most_bytes=MANY).through == 3


def test_what_has_no_number_yet_is_not_there(log):
    log.write("a")
    log.write("b", number=False)
    assert (log.ids(0), log.log.kept()) == (["a"], (1, 1))
    log.number()
    assert log.ids(0) == ["a", "b"]


def test_an_event_is_what_the_relay_sends(log):
    log.write("a", text={"status": "generated", "div": "<div>" + "x" * 60_000 + "</div>"})
    log.write("b", "c")
    stored = log.store.glance(lambda session: session.current([("Patient", "b")]))["Patient", "b"]
    log.store.transact(lambda session: session.write([deletion(stored)]))
    log.number()
    sent = log.source.take(log.epoch, 0, 100, 600)
    assert list(log.log.read(0, most_bytes=MANY).events) == sent
    assert [(event.dataref != "", event.deleted) for event in sent] == [
        (True, False),
        (False, False),
        (False, False),
        (False, True),
    ]


def test_what_is_not_wanted_is_passed_over(log):
    log.write(*"abcdef")
    seen: list[Event] = []

    def vowels(event: Event) -> bool:
        seen.append(event)
        return event.resource_id in "ae"

    stretch = log.log.read(0, vowels, most_bytes=MANY)
    assert ([event.resource_id for event in stretch.events], stretch.through) == (["a", "e"], 6)
    assert all(b'"resourceType":"Patient"' in event.data for event in stretch.events)
    assert len(seen) == 6
    nothing = log.log.read(2, lambda event: False, most_bytes=MANY)
    assert (list(nothing.events), nothing.through) == ([], 6)


def test_a_stretch_is_bounded(log):
    log.write(*(f"p{n:04}" for n in range(STRETCH + 5)))
    assert len(log.ids(0)) == STRETCH
    size = len(log.log.read(0, most_bytes=MANY).events[0].data)
    one = log.log.read(0, most_bytes=1)
    assert ([event.resource_id for event in one.events], one.through) == (["p0000"], 1)
    three = log.log.read(10, most_bytes=3 * size + size // 2)
    assert (len(three.events), three.through) == (3, 13)


def test_a_gap_is_told(log):
    log.write(*"abcdef")
    log.prune(3)
    assert (log.log.kept(), log.ids(3)) == ((4, 6), ["d", "e", "f"])
    for after in (0, 2, 7):
        with pytest.raises(NotKept) as caught:
            log.log.read(after, most_bytes=MANY)
        assert caught.value.kept == {"records": (4, 6)}
    log.prune(6)
    assert log.log.kept() == (7, 6)
    with pytest.raises(NotKept, match="none are, and the last was 6"):
        log.log.read(5, most_bytes=MANY)
    assert log.log.read(6, most_bytes=MANY).through == 6
    log.write("g")
    assert log.ids(6) == ["g"]


def test_resuming_needs_what_follows():
    assert [resumed("records", after, (4, 6)) for after in (3, 5, 6)] == [3, 5, 6]
    assert resumed("records", 0, (1, 0)) == 0
    for after, kept in ((2, (4, 6)), (7, (4, 6)), (0, (7, 6)), (1, (1, 0))):
        with pytest.raises(NotKept):
            resumed("records", after, kept)


def test_a_number_wakes_who_waits(log):
    log.write("a")
    log.log.wait(0.1)  # what was written before it listened counts as new
    took: list[float] = []

    def wait() -> None:
        began = time.monotonic()
        while log.log.read(1, most_bytes=MANY).through == 1:
            log.log.wait(10)
        took.append(time.monotonic() - began)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.3)
    log.write("b", number=False)
    time.sleep(0.1)
    log.number()
    thread.join(10)
    assert took and took[0] < 2


def test_a_version_without_an_event_has_none(log):
    log.store.transact(lambda session: session.write([version({"resourceType": "Patient", "id": "m"}, event=False)]))
    log.number()
    assert (log.ids(0), log.log.kept()) == ([], (1, 0))
