"""What an engine has said of SQL, so that it is not asked again, and need not be asked where nobody may wait for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """What was said last of so many; of threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._said: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()

    def get(self, asked: K) -> V | None:
        """None: not known, or not any more."""
        with self._lock:
            if asked in self._said:
                self._said.move_to_end(asked)
            return self._said.get(asked)

    def put(self, asked: K, said: V) -> None:
        with self._lock:
            self._said[asked] = said
            self._said.move_to_end(asked)
            while len(self._said) > self._most:
                self._said.popitem(last=False)
