"""The outbox on both databases: numbers without gaps in an order that is kept, one leader at a time."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, insert, select, update

from carethread.adapters.sql.engine import is_sqlite, make_engine, writing
from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.tables import metadata, outbox, relay, resources, versions
from carethread.core.context import new_id
from carethread.core.fhir.json import parse
from carethread.core.service import Limits

BASE = "https://care.example/fhir"


POSTGRES = pytest.param("postgres", marks=pytest.mark.servers)


@pytest.fixture(params=["sqlite", POSTGRES])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/o.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_database")
    engine = make_engine(url)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def enter(connection: Connection, id_: str, version: int = 1, body: bytes = b"{}", verb: str = "created") -> str:
    """One version with its event, as a write leaves them behind; returns the event's id."""
    known = select(resources.c.row).where(resources.c.type == "Task", resources.c.id == id_)
    row = connection.execute(known).scalar_one_or_none()
    if row is None:
        values = {"type": "Task", "id": id_, "version": version, "updated": 1, "deleted": False, "key": f"Task/{id_}"}
        row = connection.execute(insert(resources).values(department="", **values).returning(resources.c.row)).scalar()
    connection.execute(
        insert(versions).values(row=row, version=version, updated=1, method="PUT", body=body, type="Task")
    )
    event = new_id()
    connection.execute(
        insert(outbox).values(
            ce_id=event,
            row=row,
            version=version,
            type="Task",
            id=id_,
            verb=verb,
            time=1_700_000_000_123_456,
            key=f"Task/{id_}",
            dataschema="",
            department="d1",
            backfill=False,
            changed="status,owner",
            previous_status="draft",
            traceparent="",
        )
    )
    return event


def test_events_come_as_they_were_stored(engine: Engine) -> None:
    box = SqlOutbox(engine, "careteams", BASE, Limits(event_bytes=20))
    with writing(engine) as connection:
        small = enter(connection, "t1", body=b'{"id": "t1"}')
        enter(connection, "t1", 2, b"", "deleted")
        enter(connection, "t2", 7, b"x" * 21)
    epoch = box.lead("me", 10)
    assert epoch
    events = box.take(epoch, 0, 10, 10)
    assert events
    assert [(e.sequence, e.resource_id, e.version, e.verb) for e in events] == [
        (1, "t1", 1, "created"),
        (2, "t1", 2, "deleted"),
        (3, "t2", 7, "created"),
    ]
    first, deleted, large = events
    assert (first.id, first.data, first.service, first.key) == (small, b'{"id": "t1"}', "careteams", "Task/t1")
    assert (first.changed, first.previous_status, first.department) == (("status", "owner"), "draft", "d1")
    stub = {
        "resourceType": "Task",
        "id": "t1",
        "meta": {"versionId": "2", "lastUpdated": "2023-11-14T22:13:20.123Z"},
    }
    assert parse(deleted.data) == stub
    assert (first.dataref, deleted.dataref) == ("", "")
    assert large.dataref == f"{BASE}/Task/t2/_history/7"
    assert parse(large.data)["meta"]["versionId"] == "7"


def test_what_is_not_marked_comes_again_with_its_number(engine: Engine) -> None:
    box = SqlOutbox(engine, "careteams", BASE)
    with writing(engine) as connection:
        for n in range(7):
            enter(connection, f"t{n}")
    epoch = box.lead("me", 10)
    assert epoch
    first = box.take(epoch, 0, 3, 10)
    assert first == box.take(epoch, 0, 3, 10)
    assert first is not None
    assert [e.sequence for e in first] == [1, 2, 3]
    second = box.take(epoch, 3, 3, 10)
    assert second is not None
    assert [e.sequence for e in second] == [4, 5, 6]
    again = box.lead("me", 10)
    assert again == epoch + 1
    resent = box.take(again, 0, 10, 10)
    assert resent is not None
    assert [e.sequence for e in resent] == [4, 5, 6, 7], "the mark of 3 is in the database"
    assert box.take(again, 7, 10, 10) == []


def test_a_batch_ends_at_its_bytes_but_has_one_event(engine: Engine) -> None:
    box = SqlOutbox(engine, "careteams", BASE, batch_bytes=100)
    with writing(engine) as connection:
        for n in range(4):
            enter(connection, f"t{n}", body=b"x" * (200 if n == 2 else 50))
    epoch = box.lead("me", 10)
    assert epoch
    batches, sent = [], 0
    while events := box.take(epoch, sent, 10, 10):
        sent = events[-1].sequence
        batches.append([e.sequence for e in events])
    assert batches == [[1, 2], [3], [4]]


def test_one_leads_until_the_lease_is_over(engine: Engine) -> None:
    box = SqlOutbox(engine, "careteams", BASE)
    first = box.lead("one", 0.3)
    assert first == 1
    assert box.lead("two", 10) is None
    assert box.take(first, 0, 10, 0.3) == []
    time.sleep(0.4)
    second = box.lead("two", 10)
    assert second == 2
    assert box.take(first, 0, 10, 10) is None, "the epoch is over"
    assert box.lead("one", 10) is None
    box.resign(first)
    assert box.lead("one", 10) is None, "an old epoch has nothing to give back"
    box.resign(second)
    assert box.lead("one", 10) == 3


def test_taking_keeps_the_lease(engine: Engine) -> None:
    box = SqlOutbox(engine, "careteams", BASE)
    epoch = box.lead("one", 1)
    assert epoch
    end = time.monotonic() + 2.2
    while time.monotonic() < end:
        assert box.take(epoch, 0, 10, 1) == []
        assert box.lead("two", 1) is None
        time.sleep(0.05)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_an_idle_take_writes_nothing_to_the_file_that_the_relay_watches(engine: Engine) -> None:
    box = SqlOutbox(engine, "careteams", BASE)
    epoch = box.lead("one", 60)
    assert epoch
    box.take(epoch, 0, 10, 60)
    with engine.connect() as watch:
        before = watch.exec_driver_sql("PRAGMA data_version").scalar()
        for _ in range(5):
            assert box.take(epoch, 0, 10, 60) == []
        assert watch.exec_driver_sql("PRAGMA data_version").scalar() == before


def test_of_many_candidates_one_leads(engine: Engine) -> None:
    box = SqlOutbox(engine, "careteams", BASE)
    start = threading.Barrier(6)
    epochs: list[int | None] = []

    def candidate(name: str) -> None:
        start.wait()
        epochs.append(box.lead(name, 30))

    threads = [threading.Thread(target=candidate, args=(f"c{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(epochs, key=str) == [1, None, None, None, None, None]


@pytest.mark.parametrize("engine", [POSTGRES], indirect=True)
def test_a_transaction_that_commits_late_gets_a_later_number(engine: Engine) -> None:
    """SQLite has one writer at a time."""
    box = SqlOutbox(engine, "careteams", BASE)
    epoch = box.lead("me", 30)
    assert epoch
    with engine.connect() as late:
        late.exec_driver_sql("BEGIN")
        delayed = enter(late, "late")
        with writing(engine) as connection:
            quick = enter(connection, "quick")
        first = box.take(epoch, 0, 10, 30)
        assert first is not None
        assert [(e.id, e.sequence) for e in first] == [(quick, 1)]
        late.commit()
    second = box.take(epoch, 1, 10, 30)
    assert second is not None
    assert [(e.id, e.sequence) for e in second] == [(delayed, 2)]
    with engine.connect() as connection:
        ordered = connection.execute(select(outbox.c.ce_id).order_by(outbox.c.position)).scalars().all()
    assert ordered == [delayed, quick], "the positions tell that the late one came first"


@pytest.mark.parametrize("engine", [POSTGRES], indirect=True)
def test_a_take_waits_for_a_takeover_under_way_and_sees_it(engine: Engine) -> None:
    """On SQLite a write transaction excludes every other from the start."""
    box = SqlOutbox(engine, "careteams", BASE)
    epoch = box.lead("one", 30)
    assert epoch
    with writing(engine) as connection:
        enter(connection, "t1")
    taken: list[object] = []
    with engine.connect() as other:
        other.exec_driver_sql("BEGIN")
        other.execute(update(relay).values(epoch=relay.c.epoch + 1))
        waiting = threading.Thread(target=lambda: taken.append(box.take(epoch, 0, 10, 30)))
        waiting.start()
        waiting.join(0.3)
        assert taken == []
        other.commit()
    waiting.join()
    assert taken == [None]


def test_many_writers_leave_no_gap_and_keep_each_resources_order(engine: Engine) -> None:
    """Writers commit after random waits, some give up; a relay takes in the midst, and another takes over from it."""
    box = SqlOutbox(engine, "careteams", BASE)
    committed: set[str] = set()
    writers_done = threading.Event()

    def writer(name: int) -> None:
        chance = random.Random(name)
        for n in range(25):
            with engine.connect() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE" if is_sqlite(engine) else "BEGIN")
                ids = {enter(connection, f"w{name}", n + 1), enter(connection, f"w{name}-{n}")}
                time.sleep(chance.choice((0, 0, 0.002, 0.02)))
                if chance.random() < 0.2 and n:
                    connection.rollback()
                    continue
                connection.commit()
                committed.update(ids)

    def all_writers() -> None:
        threads = [threading.Thread(target=writer, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        writers_done.set()

    threading.Thread(target=all_writers).start()
    taken: dict[int, str] = {}
    last: dict[str, int] = {}
    epoch, sent, turns = box.lead("relay0", 30), 0, 0
    while True:
        done = writers_done.is_set()
        assert epoch
        events = box.take(epoch, sent, 7, 30)
        assert events is not None
        for e in events:
            assert taken.setdefault(e.sequence, e.id) == e.id, "a number stays with its event"
            assert e.version >= last.get(e.resource_id, 0)
            last[e.resource_id] = e.version
        sent = events[-1].sequence if events else sent
        turns += 1
        if turns % 20 == 0:
            epoch, sent = box.lead("relay0", 30), 0  # whoever takes over does not know what was sent and not yet marked
            last.clear()
        if done and not events and sent:
            break
    assert sorted(taken) == list(range(1, len(taken) + 1))
    assert set(taken.values()) == committed
    assert len(taken) == len(committed)


def test_an_expired_lease_that_nobody_took_goes_on(engine: Engine) -> None:
    box = SqlOutbox(engine, "careteams", BASE)
    epoch = box.lead("one", 10)
    assert epoch
    with writing(engine) as connection:
        connection.execute(update(relay).values(expires=1))
    assert box.take(epoch, 0, 10, 10) == []
    assert box.lead("two", 10) is None


def test_the_backlog_is_what_is_not_marked_as_sent(engine: Engine) -> None:
    box = SqlOutbox(engine, "s", BASE)
    assert box.backlog() == 0
    with writing(engine) as connection:
        for number in range(5):
            enter(connection, f"a{number}")
    assert box.backlog() == 5, "before any relay led"
    epoch = box.lead("one", 60)
    assert epoch is not None
    box.take(epoch, 0, 3, 60)
    assert box.backlog() == 5, "three are numbered, none is sent"
    box.take(epoch, 3, 1, 60)
    assert box.backlog() == 2
    box.take(epoch, 5, 10, 60)
    assert box.backlog() == 0
