"""The loop that publishes: it waits for its turn, goes on after what was away, and ends when it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Signal

import pytest

from carethread.core.errors import Busy
from carethread.metrics.facts import running


class Held:
    """A shelf that another process holds for its first times."""

    def __init__(self, busy: int) -> None:
        self.busy = busy
        self.holds = 0

    @contextmanager
    def hold(self) -> Iterator[None]:
        if self.busy:
            self.busy -= 1
            raise Busy("Another process writes.")
        self.holds += 1
        yield


class Steps:
    """A publisher and a tidier whose steps are given."""

    def __init__(self, publish: Callable[[int], object], tidy: Callable[[int], object]) -> None:
        self.published = self.tidied = self.swept = 0
        self._publish, self._tidy = publish, tidy

    def publish(self) -> None:
        self.published += 1
        self._publish(self.published)

    def tidy(self) -> None:
        self.tidied += 1
        self._tidy(self.tidied)

    def sweep(self) -> None:
        self.swept += 1


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EVERY_SECONDS", "_TURN_SECONDS", "_TIDY_SECONDS"):
        monkeypatch.setattr(running, name, 0.001)


def run(steps: Steps, shelf: Held, stop: Signal) -> None:
    thread = threading.Thread(target=running.run, args=(steps, steps, shelf, stop))
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


def test_it_waits_for_its_turn_and_outlives_what_fails():
    stop, tidied = Signal(), Signal()

    def publish(times: int) -> None:
        if times == 1:
            raise Busy("The database is away.")
        if times > 3 and tidied.is_set():
            stop.set()

    def tidy(times: int) -> None:
        if times == 1:
            raise ValueError("unforeseen")
        tidied.set()

    steps, shelf = Steps(publish, tidy), Held(2)
    run(steps, shelf, stop)
    assert shelf.holds == 1
    assert steps.swept == 1, "once a minute"


def test_what_is_to_be_done_after_publishing_is_done_again_after_the_database_was_away():
    stop, times = Signal(), []

    def after() -> None:
        times.append(steps.published)
        if len(times) == 1:
            raise Busy("The database is away.")
        stop.set()

    steps = Steps(lambda times: None, lambda times: None)
    running.run(steps, steps, Held(0), stop, after)  # type: ignore[arg-type]
    assert times == [1, 2]


def test_what_nobody_foresaw_ends_the_loop_which_is_begun_again_by_who_started_it():
    def publish(times: int) -> None:
        raise ValueError("unforeseen")

    with pytest.raises(ValueError, match="unforeseen"):
        running.run(Steps(publish, lambda times: None), Steps(publish, lambda times: None), Held(0), Signal())  # type: ignore[arg-type]
