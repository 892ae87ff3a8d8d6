"""Timers in a service's own database; see `core.ports.timers`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, func, or_, select, update

from carethread.adapters.sql.arrays import numbers, texts
from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.tables import timers
from carethread.adapters.sql.upsert import upsert
from carethread.core.ports import Timer

_LONGEST = 400
"""Bytes of a key: what an index takes anywhere."""

_SEEN_IN_TIME = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 60000000"
"""Whoever waits for timers looks each half a minute (`core.errands.resting.BEAT`): of what is later nobody is told."""

_SET_TEXT = (
    "WITH made AS (INSERT INTO timers (kind, key, due, next, payload, attempts, failure) "
    "VALUES ($1::text, $2::text, $3::bigint, $3::bigint, $4::bytea, 0, '') ON CONFLICT (kind, key) DO UPDATE SET "
    "due = excluded.due, next = excluded.next, payload = excluded.payload, attempts = 0, failure = '') "
    "SELECT pg_notify($5, '')"
)
"""Set, and tell those who wait, in one message to PostgreSQL: each booking does it."""

_SET_ALL_TEXT = (
    "WITH made AS (INSERT INTO timers (kind, key, due, next, payload, attempts, failure) "
    "SELECT $1::text, key, due, due, ''::bytea, 0, '' FROM unnest($2::text[], $3::bigint[]) AS several (key, due) "
    "ON CONFLICT (kind, key) DO UPDATE SET "
    "due = excluded.due, next = excluded.next, payload = excluded.payload, attempts = 0, failure = '' "
    "WHERE NOT $4::boolean OR excluded.due < timers.due RETURNING due) "
    f"SELECT pg_notify($5, '') WHERE EXISTS (SELECT FROM made WHERE due < {_SEEN_IN_TIME})"
)

_TAKE_TEXT = (
    "WITH taken AS (SELECT kind, key FROM timers WHERE next <= $1::bigint AND ($3 = '' OR kind = $3::text) "
    "AND kind <> ALL ($4::text[]) ORDER BY next LIMIT $2::bigint FOR UPDATE SKIP LOCKED) "
    "DELETE FROM timers t USING taken WHERE t.kind = taken.kind AND t.key = taken.key "
    "RETURNING t.kind, t.key, t.due, t.payload, t.attempts, t.failure, t.next"
)
"""Looked at, locked and taken in one message to PostgreSQL."""

_TIMER = (timers.c.kind, timers.c.key, timers.c.due, timers.c.payload, timers.c.attempts, timers.c.failure)


class SqlTimers:
    """One transaction's view of the timers. PostgreSQL notifies `channel` when one is set."""

    def __init__(self, connection: Connection, channel: str) -> None:
        self._connection = connection
        self._channel = channel

    def set(self, kind: str, key: str, due: int, payload: bytes = b"") -> None:
        if len(key.encode()) > _LONGEST:
            raise ValueError(f"The key of a timer has at most {_LONGEST} bytes.")
        if not is_sqlite(self._connection):
            run(self._connection, _SET_TEXT, [kind, key, str(due), payload, self._channel])
            return
        fresh = {"due": due, "next": due, "payload": payload, "attempts": 0, "failure": ""}
        row = upsert(self._connection, timers).values(kind=kind, key=key, **fresh)
        self._connection.execute(row.on_conflict_do_update(index_elements=[timers.c.kind, timers.c.key], set_=fresh))

    def set_all(self, kind: str, due: Mapping[str, int], *, sooner: bool = False) -> None:
        if not due:
            return
        if not is_sqlite(self._connection):
            several = [kind, texts(due), numbers(due.values())]
            run(self._connection, _SET_ALL_TEXT, [*several, sooner, self._channel])
            return
        rows = [
            {"kind": kind, "key": key, "due": at, "next": at, "payload": b"", "attempts": 0, "failure": ""}
            for key, at in due.items()
        ]
        fresh = upsert(self._connection, timers)
        anew = {name: fresh.excluded[name] for name in ("due", "next", "payload", "attempts", "failure")}
        later = fresh.excluded.due < timers.c.due if sooner else None
        again = fresh.on_conflict_do_update(index_elements=[timers.c.kind, timers.c.key], set_=anew, where=later)
        self._connection.execute(again, rows)

    def cancel(self, kind: str, key: str) -> None:
        self._connection.execute(delete(timers).where(timers.c.kind == kind, timers.c.key == key))

    def take(self, now: int, count: int, kind: str = "", *, but: Collection[str] = ()) -> list[Timer]:
        if not is_sqlite(self._connection):
            rows = run(self._connection, _TAKE_TEXT, [now, count, kind, texts(but)], binary=True)
            return [_timer(row[:-1]) for row in sorted(rows, key=lambda row: row[-1])]
        due = select(*_TIMER).where(timers.c.next <= now).order_by(timers.c.next).limit(count)
        if kind:
            due = due.where(timers.c.kind == kind)
        if but:
            due = due.where(timers.c.kind.not_in(sorted(but)))
        taken = [_timer(row) for row in self._connection.execute(due)]
        if taken:
            these = or_(*(and_(timers.c.kind == each.kind, timers.c.key == each.key) for each in taken))
            self._connection.execute(delete(timers).where(these))
        return taken

    def put_off(self, timer: Timer, until: int, failure: str) -> bool:
        same = (
            timers.c.kind == timer.kind,
            timers.c.key == timer.key,
            timers.c.due == timer.due,
            timers.c.attempts == timer.attempts,
        )
        later = {"next": until, "attempts": timer.attempts + 1, "failure": failure}
        return bool(self._connection.execute(update(timers).where(*same).values(later)).rowcount)

    def earliest(self) -> int | None:
        first: int | None = self._connection.execute(select(func.min(timers.c.next))).scalar()
        return first

    def ahead(self, kind: str, count: int) -> list[Timer]:
        found = select(*_TIMER).where(timers.c.kind == kind).order_by(timers.c.key).limit(count)
        return [_timer(row) for row in self._connection.execute(found)]

    def failing(self, count: int) -> list[Timer]:
        found = select(*_TIMER).where(timers.c.failure != "").order_by(timers.c.due).limit(count)
        return [_timer(row) for row in self._connection.execute(found)]


def _timer(row: Sequence[Any]) -> Timer:
    kind, key, due, payload, attempts, failure = row
    return Timer(kind, key, due, bytes(payload), attempts, failure)
