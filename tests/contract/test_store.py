"""The Store port on both databases: what a transaction keeps, how writers meet, and what happens without a database."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from carethread.adapters.sql import engine as sql_engine
from carethread.adapters.sql.engine import Closed, Overran, is_sqlite, reading, writing
from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.store.mirroring import PIECE_BYTES
from carethread.adapters.sql.store.session import SqlSession
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import INDEX_TABLES, outbox
from carethread.adapters.sql.wake import Waker
from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.errors import Busy, PreconditionFailed, TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.ports import About, Chunk, Progress, Record, Session, Span
from carethread.interactions.delete import delete
from carethread.interactions.update import update
from support.postgres import Postgres
from support.stores import BASE, deletion, open_store, put, runtime, service_of, version


class Undone(Exception):
    """Raised by a test inside a transaction."""


def task(id_: str, **members: Any) -> dict[str, Any]:
    return {"resourceType": "Task", "id": id_, "status": "draft", "intent": "order", **members}


def current(store: SqlStore, id_: str) -> Any:
    return store.snapshot(lambda session: session.current([("Task", id_)])).get(("Task", id_))


def together(*works: Callable[[], object]) -> list[object]:
    """Run each in a thread, at once; what each returned, or the exception that it raised."""
    results: list[object] = [None] * len(works)
    barrier = threading.Barrier(len(works))

    def run(place: int) -> None:
        barrier.wait()
        try:
            results[place] = works[place]()
        except Exception as error:  # noqa: BLE001  # handed to the test
            results[place] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def rows_of(store: SqlStore) -> dict[str, int]:
    """How many rows each index table and the outbox have."""
    with reading(store.engine) as connection:
        tables = {**INDEX_TABLES, "outbox": outbox}
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in tables.items()
        }


def test_versions_are_kept_and_read(store: SqlStore) -> None:
    store.transact(lambda s: s.write([version(task("a")), version(task("b"))]))
    first = current(store, "a")
    assert (first.version, first.deleted, first.key, json.parse(first.body)) == (1, False, "Task/a", task("a"))
    store.transact(lambda s: s.write([version(task("a", status="ready"), 2, row=first.row)]))
    store.transact(lambda s: s.write([deletion(current(store, "a"))]))
    last = current(store, "a")
    assert (last.version, last.deleted, last.body, last.row) == (3, True, b"", first.row)

    def look(session: Session) -> None:
        assert [session.version(("Task", "a"), n) for n in (0, 4)] == [None, None]
        second = session.version(("Task", "a"), 2)
        assert second is not None
        assert json.parse(second.body)["status"] == "ready"
        span = Span(("Task",), "a")
        newest = session.history(span, 2)
        assert ([v.version for v in newest], [v.method for v in newest]) == ([3, 2], ["DELETE", "PUT"])
        older = session.history(replace(span, after=(newest[1].updated, newest[1].row, 2)), 2)
        assert ([v.version for v in older], session.history_total(span)) == ([1], 3)
        missing = Span(("Task",), "z")
        assert (session.history(missing, 2), session.history_total(missing)) == ([], 0)
        assert session.current([("Task", "b"), ("Task", "z"), ("Patient", "b")]).keys() == {("Task", "b")}
        assert session.current([]) == {}

    store.snapshot(look)


def test_several_versions_of_one_resource_in_one_write(store: SqlStore) -> None:
    """As a batch makes them: the last counts, all are kept, each has its event."""
    store.transact(lambda s: s.write([version(task("a")), version(task("a", status="ready"), 2)]))
    found = current(store, "a")
    assert (found.version, json.parse(found.body)["status"]) == (2, "ready")
    assert rows_of(store)["outbox"] == 2
    count = store.snapshot(lambda s: s.count(parse_query("Task", [("status", "draft,ready")])))
    assert count == 1
    store.transact(
        lambda s: s.write([version(task("a", status="failed"), 3, row=found.row), version(task("a"), 4, row=found.row)])
    )
    assert current(store, "a").version == 4
    assert store.snapshot(lambda s: s.history_total(Span(("Task",), "a"))) == 4


def test_the_index_follows_the_newest_version(store: SqlStore) -> None:
    patient = {"resourceType": "Patient", "id": "p", "name": [{"family": "Ås"}], "identifier": [{"value": "1"}]}
    put(store, [patient])
    assert rows_of(store)["string"] > 0
    put(store, [{"resourceType": "Patient", "id": "p", "name": [{"family": "Berg"}]}])

    def found(name: str, value: str) -> int:
        return store.snapshot(lambda s: s.count(parse_query("Patient", [(name, value)])))

    assert [found("family", "as"), found("family", "berg"), found("identifier", "1")] == [0, 1, 0]
    stands = store.snapshot(lambda s: s.current([("Patient", "p")]))["Patient", "p"]
    store.transact(lambda s: s.write([deletion(stands)]))
    assert not any(count for name, count in rows_of(store).items() if name != "outbox")


def test_more_keys_than_one_statement_takes(store: SqlStore) -> None:
    many = [task(f"t{n:04}") for n in range(1203)]
    put(store, many)
    keys = [("Task", f"t{n:04}") for n in range(1300)]
    assert len(store.snapshot(lambda s: s.current(keys))) == 1203
    assert len(store.transact(lambda s: s.current(keys, lock=True))) == 1203
    put(store, many)
    assert store.snapshot(lambda s: s.count(parse_query("Task", []))) == 1203
    chunks = list(store.dump("Task"))
    assert [len(chunk.versions) for chunk in chunks] == [500, 500, 203]
    assert {s.version for chunk in chunks for s in chunk.versions} == {2}


def test_a_transaction_is_kept_whole_or_not_at_all(store: SqlStore) -> None:
    def work(session: Session) -> None:
        session.write([version(task("a"))])
        session.claim("slot", "s", "Task/a")
        session.first_time("r", ["1"])
        session.advance("c", "t", 0, 0, 5)
        session.held.bury("c", Record("t", 0, 1, "k", [], b""), About("", ()), b"{}", 1)
        raise Undone

    with pytest.raises(Undone):
        store.transact(work)
    assert current(store, "a") is None
    assert not any(rows_of(store).values())
    assert store.snapshot(lambda s: s.claimed("slot", ["s"])) == {}
    assert store.positions("c") == {}
    assert store.transact(lambda s: s.first_time("r", ["1"])) == {"1"}
    assert store.glance(lambda s: s.held.letters()) == []


def test_a_savepoint_undoes_what_is_inside(store: SqlStore) -> None:
    def work(session: Session) -> None:
        session.claim("slot", "before", "h")
        with pytest.raises(Undone), session.savepoint():
            session.claim("slot", "inside", "h")
            raise Undone
        with session.savepoint():
            session.claim("slot", "after", "h")

    store.transact(work)
    assert store.snapshot(lambda s: s.claimed("slot", ["before", "inside", "after"])) == {"before": "h", "after": "h"}


def test_a_place_is_taken_once(store: SqlStore) -> None:
    assert store.transact(lambda s: s.claim("slot", "1", "a")) == "a"
    assert store.transact(lambda s: s.claim("slot", "1", "b")) == "a"
    assert store.transact(lambda s: s.claim("slot", "1", "a")) == "a"
    assert store.transact(lambda s: s.claim("room", "1", "b")) == "b", "another kind is another place"
    store.transact(lambda s: s.claim("slot", "2", "a"))
    store.transact(lambda s: s.claim("slot", "3", "a"))
    assert store.transact(lambda s: s.release("slot", "a", keep=["2"])) == ["1", "3"]
    assert store.transact(lambda s: s.release("slot", "b")) == []
    assert store.snapshot(lambda s: s.claimed("slot", ["1", "2", "3"])) == {"2": "a"}
    assert store.snapshot(lambda s: s.claimed("slot", [])) == {}


def test_claims_that_race_have_one_winner(store: SqlStore) -> None:
    """Each takes the place, or sees who has it, and those who have it give it up again and again."""

    def work(name: str) -> Callable[[], object]:
        def run() -> int:
            won = 0
            for _ in range(30):
                holder = store.transact(lambda s: s.claim("slot", "1", name))
                won += holder == name
                if holder == name:
                    store.transact(lambda s: s.release("slot", name))
            return won

        return run

    results = together(*(work(f"h{n}") for n in range(4)))
    assert all(isinstance(result, int) for result in results), results
    assert store.snapshot(lambda s: s.claimed("slot", ["1"])) == {}


def test_the_inbox_and_the_positions(store: SqlStore) -> None:
    assert store.transact(lambda s: s.first_time("r", ["1", "2", "1"])) == {"1", "2"}
    assert store.transact(lambda s: s.first_time("r", ["2", "3"])) == {"3"}
    assert store.transact(lambda s: s.first_time("other", ["1"])) == {"1"}
    assert store.transact(lambda s: s.first_time("r", [])) == set()
    assert store.glance(lambda s: s.happened("r", ["0", "1", "3"])) == {"1", "3"}
    assert store.transact(lambda s: s.advance("c", "t", 0, 0, 7)) is False
    assert store.transact(lambda s: s.advance("c", "t", 0, 0, 9)) is None, "another was faster"
    assert store.transact(lambda s: s.advance("c", "t", 0, 6, 9)) is None
    assert store.transact(lambda s: s.advance("c", "t", 0, 7, 9)) is False
    assert store.transact(lambda s: s.advance("c", "t", 1, 3, 9)) is None, "there is no position to move"
    assert store.positions("c") == {("t", 0): 9}
    assert store.positions("d") == {}
    store.transact(lambda s: s.held.bury("c", Record("t", 0, 9, "k", [], b""), About("", ()), b"{}", 1))
    assert store.transact(lambda s: s.advance("c", "t", 0, 9, 10)) is True, "there is a dead letter"
    assert store.transact(lambda s: s.advance("c", "u", 0, 0, 1)) is True
    assert store.transact(lambda s: s.advance("d", "t", 0, 0, 1)) is False, "of another consumer"
    store.transact(lambda s: s.set_back("c", {("t", 0): 3, ("u", 0): 2, ("v", 1): 2}))
    assert store.positions("c") == {("t", 0): 3, ("u", 0): 1}, "never forward: what lies between is not read yet"


def test_a_dump_is_what_lives_when_each_chunk_is_read(store: SqlStore) -> None:
    put(store, [task(f"t{n}") for n in range(600)])
    store.transact(lambda s: s.write([deletion(current(store, "t3"))]))
    box = SqlOutbox(store.engine, "records", BASE)
    epoch = box.lead("me", 30)
    assert epoch
    box.take(epoch, 0, 1000, 30)
    chunks = store.dump("Task")
    first = next(chunks)
    assert (first.sequence, len(first.versions)) == (601, 500)
    put(store, [task("late"), task("t599", status="ready"), task("t0", status="ready")])
    store.transact(lambda s: s.write([deletion(current(store, "t598"))]))
    rest = list(chunks)
    read = {s.id: s.version for chunk in (first, *rest) for s in chunk.versions}
    assert read == {**{f"t{n}": 1 for n in range(600) if n not in (3, 598)}, "t599": 2, "late": 1}
    assert {chunk.sequence for chunk in rest} == {601}, "that of the first, whatever has its number meanwhile"
    assert [s.id for chunk in store.dump("Task", first.through) for s in chunk.versions] == [
        s.id for chunk in rest for s in chunk.versions
    ]
    assert list(store.dump("Patient")) == [Chunk(601, 0, [])]
    assert list(store.dump("Task", rest[-1].through)) == [Chunk(601, rest[-1].through, [])]


def test_a_chunk_has_a_bounded_size(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    half = "x" * (PIECE_BYTES // 2)
    put(store, [task("a", description=half), task("b", description=half), task("c"), task("d", description=half * 3)])
    chunks = [[s.id for s in chunk.versions] for chunk in store.dump("Task")]
    assert chunks == [["a", "b"], ["c", "d"]], "a resource belongs to a chunk when those before it leave room"


def test_a_mirror_remembers_how_far_it_is(store: SqlStore) -> None:
    def mark(before: Progress | None, after: Progress | None) -> bool:
        return store.transact(lambda session: session.mark_mirrored("Patient", before, after))

    begun, half, whole = Progress(5, 0, 0), Progress(5, 12, 700), Progress(5, 12, None)
    assert store.mirrored("Patient") is None
    assert mark(None, begun)
    assert not mark(None, begun), "another process has begun"
    assert mark(begun, half)
    assert not mark(begun, half), "another process was faster"
    assert not mark(Progress(6, 12, 700), whole), "it was begun anew"
    assert store.mirrored("Patient") == half
    assert mark(half, whole)
    assert (store.mirrored("Patient"), store.mirrored("Task")) == (whole, None)
    assert mark(whole, None)
    assert store.mirrored("Patient") is None


def test_waiting_ends_with_another_connections_write(store: SqlStore, database_url: str) -> None:
    other = open_store(database_url)
    store.wait(0)  # begins to listen
    store.wait(0)
    threading.Timer(0.3, lambda: put(other, [task("a")])).start()
    begun = time.monotonic()
    store.wait(10)
    assert 0.2 < time.monotonic() - begun < 3
    begun = time.monotonic()
    store.wait(0.3)
    assert time.monotonic() - begun > 0.25, "nothing new: the whole time"
    other.close()


def test_a_write_before_the_wait_ends_it_at_once(store: SqlStore) -> None:
    store.wait(0)
    for n in range(3):
        put(store, [task(f"t{n}")])
        begun = time.monotonic()
        store.wait(10)
        assert time.monotonic() - begun < 3


def test_a_write_between_look_and_wait_is_not_missed(store: SqlStore) -> None:
    """Each round: look, then a write by another thread, then wait; it must return at once, whoever writes when."""
    store.wait(0)
    seen = 0
    stop = threading.Event()

    def write() -> None:
        for n in range(20):
            time.sleep(random.uniform(0, 0.02))
            put(store, [task(f"t{n}")])
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    deadline = time.monotonic() + 60
    longest = 0.0
    while seen < 20 and time.monotonic() < deadline:
        seen = store.snapshot(lambda s: s.count(parse_query("Task", [])))
        if seen < 20:
            begun = time.monotonic()
            store.wait(5)
            longest = max(longest, time.monotonic() - begun)
    writer.join()
    assert seen == 20
    assert longest < 4, "a wake-up was missed: only the timeout ended the wait"


def test_waiting_without_a_database_takes_its_time_and_no_more(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/gone.db")
    store.wait(0)
    holder = sqlite3.connect(tmp_path / "gone.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    begun = time.monotonic()
    store.wait(0.2)
    assert time.monotonic() - begun < 2
    holder.close()
    store.close()


@pytest.mark.parametrize("round_", range(5))
def test_two_that_create_the_same_id_make_two_versions(store: SqlStore, round_: int) -> None:
    services = runtime(store, service_of("Task"))

    def work() -> object:
        return update(services, ("Task", "a"), task("a"), Context())

    results: list[Any] = together(work, work)
    assert sorted((r.outcome, r.stored.version) for r in results) == [("created", 1), ("updated", 2)]
    assert store.snapshot(lambda s: s.history_total(Span(("Task",), "a"))) == 2
    assert rows_of(store)["outbox"] == 2


def test_many_updates_at_once_make_a_version_each(store: SqlStore) -> None:
    services = runtime(store, service_of("Task"))
    put(store, [task("a")])

    def work() -> list[int]:
        return [update(services, ("Task", "a"), task("a"), Context()).stored.version for _ in range(8)]  # type: ignore[union-attr]  # an update leaves a version

    results: list[Any] = together(*[work] * 4)
    assert sorted(n for versions in results for n in versions) == list(range(2, 34)), results


def test_of_conditional_updates_one_holds(store: SqlStore) -> None:
    services = runtime(store, service_of("Task"))
    put(store, [task("a")])

    def work() -> object:
        return update(services, ("Task", "a"), task("a"), Context(), if_match='W/"1"')

    results = together(*[work] * 4)
    refused = [r for r in results if isinstance(r, PreconditionFailed)]
    assert len(refused) == 3, results
    assert current(store, "a").version == 2


def test_a_delete_that_waits_for_an_update_is_not_lost(store: SqlStore) -> None:
    """Whoever waits for a row must see it as it is after the wait, not as missing."""
    services = runtime(store, service_of("Task"))
    for n in range(10):
        put(store, [task(f"t{n}")])
        results = together(
            partial(delete, services, ("Task", f"t{n}"), Context()),
            partial(update, services, ("Task", f"t{n}"), task(f"t{n}"), Context()),
        )
        outcomes = [getattr(r, "outcome", r) for r in results]
        stands = current(store, f"t{n}")
        assert (outcomes, stands.deleted) in ((["deleted", "updated"], True), (["deleted", "created"], False))
        assert stands.version == 3


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.servers)], indirect=True)
def test_a_lock_shows_the_version_after_the_wait(store: SqlStore) -> None:
    """On SQLite a write transaction excludes every other from the start."""
    put(store, [task("a")])
    seen: list[Any] = []
    with writing(store.engine) as connection:
        session = SqlSession(connection, Waker(store.engine, "records"))
        row = session.current([("Task", "a")], lock=True)["Task", "a"].row
        session.write([version(task("a", status="ready"), 2, row=row)])
        waiting = threading.Thread(
            target=lambda: seen.append(store.transact(lambda s: s.current([("Task", "a")], lock=True)))
        )
        waiting.start()
        waiting.join(0.3)
        assert seen == []
    waiting.join()
    assert [found["Task", "a"].version for found in seen] == [2]


def test_locks_in_any_order_do_not_hinder_each_other(store: SqlStore) -> None:
    keys = [("Task", f"t{n}") for n in range(20)]
    put(store, [task(id_) for _, id_ in keys])

    def work(seed: int) -> Callable[[], object]:
        def run() -> bool:
            mixed = list(keys)
            for _ in range(5):
                random.Random(seed).shuffle(mixed)
                store.transact(
                    lambda s: s.write(
                        [
                            version(task(stored.id), stored.version + 1, row=stored.row)
                            for stored in s.current(mixed, lock=True).values()
                        ]
                    )
                )
            return True

        return run

    assert together(*(work(seed) for seed in range(4))) == [True] * 4
    assert {current(store, id_).version for _, id_ in keys} == {21}


def test_a_deadlock_is_run_again(store: SqlStore) -> None:
    """Two that lock the same two in opposite order, in statements of their own: both get through."""
    put(store, [task("a"), task("b")])

    def work(first: str, second: str) -> Callable[[], object]:
        def run() -> bool:
            def both(session: Session) -> None:
                for id_ in (first, second):
                    stored = session.current([("Task", id_)], lock=True)["Task", id_]
                    session.write([version(task(id_), stored.version + 1, row=stored.row)])
                    time.sleep(0.1)

            store.transact(both)
            return True

        return run

    assert together(work("a", "b"), work("b", "a")) == [True, True]
    assert [current(store, id_).version for id_ in "ab"] == [3, 3]


def test_what_breaks_a_constraint_every_time_is_no_race(store: SqlStore) -> None:
    put(store, [task("a")])
    attempts = []

    def work(session: Session) -> None:
        attempts.append(1)
        session.write([version(task("a"))])

    with pytest.raises(IntegrityError):
        store.transact(work)
    assert len(attempts) > 2
    assert current(store, "a").version == 1


def test_a_locked_sqlite_file_is_busy_and_then_not(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/locked.db", busy_seconds=0.3)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sqlite3, sys\n"
            "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()",
            str(tmp_path / "locked.db"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout and holder.stdin
    assert holder.stdout.readline() == b"held\n"
    begun = time.monotonic()
    with pytest.raises(Busy, match="locked"):
        put(store, [task("a")])
    assert 0.25 < time.monotonic() - begun < 5
    assert current(store, "a") is None, "reading goes on"
    holder.stdin.close()
    holder.wait()
    holder.stdout.close()
    put(store, [task("a")])
    assert current(store, "a").version == 1
    store.close()


def test_no_connection_to_be_had_is_busy(database_url: str) -> None:
    store = open_store(database_url, pool=1, busy_seconds=0.2)
    with reading(store.engine), reading(store.engine), pytest.raises(Busy):
        store.snapshot(lambda s: s.current([("Task", "a")]))
    assert current(store, "a") is None
    store.close()


@pytest.mark.servers
def test_without_postgresql_it_is_busy_and_comes_back_by_itself(postgres_server: Postgres) -> None:
    store = open_store(postgres_server.url)
    put(store, [task("a")])
    store.wait(0)
    broken: list[object] = []

    def inside(session: Session) -> None:
        session.write([version(task("b"))])
        postgres_server.kill9()
        session.current([("Task", "a")])

    with pytest.raises(Busy):
        store.transact(inside)
    for attempt in (
        lambda: store.snapshot(lambda s: s.current([])) and None,
        lambda: put(store, [task("b")]),
        lambda: store.positions("c"),
        lambda: store.mirrored("Task"),
        lambda: list(store.dump("Task")),
    ):
        try:
            broken.append(attempt())
        except Busy as error:
            broken.append(error)
    assert [type(result) for result in broken[1:]] == [Busy] * 4
    begun = time.monotonic()
    store.wait(0.3)
    store.wait(0.3)
    assert time.monotonic() - begun < 5
    postgres_server.start()
    assert current(store, "a").version == 1
    assert current(store, "b") is None
    put(store, [task("b")])
    store.wait(0)
    store.wait(0)
    threading.Timer(0.2, lambda: put(store, [task("c")])).start()
    begun = time.monotonic()
    store.wait(10)
    assert time.monotonic() - begun < 3, "it listens again"
    store.close()


def test_the_time_in_the_body_is_the_time_of_the_version(store: SqlStore) -> None:
    """Also when a clock goes backwards: what is newer is never older."""
    services = runtime(store, service_of("Task"))
    moments = iter([datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)])
    times = []
    for _ in range(2):
        result = update(services, ("Task", "a"), task("a"), Context(clock=lambda: next(moments)))
        assert result.stored is not None
        assert json.parse(result.stored.body)["meta"]["lastUpdated"] == instant(result.stored.updated)
        times.append(result.stored.updated)
    assert times == sorted(times)


def test_history_told_again_changes_nothing(store: SqlStore) -> None:
    services = runtime(store, service_of("Task"))
    told = Context(backfill=True)
    assert [update(services, ("Task", "a"), task("a"), told).outcome for _ in range(2)] == ["created", "unchanged"]
    assert update(services, ("Task", "a"), task("a", status="ready"), told).outcome == "updated"
    assert update(services, ("Task", "a"), task("a", status="ready"), Context()).outcome == "updated"
    assert current(store, "a").version == 3
    with pytest.raises(PreconditionFailed):
        update(services, ("Task", "z"), task("z"), Context(), if_match='W/"1"')


def test_an_overlong_trace_does_not_hinder_a_write(store: SqlStore) -> None:
    services = runtime(store, service_of("Task"))
    assert update(services, ("Task", "a"), task("a"), Context(traceparent="0" * 500)).outcome == "created"


def test_replacing_keeps_other_resources_rows(store: SqlStore) -> None:
    put(store, [task("a"), task("b")])
    before = rows_of(store)
    put(store, [task("a")])
    after = rows_of(store)
    assert {**after, "outbox": 0} == {**before, "outbox": 0}
    assert replace(current(store, "b"), row=0).version == 1


def test_a_read_that_takes_too_long_is_ended_and_the_next_is_not(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/slow.db")
    with pytest.raises(Overran), reading(store.engine, seconds=0.2) as connection:
        connection.exec_driver_sql(ENDLESS)
    with reading(store.engine) as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    store.close()


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def test_what_takes_too_long_is_too_costly_to_read_and_busy_to_write(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_engine, "READ_SECONDS", 0.2)

    def endless(session: Session) -> None:
        assert isinstance(session, SqlSession)
        if not is_sqlite(store.engine):
            session._connection.exec_driver_sql("SET statement_timeout = '200ms'")
        session._connection.exec_driver_sql(ENDLESS)

    with pytest.raises(TooCostly):
        store.glance(endless)
    if not is_sqlite(store.engine):
        with pytest.raises(TooCostly):
            store.snapshot(endless)
        with pytest.raises(Overran):
            store.transact(endless)
    put(store, [task("a")])


def test_a_transaction_that_nobody_goes_on_with_is_ended_but_a_long_view_is_not(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_engine, "_IDLE_SECONDS", 1)
    store = open_store(postgres_database)
    put(store, [task("a")])
    whole = store.dump("Task")
    with pytest.raises(Closed), writing(store.engine) as connection, reading(store.engine, seconds=None) as long:
        connection.exec_driver_sql("SELECT 1")
        time.sleep(1.5)
        assert long.exec_driver_sql("SELECT 1").scalar() == 1
        connection.exec_driver_sql("SELECT 1")
    assert [stored.id for chunk in whole for stored in chunk.versions] == ["a"]
    store.close()


def test_what_was_prepared_outlasts_a_view(postgres_database: str) -> None:
    store = open_store(postgres_database, pool=1)
    put(store, [task("a")])
    for _ in range(8):
        assert current(store, "a")
    with reading(store.engine) as connection:
        known = "SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%JOIN versions%'"
        assert connection.exec_driver_sql(known.replace("%", "%%")).all()
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "repeatable read"
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "off"
    store.close()


def test_what_was_prepared_outlasts_what_is_undone(postgres_database: str) -> None:
    store = open_store(postgres_database, pool=1)
    put(store, [task("a")])

    def undone(session: Session, *, wholly: bool) -> None:
        with suppress(Undone), session.savepoint():
            session.claim("place", "of-one", "a")
            raise Undone
        assert session.claimed("place", ["of-one"]) == {}
        if wholly:
            session.claim("place", "of-two", "a")
            raise Undone

    for _ in range(8):
        assert current(store, "a")
    for work in (store.transact, store.snapshot):
        with pytest.raises(Undone):
            work(_failing)
    store.transact(lambda session: undone(session, wholly=False))
    with pytest.raises(Undone):
        store.transact(lambda session: undone(session, wholly=True))
    assert store.snapshot(lambda session: session.claimed("place", ["of-one", "of-two"])) == {}
    with reading(store.engine) as connection:
        known = "SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%JOIN versions%'"
        assert connection.exec_driver_sql(known.replace("%", "%%")).all()
    store.close()


def _failing(session: Session) -> None:
    assert session.claimed("place", ["of-one"]) == {}
    raise Undone


def test_a_commit_that_fails_leaves_the_write_lock_to_others(tmp_path: Path) -> None:
    """Also where SQLite keeps the transaction open, as when a constraint is looked at only then."""
    store = open_store(f"sqlite:///{tmp_path}/turns.db", pool=1, busy_seconds=1)
    turn = sql_engine._turns[store.engine.url.database or ""]
    ended: list[bool] = []

    def watch(statement: str) -> None:
        if statement.startswith("ROLLBACK"):
            ended.append(turn.locked())

    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_trace_callback(watch)
    with writing(store.engine) as connection:
        connection.exec_driver_sql("CREATE TABLE one (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql("CREATE TABLE other (id INTEGER REFERENCES one DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(DBAPIError), writing(store.engine) as connection:
        connection.exec_driver_sql("INSERT INTO other VALUES (1)")
    with pytest.raises(KeyError), writing(store.engine) as connection:
        connection.exec_driver_sql("INSERT INTO one VALUES (1)")
        raise KeyError
    assert ended == [True, True], "rolled back before another has its turn"
    put(store, [task("a")])
    with reading(store.engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM one").scalar() == 0
    store.close()


def test_the_turn_is_given_on_whatever_else_fails(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/turns.db", busy_seconds=1)
    with pytest.raises(Closed), writing(store.engine) as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.close()
        raise KeyError
    put(store, [task("a")])
    assert current(store, "a").version == 1
    store.close()
