"""Small transactions done together: while one is being committed, those that come meanwhile gather for the next.

A commit costs a database about as much for one settled notification as for twenty, and SQLite has one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from carethread.core.gathering import Gathering
from carethread.core.ports import Session, Store

T = TypeVar("T")

_Work = tuple[str, Callable[[Session], Any]]
_Done = tuple[Any, Exception | None]

_MOST = 1000
"""More than the threads there are: all that have gathered are done at once."""

_SECONDS = 3600.0
"""None of them waits for long: each commit ends as the database's own patience does."""


class Together:
    """Transactions on one store, from several threads. What is done together fails together, so works do not raise."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._gathering = Gathering(most=_MOST, seconds=_SECONDS)

    def transact(self, order: str, do: Callable[[Session], T]) -> T:
        """What `do` returns, once it is committed. `order` is whose rows are locked: all lock in one order. Raises
        Busy."""
        result, error = self._gathering.do((order, do), self._perform)
        if error is not None:
            raise error
        answer: T = result
        return answer

    def _perform(self, works: Sequence[_Work]) -> list[_Done]:
        """Do all that has gathered, in one transaction."""
        places = sorted(range(len(works)), key=lambda place: works[place][0])
        try:
            results = self._store.transact(lambda session: [works[place][1](session) for place in places])
        except Exception as error:  # noqa: BLE001  # each of them raises it, in its own thread
            return [(None, error)] * len(works)
        by_place = dict(zip(places, results, strict=True))
        return [(by_place[place], None) for place in range(len(works))]
