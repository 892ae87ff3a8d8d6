"""A service's store: each version with its index rows and its event, in one transaction."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from carethread.adapters.sql import horizon
from carethread.adapters.sql.engine import CONFLICT_STATES, Closed, Overran, glancing, reading, writing
from carethread.adapters.sql.events import inbox
from carethread.adapters.sql.store import mirroring
from carethread.adapters.sql.store.session import SqlSession, stored_of
from carethread.adapters.sql.transactions import staging
from carethread.adapters.sql.wake import Waker
from carethread.core.errors import Busy, Held, TooCostly
from carethread.core.ports import Chunk, Progress, Session, Stored

T = TypeVar("T")

_ATTEMPTS = 8

_HELD_SECONDS = 1.0
"""How long a writer waits for a transaction across services to be decided; most take some milliseconds."""


def _may_succeed(error: DBAPIError) -> bool:
    """A row that appeared between look and insert, or a deadlock: what the work decides on has changed."""
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in CONFLICT_STATES


class SqlStore:
    """A service's database; see `core.ports.Store`."""

    def __init__(self, engine: Engine, service: str, shown: Callable[[Stored], Stored] = lambda stored: stored) -> None:
        """`shown` is how a version is read, where that is not as it is kept."""
        self.engine = engine
        self._service = service
        self._shown = shown
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
                    return work(SqlSession(connection, self._waker, self._shown))
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
        return self._look(way, lambda connection: work(SqlSession(connection, self._waker, self._shown)))

    def _look(self, way: Callable[[Engine], AbstractContextManager[Connection]], work: Callable[[Connection], T]) -> T:
        """Look again when a pooled connection turns out to be closed, as all are after the database's restart."""

        def look() -> T:
            with way(self.engine) as connection:
                return work(connection)

        try:
            try:
                return look()
            except Closed:
                return look()
        except Overran as error:
            raise TooCostly("This takes longer than is allowed; narrow the search.") from error

    def dump(self, type_name: str, after: int = 0) -> Iterator[Chunk]:
        def piece(after: int) -> Chunk:
            asked = {"type_name": type_name, "after": after, "count": mirroring.PIECE_COUNT}
            rows = self._look(glancing, lambda connection: connection.execute(mirroring.PIECE, asked).all())
            found = [self._shown(stored_of(row)) for row in rows]
            return Chunk(sequence, found[-1].row if found else after, found)

        service = {"service": self._service}
        sequence: int = self._look(glancing, lambda c: c.execute(mirroring.NUMBERED, service).scalar_one())
        chunk = piece(after)
        yield chunk
        while chunk.versions:
            chunk = piece(chunk.through)
            if chunk.versions:
                yield chunk

    def doubts(self, before: int) -> dict[str, int]:
        with glancing(self.engine) as connection:
            return staging.doubts(connection, before)

    def positions(self, consumer: str) -> dict[tuple[str, int], int]:
        with reading(self.engine) as connection:
            return inbox.positions(connection, consumer)

    def mirrored(self, mirror: str) -> Progress | None:
        with glancing(self.engine) as connection:
            return mirroring.progress(connection, mirror)

    def wait(self, seconds: float) -> None:
        self._waker.wait(seconds)

    def news(self, seconds: float) -> bool:
        return self._waker.wait(seconds)

    def written(self) -> bool:
        return self._waker.written()

    def close(self) -> None:
        self.engine.dispose()
