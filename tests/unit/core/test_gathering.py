"""Gathering: everyone is answered, in the order of coming, and nobody waits for one who is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from carethread.core.errors import Busy
from carethread.core.gathering import Gathering


class Kitchen:
    """Performs by keeping each company at work until it is let go, and notes who was done with whom."""

    def __init__(self, fail: Callable[[Sequence[int]], None] = lambda items: None) -> None:
        self.companies: list[list[int]] = []
        self.begun = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self._fail = fail

    def perform(self, items: Sequence[int]) -> list[int]:
        self.companies.append(list(items))
        self.begun.release()
        assert self.gate.acquire(timeout=10)
        self._fail(items)
        return [item * 10 for item in items]


def waiting(gathering: Gathering) -> int:
    return len(gathering._waiting)


def until(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def queued(pool: ThreadPoolExecutor, gathering: Gathering, kitchen: Kitchen, items: Sequence[int]) -> list[Future[int]]:
    """One at work, and the others in the queue in this order."""
    done = [pool.submit(gathering.do, items[0], kitchen.perform)]
    assert kitchen.begun.acquire(timeout=10)
    for number, item in enumerate(items[1:], 1):
        done.append(pool.submit(gathering.do, item, kitchen.perform))
        until(lambda number=number: waiting(gathering) == number)  # type: ignore[misc]  # a default is no argument
    return done


def test_who_comes_alone_is_done_at_once_in_his_own_thread() -> None:
    seen: list[int] = []

    def perform(items: Sequence[str]) -> list[str]:
        seen.append(threading.get_ident())
        return [item.upper() for item in items]

    gathering = Gathering()
    assert [gathering.do("a", perform), gathering.do("b", perform)] == ["A", "B"]
    assert seen == [threading.get_ident()] * 2


def test_who_comes_meanwhile_is_done_together_in_order_and_never_too_many() -> None:
    kitchen, gathering = Kitchen(), Gathering(most=3)
    with ThreadPoolExecutor(8) as pool:
        done = queued(pool, gathering, kitchen, range(8))
        for _ in range(4):
            kitchen.gate.release()
        assert [each.result(10) for each in done] == [n * 10 for n in range(8)]
    assert kitchen.companies == [[0], [1, 2, 3], [4, 5, 6], [7]]


def test_none_is_an_answer() -> None:
    gate = threading.Event()
    begun = threading.Event()

    def perform(items: Sequence[int]) -> list[None]:
        begun.set()
        assert gate.wait(10)
        return [None] * len(items)

    gathering = Gathering()
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(gathering.do, 0, perform)
        assert begun.wait(10)
        others = [pool.submit(gathering.do, n, perform) for n in (1, 2)]
        until(lambda: waiting(gathering) == 2)
        gate.set()
        assert [each.result(10) for each in (first, *others)] == [None] * 3


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_what_breaks_off_is_raised_where_it_ran_and_the_others_are_told(error: type[BaseException]) -> None:
    def fail(items: Sequence[int]) -> None:
        if 1 in items:
            raise error

    kitchen, gathering = Kitchen(fail), Gathering(most=3)
    with ThreadPoolExecutor(6) as pool:
        done = queued(pool, gathering, kitchen, range(6))
        for _ in range(3):
            kitchen.gate.release()
        assert done[0].result(10) == 0
        assert isinstance(done[1].exception(10), error)
        for other in done[2:4]:
            told = other.exception(10)
            assert isinstance(told, Busy)
            assert not told.retry_after, "it may have been kept, so it is not just repeated"
        assert [each.result(10) for each in done[4:]] == [40, 50], "those behind them are none the worse"
    assert kitchen.companies == [[0], [1, 2, 3], [4, 5]]


def test_who_is_not_begun_in_time_is_told_so_and_not_done() -> None:
    kitchen, gathering = Kitchen(), Gathering(seconds=0.05)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(gathering.do, 0, kitchen.perform)
        assert kitchen.begun.acquire(timeout=10)
        with pytest.raises(Busy, match="too long"):
            gathering.do(1, kitchen.perform)
        kitchen.gate.release()
        assert first.result(10) == 0
    assert kitchen.companies == [[0]]
    kitchen.gate.release()
    assert gathering.do(2, kitchen.perform) == 20, "the next finds nobody at work"


def test_who_was_begun_in_time_is_waited_for() -> None:
    kitchen, gathering = Kitchen(), Gathering(seconds=0.2)
    with ThreadPoolExecutor(3) as pool:
        done = queued(pool, gathering, kitchen, range(3))
        kitchen.gate.release()
        assert kitchen.begun.acquire(timeout=10)
        time.sleep(0.4)
        kitchen.gate.release()
        assert [each.result(10) for each in done] == [0, 10, 20]


class _Interrupted:
    """A lock whose waiting is interrupted, as the main thread's is by a signal."""

    def __init__(self, before: Callable[[], None]) -> None:
        self._before = before

    def acquire(self, timeout: float = -1) -> bool:
        self._before()
        raise KeyboardInterrupt

    def release(self) -> None:
        pass


@pytest.mark.parametrize("leads", [False, True])
def test_nobody_waits_for_one_who_was_interrupted(leads: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    kitchen, gathering = Kitchen(), Gathering()
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(gathering.do, 0, kitchen.perform)
        assert kitchen.begun.acquire(timeout=10)

        def before() -> None:
            if leads:  # the lead comes just before the interrupt
                kitchen.gate.release()
                until(lambda: not waiting(gathering))

        wait = gathering._wait

        def interrupted(place: object) -> None:
            place.turn = _Interrupted(before)  # type: ignore[attr-defined]
            wait(place)  # type: ignore[arg-type]

        monkeypatch.setattr(gathering, "_wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            gathering.do(1, kitchen.perform)
        monkeypatch.undo()
        if not leads:
            kitchen.gate.release()
        assert first.result(10) == 0
        last = pool.submit(gathering.do, 2, kitchen.perform)
        kitchen.gate.release()
        assert last.result(10) == 20
    assert kitchen.companies == [[0], [2]]


def test_many_threads_each_get_their_own_answer() -> None:
    gathering = Gathering(most=5)
    at_work: list[int] = []

    def perform(items: Sequence[int]) -> list[int]:
        at_work.append(1)
        assert len(at_work) == 1, "one at a time"
        assert len(items) <= 5
        time.sleep(0.0001)
        at_work.pop()
        return [item + 1 for item in items]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda n: gathering.do(n, perform), range(2000))) == list(range(1, 2001))
