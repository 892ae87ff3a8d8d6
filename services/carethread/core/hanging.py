"""Calls that may hang, such as a resolver's: in threads of their own, and waited for no longer than is said.

Nothing can end such a call, so they are bounded: who asks for what is being asked already waits for the same answer,
and while too many hang, further ones fail at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Any, TypeVar

T = TypeVar("T")

MOST = 64


class Hanging:
    """May be used by several threads. `most` is how many calls may be under way; their threads end with the process."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._under_way: dict[Hashable, Future[Any]] = {}

    def call(self, name: Hashable, work: Callable[[], T], seconds: float) -> T:
        """What `work` returns; `name` says which works are the same. Raises what it raises, and TimeoutError when it
        takes longer than `seconds`, or as many as may be are under way."""
        with self._lock:
            asked = self._under_way.get(name)
            if asked is None:
                if len(self._under_way) >= self._most:
                    raise TimeoutError
                asked = self._under_way[name] = Future()
                Thread(target=self._run, args=(name, work, asked), name="may-hang", daemon=True).start()
        answer: T = asked.result(seconds)
        return answer

    def _run(self, name: Hashable, work: Callable[[], Any], asked: Future[Any]) -> None:
        try:
            answer = work()
        except Exception as error:  # noqa: BLE001  # whoever waits for it raises it
            self._forget(name)
            asked.set_exception(error)
        else:
            self._forget(name)
            asked.set_result(answer)

    def _forget(self, name: Hashable) -> None:
        with self._lock:
            del self._under_way[name]
