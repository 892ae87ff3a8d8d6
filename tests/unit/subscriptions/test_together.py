"""Small transactions from several threads: each gets its own answer, and those that meet share a commit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from carethread.core.errors import Busy
from carethread.subscriptions.together import Together


class Slow:
    """A store whose commit waits until it is let go."""

    def __init__(self) -> None:
        self.commits: list[int] = []
        self.go = threading.Event()
        self.began = threading.Event()
        self.away = False

    def transact(self, work: Callable[[Any], Any]) -> Any:
        if self.away:
            raise Busy("The database is away.")
        done = work("session")
        self.began.set()
        self.go.wait(10)
        self.commits.append(len(done))
        return done


def test_those_that_come_meanwhile_share_a_commit() -> None:
    store = Slow()
    together = Together(store)  # type: ignore[arg-type]  # nothing else of a store is used
    results: dict[str, str] = {}
    order: list[str] = []

    def work(session: Any, name: str) -> str:
        order.append(name)
        return f"{session}-{name}"

    def settle(name: str) -> None:
        results[name] = together.transact(name, lambda session: work(session, name))

    first = threading.Thread(target=settle, args=("a",))
    first.start()
    store.began.wait(10)
    others = [threading.Thread(target=settle, args=(name,)) for name in "fedcb"]
    for thread in others:
        thread.start()
    while len(together._gathering._waiting) < 5:
        pass
    store.go.set()
    for thread in [first, *others]:
        thread.join(10)
    assert results == {name: f"session-{name}" for name in "abcdef"}
    assert store.commits == [1, 5]
    assert order == list("abcdef"), "in one order, whoever comes first: no two processes wait for each other's rows"


def test_away_for_all_and_back() -> None:
    store = Slow()
    store.go.set()
    store.away = True
    together = Together(store)  # type: ignore[arg-type]  # nothing else of a store is used
    for _ in range(2):
        with pytest.raises(Busy):
            together.transact("a", lambda session: 1)
    store.away = False
    assert together.transact("a", lambda session: 1) == 1
