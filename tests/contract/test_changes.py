"""The changes of a SQLite file: whoever waits hears of each, but of what is written quietly."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from carethread.adapters.sql.changes import Changes, changes_of

PATIENCE = 10.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a file%20.db"
    writer(path).executescript("PRAGMA journal_mode=WAL; CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (0);")
    return path


def writer(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)


def add(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE t SET n = n + 1")


def test_all_who_wait_hear_of_a_write(file: Path) -> None:
    changes = changes_of(str(file))
    seen = changes.after(-1, 0.0)
    with ThreadPoolExecutor(5) as threads:
        waiting = [threads.submit(changes.after, seen, PATIENCE) for _ in range(5)]
        time.sleep(0.1)
        assert not any(each.done() for each in waiting)
        add(writer(file))
        assert all(each.result(PATIENCE) > seen for each in waiting)
    assert [thread.name for thread in threading.enumerate()].count("changes") == 1


def test_a_write_before_the_wait_is_heard_of_at_once(file: Path) -> None:
    changes = changes_of(str(file))
    seen = changes.after(-1, 0.0)
    add(writer(file))
    began = time.monotonic()
    assert changes.after(seen, PATIENCE) > seen
    assert time.monotonic() - began < PATIENCE / 2


def test_silence_ends_with_the_time(file: Path) -> None:
    changes = changes_of(str(file))
    seen = changes.after(-1, 0.0)
    began = time.monotonic()
    assert changes.after(seen, 0.2) == seen
    assert 0.19 < time.monotonic() - began < PATIENCE


def test_no_write_of_many_is_missed(file: Path) -> None:
    """One writes when the other has seen the last: a write that nobody heard of would end it."""
    changes, connection = changes_of(str(file)), writer(file)
    seen = changes.after(-1, 0.0)
    for number in range(1, 200):
        threading.Timer(0.001 * (number % 3), lambda: add(writer(file))).start()
        now = changes.after(seen, PATIENCE)
        assert now > seen
        seen = now
    assert connection.execute("SELECT n FROM t").fetchone() == (199,)


def test_what_is_written_quietly_wakes_nobody_and_hides_nothing(file: Path) -> None:
    changes, other = changes_of(str(file)), writer(file)
    seen = changes.after(-1, 0.0)
    assert changes.quietly("UPDATE t SET n = :n", {"n": 7})
    assert other.execute("SELECT n FROM t").fetchone() == (7,)
    assert changes.after(seen, 0.2) == seen
    add(other)
    assert changes.quietly("UPDATE t SET n = :n", {"n": 9})
    assert changes.after(seen, 0.0) > seen, "what another had written before is still news"
    assert not changes.quietly("UPDATE t SET n = 1 WHERE n = :n", {"n": 5}), "there is no such row"


def test_who_cannot_write_quietly_says_so(file: Path) -> None:
    changes, other = changes_of(str(file)), writer(file)
    other.execute("BEGIN IMMEDIATE")
    assert not changes.quietly("UPDATE t SET n = :n", {"n": 7})
    other.execute("ROLLBACK")
    assert changes.quietly("UPDATE t SET n = :n", {"n": 7})


def test_a_file_that_is_not_there_is_waited_for_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "later.db"
    changes = Changes(str(path))
    assert changes.after(0, 0.05) == 0
    assert not path.exists()
    assert not changes.quietly("UPDATE t SET n = 1", {})
    add_table = writer(path)
    add_table.execute("CREATE TABLE t (n INTEGER)")
    assert changes.after(0, 0.0) == 1


def test_a_file_has_one_watch_for_all(file: Path) -> None:
    assert changes_of(str(file)) is not Changes(str(file))
    held = changes_of(str(file))
    assert changes_of(str(file)) is held
