"""Small transactions done together: while one is being committed, those that come meanwhile gather for the next.

A commit costs a database about as much for one settled notification as for twenty, and SQLite has one at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event as Signal
from threading import Lock
from typing import Any, TypeVar

from carethread.core.ports import Session, Store

T = TypeVar("T")


@dataclass(slots=True)
class _Work:
    order: str
    do: Callable[[Session], Any]
    result: Any = None
    error: BaseException | None = None
    done: Signal = field(default_factory=Signal)


class Together:
    """Transactions on one store, from several threads. What is done together fails together, so works do not raise."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Work] = []
        self._gathering = Lock()
        self._leading = Lock()

    def transact(self, order: str, do: Callable[[Session], T]) -> T:
        """What `do` returns, once it is committed. `order` is whose rows are locked: all lock in one order. Raises
        Busy."""
        mine = _Work(order, do)
        with self._gathering:
            self._waiting.append(mine)
        with self._leading:
            if not mine.done.is_set():
                self._lead()
        if mine.error is not None:
            raise mine.error
        result: T = mine.result
        return result

    def _lead(self) -> None:
        """Do all that has gathered, in one transaction."""
        with self._gathering:
            works, self._waiting = sorted(self._waiting, key=lambda work: work.order), []
        try:
            results = self._store.transact(lambda session: [work.do(session) for work in works])
        except BaseException as error:
            for work in works:
                work.error = error
            raise
        else:
            for work, result in zip(works, results, strict=True):
                work.result = result
        finally:
            for work in works:
                work.done.set()
