"""A service's store: each version with its index rows and its event, in one transaction."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Table,
    delete,
    func,
    insert,
    not_,
    select,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from carethread.adapters.sql import inbox, pages, statements
from carethread.adapters.sql import search as searching
from carethread.adapters.sql.engine import CONFLICT_STATES, is_sqlite, reading, writing
from carethread.adapters.sql.tables import (
    INDEX_TABLES,
    fit,
    mirrors,
    relay,
    resources,
    versions,
)
from carethread.adapters.sql.wake import Waker
from carethread.core.errors import Busy
from carethread.core.events import Event
from carethread.core.fhir.search.query import SearchQuery
from carethread.core.ports import Key, Page, Record, Session, Stored, Write

T = TypeVar("T")

_CHUNK = 500
"""Keys in one IN list; SQLite's limit on variables is 32,766."""

_ATTEMPTS = 8

_insertion = cache(statements.insertion)


def _stored(found: Row[tuple[object, ...]]) -> Stored:
    type_name, id_, version, updated, method, body, key, department, row = found
    return Stored(type_name, id_, version, updated, method == "DELETE", bytes(body), method, key, department, row)


class SqlSession:
    """One transaction; see `core.ports.Session`."""

    def __init__(self, connection: Connection, waker: Waker) -> None:
        self._connection = connection
        self._waker = waker

    def current(self, keys: Iterable[Key], *, lock: bool = False) -> dict[Key, Stored]:
        wanted = sorted(set(keys))
        found: dict[Key, Stored] = {}
        for start in range(0, len(wanted), _CHUNK):
            for row in self._newest(wanted[start : start + _CHUNK], lock=lock):
                stored = _stored(row)
                found[stored.type, stored.id] = stored
        return found

    def _newest(self, keys: list[Key], *, lock: bool) -> Iterable[Row[Any]]:
        if lock and not is_sqlite(self._connection):
            # A statement of its own: one that joined the versions would be looking for the version before the wait.
            rows = self._connection.execute(statements.LOCKED, {"keys": keys}).scalars().all()
            return self._connection.execute(statements.CURRENT_ROWS, {"rows": rows})
        if len(keys) == 1:
            return self._connection.execute(statements.CURRENT_ONE, {"type": keys[0][0], "id": keys[0][1]})
        return self._connection.execute(statements.CURRENT, {"keys": keys})

    def version(self, key: Key, version: int) -> Stored | None:
        row = self._connection.execute(self._versions(key).where(versions.c.version == version)).first()
        return _stored(row) if row else None

    def history(self, key: Key, *, count: int, before: int | None = None) -> tuple[list[Stored], int]:
        statement = self._versions(key).order_by(versions.c.version.desc()).limit(count)
        if before is not None:
            statement = statement.where(versions.c.version < before)
        total = (
            select(func.count())
            .select_from(versions)
            .join(resources, versions.c.row == resources.c.row)
            .where(resources.c.type == key[0], resources.c.id == key[1])
        )
        found = [_stored(row) for row in self._connection.execute(statement)]
        return found, self._connection.execute(total).scalar_one()

    @staticmethod
    def _versions(key: Key) -> searching.Rows:
        return (
            select(*statements.STORED)
            .join(versions, versions.c.row == resources.c.row)
            .where(resources.c.type == key[0], resources.c.id == key[1])
        )

    def search(self, query: SearchQuery, count: int) -> Page:
        found, cursor = pages.page(self._connection, query, count)
        rows = self._connection.execute(
            select(*statements.STORED).join(versions, statements.IS_CURRENT).where(resources.c.row.in_(found))
        )
        by_row = {stored.row: stored for stored in map(_stored, rows)}
        return Page([by_row[row] for row in found if row in by_row], cursor)

    def count(self, query: SearchQuery) -> int:
        return searching.count(self._connection, query)

    def targets(self, matches: Sequence[Stored], param: str, target: str | None) -> list[Key]:
        by_type: dict[str, list[int]] = {}
        for stored in matches:
            by_type.setdefault(stored.type, []).append(stored.row)
        return [
            key
            for type_name, rows in by_type.items()
            for key in searching.targets(self._connection, rows, f"{type_name}.{param}", target)
        ]

    def write(self, writes: Sequence[Write]) -> None:
        if not writes:
            return
        last = {(w.stored.type, w.stored.id): w for w in writes}
        rows = {key: w.stored.row for key, w in last.items() if w.stored.row}
        self._update_resources([last[key].stored for key in rows])
        fresh = [w.stored for key, w in last.items() if key not in rows]
        rows |= self._insert_resources(fresh)
        self._fill(
            versions,
            [(rows[s.type, s.id], s.version, s.updated, s.method, s.body) for s in (write.stored for write in writes)],
        )
        self._replace_index(last, rows)
        events = [(w.event, rows[w.stored.type, w.stored.id]) for w in writes if w.event]
        if events:
            self._connection.execute(statements.INSERT_EVENT, [_outbox_row(event, row) for event, row in events])
            self._waker.ring(self._connection)

    def _update_resources(self, changed: Sequence[Stored]) -> None:
        if changed:
            self._connection.execute(
                statements.UPDATE_RESOURCE,
                [
                    {
                        "_row": s.row,
                        "_version": s.version,
                        "_updated": s.updated,
                        "_deleted": s.deleted,
                        "_department": s.department,
                    }
                    for s in changed
                ],
            )

    def _insert_resources(self, fresh: Sequence[Stored]) -> dict[Key, int]:
        if not fresh:
            return {}
        made = self._connection.execute(
            statements.INSERT_RESOURCE,
            [
                {
                    "type": s.type,
                    "id": s.id,
                    "version": s.version,
                    "updated": s.updated,
                    "deleted": s.deleted,
                    "key": s.key,
                    "department": s.department,
                }
                for s in fresh
            ],
        )
        return {(type_name, id_): row for type_name, id_, row in made}

    def _replace_index(self, last: dict[Key, Write], rows: dict[Key, int]) -> None:
        known = [w.stored.row for w in last.values() if w.stored.row]
        indexed = [(key[0], rows[key], w.index) for key, w in last.items() if w.index is not None]
        for kind, table in INDEX_TABLES.items():
            for start in range(0, len(known), _CHUNK):
                self._connection.execute(statements.CLEAR_INDEX[kind], {"rows": known[start : start + _CHUNK]})
            self._fill(
                table,
                {
                    (row, f"{type_name}.{param}", *(fit(v) if type(v) is str else v for v in values)): None
                    for type_name, row, index in indexed
                    for param, *values in getattr(index, kind)
                },
            )

    def _fill(self, table: Table, rows: Collection[tuple[object, ...]]) -> None:
        """Insert rows that are in the order of the columns, without a dictionary for each."""
        if rows:
            self._connection.exec_driver_sql(_insertion(table, lite=is_sqlite(self._connection)), list(rows))

    def claim(self, kind: str, key: str, holder: str) -> str:
        statement = statements.CLAIM[self._connection.dialect.name]
        place = {"kind": kind, "key": key, "holder": holder}
        while True:  # who was in the way may give it up before we see who it was
            taken = self._connection.execute(statement, place).scalar()
            found: str | None = taken or self.claimed(kind, [key]).get(key)
            if found:
                return found

    def release(self, kind: str, holder: str, keep: Iterable[str] = ()) -> list[str]:
        freed = self._connection.execute(statements.RELEASE, {"kind": kind, "holder": holder, "keep": list(keep)})
        return sorted(freed.scalars())

    def claimed(self, kind: str, keys: Iterable[str]) -> dict[str, str]:
        rows = self._connection.execute(statements.CLAIMED, {"kind": kind, "keys": list(keys)})
        return {row.key: row.holder for row in rows}

    def savepoint(self) -> AbstractContextManager[object]:
        return self._connection.begin_nested()

    def first_time(self, reaction: str, event_ids: Sequence[str]) -> set[str]:
        return inbox.first_time(self._connection, reaction, event_ids)

    def advance(self, consumer: str, topic: str, partition: int, expected: int, position: int) -> bool:
        return inbox.advance(self._connection, consumer, topic, partition, expected, position)

    def bury(self, consumer: str, record: Record, outcome: bytes) -> None:
        inbox.bury(self._connection, consumer, record, outcome)


def _outbox_row(event: Event, row: int) -> dict[str, object]:
    return {
        "ce_id": event.id,
        "row": row,
        "version": event.version,
        "type": event.resource_type,
        "id": event.resource_id,
        "verb": event.verb,
        "time": event.time,
        "key": event.key,
        "dataschema": event.dataschema,
        "department": event.department,
        "backfill": event.backfill,
        "changed": ",".join(event.changed),
        "previous_status": event.previous_status,
        "traceparent": event.traceparent,
    }


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
        for attempt in range(_ATTEMPTS):
            try:
                with writing(self.engine) as connection:
                    return work(SqlSession(connection, self._waker))
            except DBAPIError as error:
                if not _may_succeed(error) or (attempt == _ATTEMPTS - 1 and isinstance(error, IntegrityError)):
                    raise  # what breaks a constraint every time is no race
                time.sleep(random.uniform(0, 0.005 * 2**attempt))  # jitter, not a secret
        raise Busy("Others kept writing to the same resources; try again.")

    def snapshot(self, work: Callable[[Session], T]) -> T:
        with reading(self.engine) as connection:
            return work(SqlSession(connection, self._waker))

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
