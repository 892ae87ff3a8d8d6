"""Holding up the first of those who write at the same time, until the others wait to be done together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from carethread.core.ports import Session
from carethread.core.service import Runtime


class Gate:
    """Lets the first transaction begin when so many wait behind it; counts the transactions. `way` is what gathers."""

    def __init__(self, runtime: Runtime, waiting: int, monkeypatch: pytest.MonkeyPatch, way: str = "creates") -> None:
        self.transactions = 0
        self._transact = runtime.store.transact
        self._lock = threading.Lock()
        self._gathering, self._waiting = runtime.gatherings[way], waiting
        monkeypatch.setattr(runtime.store, "transact", self.transact)

    def transact(self, work: Callable[[Session], Any]) -> Any:
        with self._lock:
            self.transactions += 1
            first = self.transactions == 1
        deadline = time.monotonic() + 10
        while first and len(self._gathering._waiting) < self._waiting:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        return self._transact(work)
