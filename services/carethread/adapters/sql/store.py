"""A service's store: each version with its index rows and its event, in one transaction."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    delete,
    func,
    insert,
    not_,
    select,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from carethread.adapters.sql import everything, exporting, history, horizon, inbox, merges, pages, staging, statements
from carethread.adapters.sql import search as searching
from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import CONFLICT_STATES, Closed, Overran, glancing, is_sqlite, reading, writing
from carethread.adapters.sql.tables import (
    mirrors,
    relay,
    resources,
    versions,
)
from carethread.adapters.sql.wake import Waker
from carethread.adapters.sql.writes import write as store_writes
from carethread.core.errors import Busy, Held, TooCostly
from carethread.core.fhir.search.query import SearchQuery
from carethread.core.ports import Belongings, Extent, Key, Page, Record, Session, Span, Stored, Write

T = TypeVar("T")

_CHUNK = 500
"""Keys in one IN list; SQLite's limit on variables is 32,766."""

_ATTEMPTS = 8

_HELD_SECONDS = 1.0
"""How long a writer waits for a transaction across services to be decided; most take some milliseconds."""


def _stored(found: Sequence[Any]) -> Stored:
    type_name, id_, version, updated, method, body, key, department, row = found
    return Stored(type_name, id_, version, updated, method == "DELETE", bytes(body), method, key, department, row)


class SqlSession:
    """One transaction; see `core.ports.Session`."""

    def __init__(self, connection: Connection, waker: Waker) -> None:
        self._connection = connection
        self._waker = waker
        self._places: dict[tuple[str, str], str] = {}
        """Who held each place before this session did anything to it; empty: nobody."""

    def current(self, keys: Iterable[Key], *, lock: bool = False) -> dict[Key, Stored]:
        wanted = sorted(set(keys))
        found: dict[Key, Stored] = {}
        for start in range(0, len(wanted), _CHUNK):
            for row in self._newest(wanted[start : start + _CHUNK], lock=lock):
                stored = _stored(row)
                found[stored.type, stored.id] = stored
        return found

    def _newest(self, keys: list[Key], *, lock: bool) -> Iterable[Sequence[Any]]:
        if lock and not is_sqlite(self._connection):
            # A statement of its own: one that joined the versions would be looking for the version before the wait.
            locked = self._connection.execute(statements.LOCKED, {"keys": keys}).all()
            staging.refuse_held(row.held for row in locked)
            return self._connection.execute(statements.CURRENT_ROWS, {"rows": [row.row for row in locked]})
        if lock:
            staging.refuse_held_rows(self._connection, keys)
        if len(keys) == 1 and not is_sqlite(self._connection):
            return run(self._connection, statements.CURRENT_ONE_TEXT, keys[0], binary=True)
        if len(keys) == 1:
            return self._connection.execute(statements.CURRENT_ONE, {"type": keys[0][0], "id": keys[0][1]})
        return self._connection.execute(statements.CURRENT, {"keys": keys})

    def version(self, key: Key, version: int) -> Stored | None:
        row = self._connection.execute(self._versions(key).where(versions.c.version == version)).first()
        return _stored(row) if row else None

    def history(self, span: Span, count: int) -> list[Stored]:
        return [_stored(row) for row in history.page(self._connection, span, count)]

    def history_total(self, span: Span) -> int:
        return history.total(self._connection, span)

    @staticmethod
    def _versions(key: Key) -> Select[Any]:
        return (
            select(*statements.STORED)
            .join(versions, versions.c.row == resources.c.row)
            .where(resources.c.type == key[0], resources.c.id == key[1])
        )

    def search(self, query: SearchQuery, count: int) -> Page:
        found, cursor = pages.page(self._connection, merges.followed(self._connection, query), count)
        return Page([_stored(row) for row in found], cursor)

    def count(self, query: SearchQuery, at_most: int | None = None) -> int:
        return searching.count(self._connection, merges.followed(self._connection, query), at_most)

    def targets(self, matches: Sequence[Stored], param: str, target: str | None) -> list[Key]:
        by_type: dict[str, list[int]] = {}
        for stored in matches:
            by_type.setdefault(stored.type, []).append(stored.row)
        return [
            key
            for type_name, rows in by_type.items()
            for key in searching.targets(self._connection, rows, [f"{type_name}.{param}"] if param else [], target)
        ]

    def referring(self, keys: Sequence[Key], params: Sequence[str], at_most: int) -> list[Key]:
        return searching.referring(self._connection, keys, params, at_most)

    def kin(self, ids: Iterable[str]) -> list[str]:
        return merges.kin(self._connection, ids)

    def write(self, writes: Sequence[Write]) -> None:
        if not writes:
            return
        store_writes(self._connection, writes, self._waker.channel)

    def claim(self, kind: str, key: str, holder: str) -> str:
        statement = statements.CLAIM[self._connection.dialect.name]
        place = {"kind": kind, "key": key, "holder": holder}
        while True:  # who was in the way may give it up before we see who it was
            taken = self._connection.execute(statement, place).scalar()
            if taken:
                self._places.setdefault((kind, key), "")
            found: str | None = taken or self.claimed(kind, [key]).get(key)
            if found:
                return found

    def release(self, kind: str, holder: str, keep: Iterable[str] = ()) -> list[str]:
        statement = {"kind": kind, "holder": holder, "keep": list(keep)}
        freed = sorted(self._connection.execute(statements.RELEASE, statement).scalars())
        for key in freed:
            self._places.setdefault((kind, key), holder)
        return freed

    def claimed(self, kind: str, keys: Iterable[str]) -> dict[str, str]:
        keys = list(keys)
        rows = self._connection.execute(statements.CLAIMED, {"kind": kind, "keys": keys})
        found = {row.key: row.holder for row in rows}
        staging.refuse_held_claims(found.values())
        for key in keys:
            self._places.setdefault((kind, key), found.get(key, ""))
        return found

    def lock(self, names: Iterable[str]) -> None:
        if not is_sqlite(self._connection):  # SQLite has one writer at a time
            numbers = sorted({int.from_bytes(sha256(name.encode()).digest()[:4], signed=True) for name in names})
            self._connection.execute(statements.HOLD, {"names": numbers})

    def members(self, whose: Belongings, after: int, count: int) -> list[Stored]:
        return list(map(_stored, everything.members(self._connection, whose, after, count)))

    def referred(self, whose: Belongings, types: Sequence[str], after: Key, count: int) -> list[Key]:
        return list(everything.referred(self._connection, whose, types, after, count))

    def measure(self, extent: Extent, after: int, count: int) -> tuple[list[tuple[int, int, bool]], int]:
        return exporting.measure(self._connection, extent, after, count)

    def slice(self, extent: Extent, after: int, through: int) -> list[tuple[Stored, bool]]:
        return [(_stored(row), doubt) for *row, doubt in exporting.part(self._connection, extent, after, through)]

    def export(self, job: str) -> bytes | None:
        return exporting.kept(self._connection, job)

    def keep_export(self, job: str, created: int, state: bytes, *, expired: int) -> None:
        exporting.expire(self._connection, expired)
        exporting.keep(self._connection, job, created, state)

    def advance_export(self, job: str, before: bytes, after: bytes) -> bool:
        return exporting.advance(self._connection, job, before, after)

    def drop_export(self, job: str) -> bool:
        return exporting.drop(self._connection, job)

    def prepare(self, transaction: str, begun: int, body: bytes, keys: Iterable[Key]) -> None:
        free = [place for place, holder in self._places.items() if not holder]
        staging.prepare(self._connection, transaction, begun, body, keys, free)

    def prepared(self, transaction: str) -> bytes | None:
        return staging.prepared(self._connection, transaction)

    def settle(self, transaction: str) -> None:
        staging.settle(self._connection, transaction)

    def savepoint(self) -> AbstractContextManager[object]:
        return self._connection.begin_nested()

    def first_time(self, reaction: str, event_ids: Sequence[str]) -> set[str]:
        return inbox.first_time(self._connection, reaction, event_ids)

    def advance(self, consumer: str, topic: str, partition: int, expected: int, position: int) -> bool:
        return inbox.advance(self._connection, consumer, topic, partition, expected, position)

    def bury(self, consumer: str, record: Record, outcome: bytes) -> None:
        inbox.bury(self._connection, consumer, record, outcome)


def _may_succeed(error: DBAPIError) -> bool:
    """A row that appeared between look and insert, or a deadlock: what the work decides on has changed."""
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in CONFLICT_STATES


class SqlStore:
    """A service's database; see `core.ports.Store`."""

    def __init__(self, engine: Engine, service: str) -> None:
        self.engine = engine
        self._service = service
        self._waker = Waker(engine, service)

    def transact(self, work: Callable[[Session], T]) -> T:
        patience = time.monotonic() + _HELD_SECONDS
        while True:
            try:
                return self._transact(work)
            except Held:
                if time.monotonic() > patience:
                    raise
                time.sleep(random.uniform(0.01, 0.05))  # jitter, not a secret

    def _transact(self, work: Callable[[Session], T]) -> T:
        for attempt in range(_ATTEMPTS):
            try:
                with writing(self.engine, partial(horizon.begin, service=self._service)) as connection:
                    return work(SqlSession(connection, self._waker))
            except DBAPIError as error:
                if not _may_succeed(error) or (attempt == _ATTEMPTS - 1 and isinstance(error, IntegrityError)):
                    raise  # what breaks a constraint every time is no race
                time.sleep(random.uniform(0, 0.005 * 2**attempt))  # jitter, not a secret
            except Closed:
                if attempt:
                    raise
        raise Busy("Others kept writing to the same resources; try again.")

    def oldest_write(self) -> int:
        return horizon.oldest(self.engine, self._service)

    def snapshot(self, work: Callable[[Session], T]) -> T:
        return self._looking(reading, work)

    def glance(self, work: Callable[[Session], T]) -> T:
        return self._looking(glancing, work)

    def _looking(self, way: Callable[[Engine], AbstractContextManager[Connection]], work: Callable[[Session], T]) -> T:
        """Look again when a pooled connection turns out to be closed, as all are after the database's restart."""

        def look() -> T:
            with way(self.engine) as connection:
                return work(SqlSession(connection, self._waker))

        try:
            try:
                return look()
            except Closed:
                return look()
        except Overran as error:
            raise TooCostly("This takes longer than is allowed; narrow the search.") from error

    def dump(self, type_name: str) -> Iterator[tuple[int, Sequence[Stored]]]:
        with reading(self.engine, seconds=None) as connection:
            numbered = select(func.coalesce(func.max(relay.c.numbered), 0)).where(relay.c.name == self._service)
            sequence: int = connection.execute(numbered).scalar_one()
            after = 0
            while True:
                rows = connection.execute(
                    select(*statements.STORED)
                    .join(versions, statements.IS_CURRENT)
                    .where(resources.c.type == type_name, resources.c.row > after, not_(resources.c.deleted))
                    .order_by(resources.c.row)
                    .limit(_CHUNK)
                )
                chunk = [_stored(row) for row in rows]
                yield sequence, chunk
                if len(chunk) < _CHUNK:
                    return
                after = chunk[-1].row

    def doubts(self, before: int) -> list[str]:
        with reading(self.engine) as connection:
            return staging.doubts(connection, before)

    def positions(self, consumer: str) -> dict[tuple[str, int], int]:
        with reading(self.engine) as connection:
            return inbox.positions(connection, consumer)

    def mirrored(self, type_name: str) -> int | None:
        with reading(self.engine) as connection:
            return connection.execute(
                select(mirrors.c.sequence).where(mirrors.c.type == type_name)
            ).scalar_one_or_none()

    def mark_mirrored(self, type_name: str, sequence: int) -> None:
        with writing(self.engine) as connection:
            connection.execute(delete(mirrors).where(mirrors.c.type == type_name))
            connection.execute(insert(mirrors).values(type=type_name, sequence=sequence))

    def wait(self, seconds: float) -> None:
        self._waker.wait(seconds)

    def close(self) -> None:
        self.engine.dispose()
