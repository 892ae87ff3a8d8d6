"""A store seen from inside one of its transactions, so that reads answer with what the transaction has written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from carethread.core.errors import NotSupported
from carethread.core.ports import Chunk, Session, Store
from carethread.core.service import Runtime

T = TypeVar("T")


def inside(runtime: Runtime, session: Session) -> Runtime:
    """The service as it is within the transaction."""
    return replace(runtime, store=_Within(runtime.store, session))


class _Within:
    """A `Store` whose every look and write is part of one session; the rest is the store's own."""

    def __init__(self, store: Store, session: Session) -> None:
        self._session = session
        self.dump: Callable[..., Iterator[Chunk]] = store.dump
        self.doubts, self.positions = store.doubts, store.positions
        self.mirrored = store.mirrored
        self.wait, self.news, self.written = store.wait, store.news, store.written
        self.close = store.close

    def oldest_write(self) -> int:
        raise NotSupported(
            "Within a transaction the history of a type or of the service is not settled; ask outside.", kind="method"
        )

    def transact(self, work: Callable[[Session], T]) -> T:
        with self._session.savepoint():
            return work(self._session)

    def snapshot(self, work: Callable[[Session], T]) -> T:
        return work(self._session)

    def glance(self, work: Callable[[Session], T]) -> T:
        return work(self._session)
