"""The embedded bus: a log of its own in one SQLite file, for a single machine without a broker.

All topics share one numbering, so a position grows within its topic but not by one; each topic has the one partition 0.
A record lies in the log once however often it is sent, by its `ce_id`. A sender's epoch is checked in the transaction
that sends, so that an older one can never write after a newer one. synchronous=FULL, since the outbox forgets what the
bus has taken.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

from carethread.adapters.sql.changes import changes_of
from carethread.adapters.sql.events.headers import pack, unpack
from carethread.core.errors import Busy
from carethread.core.events import Event, to_headers
from carethread.core.events import topic as topic_of
from carethread.core.metric_names import CONSUMER_GAPS, Observe, unobserved
from carethread.core.ports import Fenced, Kept, Place, Record

log = logging.getLogger(__name__)

_LOCK_SECONDS = 5.0
_GATHER_SECONDS = 0.005
"""After news a consumer lets more of them gather."""

_BATCH, _BATCH_BYTES = 1000, 8 * 1024 * 1024
"""Records and bytes of values of one topic that a poll returns, beyond its first record."""

_PRUNED_AT_ONCE = 500
"""Records deleted in one transaction: senders wait no longer than that takes."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    ce_id TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL,
    headers BLOB NOT NULL,
    time INTEGER NOT NULL,
    value BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS records_by_topic ON records (topic, position);
CREATE TABLE IF NOT EXISTS gone (topic TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fences (service TEXT PRIMARY KEY, epoch INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the log, which is made when missing; for the thread that calls. Raises Busy."""
    with _away_is_busy():
        connection = sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA journal_size_limit=67108864")
        connection.executescript(_SCHEMA)
        return connection


class EmbeddedPublisher:
    """Sends one service's events; see `core.ports.Publisher`. Made and used in one thread."""

    def __init__(self, path: Path, prefix: str = "carethread") -> None:
        self._connection = connect(path)
        self._prefix = prefix
        self._service, self._epoch = "", 0

    def fence(self, service: str, epoch: int) -> None:
        with _writing(self._connection) as connection:
            connection.execute(
                "INSERT INTO fences VALUES (?1, ?2) ON CONFLICT DO UPDATE SET epoch = max(epoch, ?2)", (service, epoch)
            )
            self._service, self._epoch = service, epoch
            self._check(connection)

    def send(self, events: Sequence[Event]) -> None:
        rows = [
            (topic_of(e.resource_type, self._prefix), e.id, e.key, pack(to_headers(e)), e.time, e.data) for e in events
        ]
        with _writing(self._connection) as connection:
            self._check(connection)
            connection.executemany(
                "INSERT INTO records (topic, ce_id, key, headers, time, value) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (ce_id) DO NOTHING",
                rows,
            )

    def close(self) -> None:
        self._connection.close()

    def _check(self, connection: sqlite3.Connection) -> None:
        (epoch,) = connection.execute("SELECT epoch FROM fences WHERE service = ?", (self._service,)).fetchone() or (0,)
        if epoch != self._epoch:
            raise Fenced(f"Epoch {self._epoch} of {self._service} is over: {epoch} sends now.")


class EmbeddedSubscription:
    """Reads topics from the positions that `positions` tells on; see `core.ports.Subscription`. For one thread."""

    def __init__(
        self,
        path: Path,
        topics: Sequence[str],
        positions: Callable[[], Mapping[Place, int]],
        *,
        observe: Observe = unobserved,
    ) -> None:
        self._connection = connect(path)
        self._observe = observe
        self._topics = list(topics)
        self._positions = positions
        self._next: dict[str, int] = {}
        self._due = dict.fromkeys(topics, 0.0)
        """When a topic whose position must be asked for is due again; empty for those that are being read."""
        self._changes = changes_of(str(path))
        self._seen = -1

    def poll(self, seconds: float) -> dict[Place, list[Record]]:
        end = time.monotonic() + seconds
        while True:
            changes = self._changes.after(self._seen, 0.0)
            news = changes != self._seen
            with _away_is_busy():
                found = self._read(changes) if self._resume() or news else {}
            now = time.monotonic()
            left = min([end, *self._due.values()]) - now
            if found or now >= end:
                return found
            if news:
                time.sleep(max(0.0, min(_GATHER_SECONDS, left)))
            else:
                self._changes.after(changes, left)

    def rewind(self, place: Place, pause: float = 0.0) -> None:
        self._due[place[0]] = time.monotonic() + pause

    def kept(self, since: int) -> dict[Place, Kept]:
        with _away_is_busy():
            return {(topic, 0): self._kept(topic, since) for topic in self._topics}

    def _kept(self, topic: str, since: int) -> Kept:
        ask = self._connection.execute
        (gone,) = ask("SELECT coalesce(max(position), 0) FROM gone WHERE topic = ?", (topic,)).fetchone()
        (end,) = ask("SELECT max(position) + 1 FROM records WHERE topic = ?", (topic,)).fetchone()
        (start,) = ask("SELECT min(position) FROM records WHERE topic = ? AND time >= ?", (topic, since)).fetchone()
        oldest = ask("SELECT time FROM records WHERE topic = ? ORDER BY position LIMIT 1", (topic,)).fetchone()
        (moment,) = oldest or (time.time_ns() // 1000,)
        end = end or gone + 1 if gone else end or 0
        return Kept(start or end, end, moment if gone else 0)

    def close(self) -> None:
        self._connection.close()

    def _resume(self) -> bool:
        """Take up topics whose time has come, from their stored positions."""
        now = time.monotonic()
        resumed = [topic for topic, due in self._due.items() if due <= now]
        if resumed:
            stored = self._positions()
            for topic in resumed:
                self._next[topic] = stored.get((topic, 0), 0)
                self._name_gone(topic)
                del self._due[topic]
        return bool(resumed)

    def _name_gone(self, topic: str) -> None:
        gone = self._connection.execute("SELECT position FROM gone WHERE topic = ?", (topic,)).fetchone()
        if gone and 0 < self._next[topic] <= gone[0]:
            self._observe(CONSUMER_GAPS, 1)
            log.error("events_gone", extra={"topic": topic, "from": self._next[topic], "through": gone[0]})

    def _read(self, changes: int) -> dict[Place, list[Record]]:
        found: dict[Place, list[Record]] = {}
        for topic in self._topics:
            if topic in self._due:
                continue
            if records := self._records(topic):
                found[topic, 0] = records
                self._next[topic] = records[-1].position + 1
        if not found:
            self._seen = changes  # only now has everything up to there been read
        return found

    def _records(self, topic: str) -> list[Record]:
        rows = self._connection.execute(
            "SELECT position, key, headers, value, time FROM records WHERE topic = ? AND position >= ?"
            " ORDER BY position LIMIT ?",
            (topic, self._next[topic], _BATCH),
        )
        records: list[Record] = []
        size = 0
        for position, key, headers, value, moment in rows:
            records.append(Record(topic, 0, position, key, unpack(headers), value, moment))
            size += len(value)
            if size > _BATCH_BYTES:
                break
        rows.close()
        return records


def prune(connection: sqlite3.Connection, older_than: int) -> int:
    """Delete a few of the oldest records, as far as they are older than a time in microseconds.

    Returns how many; call again until 0. What a consumer has not read by then is lost to it.
    """
    with _writing(connection):
        oldest = connection.execute(
            "SELECT position, topic, time FROM records ORDER BY position LIMIT ?", (_PRUNED_AT_ONCE,)
        ).fetchall()
        going = {topic: position for position, topic, _ in takewhile(lambda row: row[2] < older_than, oldest)}
        connection.executemany("INSERT OR REPLACE INTO gone VALUES (?, ?)", going.items())
        through = max(going.values(), default=0)
        return connection.execute("DELETE FROM records WHERE position <= ?", (through,)).rowcount


@contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    with _away_is_busy():
        connection.execute("BEGIN IMMEDIATE")
        with connection:  # commits, or rolls back when the block raises
            yield connection


@contextmanager
def _away_is_busy() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise Busy(f"The embedded bus is locked or away: {error}.") from error
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname not in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
            raise
        raise Busy("The embedded bus's file is no SQLite database, or it is damaged.") from error
