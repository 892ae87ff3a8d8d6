"""The loop that publishes: it waits for its turn, goes on after what was away, and ends when it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Signal

import pytest

from carethread.core.errors import Busy
from carethread.metrics.facts import running

Failed = dict[str, Exception]


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

    def __init__(self, publish: Callable[[int], object], tidy: Callable[[int], Failed | None]) -> None:
        self.published = self.tidied = self.swept = 0
        self._publish, self._tidy = publish, tidy

    def publish(self) -> None:
        self.published += 1
        self._publish(self.published)

    def tidy(self) -> Failed:
        self.tidied += 1
        return self._tidy(self.tidied) or {}

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


@pytest.mark.parametrize("fails", ["publishing", "judging"])
def test_what_nobody_foresaw_is_logged_without_its_words_and_counted_and_the_loop_goes_on(
    fails: str, caplog: pytest.LogCaptureFixture
):
    stop, seen, judged = Signal(), [], []

    def publish(times: int) -> None:
        if times >= 3:
            stop.set()
        if fails == "publishing":
            raise ValueError("Mr Example")

    def judge() -> None:
        judged.append(steps.published)
        if fails == "judging":
            raise ValueError("Mr Example")

    steps = Steps(publish, lambda times: None)
    running.run(steps, steps, Held(0), stop, judge, lambda name, count: seen.append((name, count)))  # type: ignore[arg-type]
    assert judged == [1, 2, 3], "what cannot be published keeps nothing else from being judged"
    assert seen == [("carethread_facts_failures_total", 1)] * 3
    (*_, line) = [each for each in caplog.records if each.message == "publishing_failed"]
    assert line.error == "ValueError" and "Example" not in str(vars(line))  # type: ignore[attr-defined]


def test_a_table_that_cannot_be_tidied_is_told_and_counted_and_files_are_swept(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    """Each time, whatever goes wrong with it for good."""
    monkeypatch.setattr(running, "_SWEEP_SECONDS", 0.001)
    stop, seen = Signal(), []

    def tidy(times: int) -> Failed:
        if times >= 3:
            stop.set()
        if times == 1:
            raise ValueError("Mr Example")
        return {"answers": OSError("Mr Example"), "visits": ValueError("Mr Example")}

    steps = Steps(lambda times: None, tidy)
    running.run(steps, steps, Held(0), stop, observe=lambda name, count: seen.append((name, count)))  # type: ignore[arg-type]
    assert steps.swept >= 2
    told = [(each.table, each.error) for each in caplog.records if each.message == "tidying_failed"]  # type: ignore[attr-defined]
    assert told[:5] == [("", "ValueError"), *[("answers", "OSError"), ("visits", "ValueError")] * 2]
    assert seen == [("carethread_facts_failures_total", 1)] * len(told)
    assert not any("Example" in str(vars(each)) for each in caplog.records)


def test_what_fails_again_and_again_is_tried_more_seldom(monkeypatch: pytest.MonkeyPatch):
    pauses: list[float] = []

    class Stop(Signal):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0)
            if len(pauses) == 6:
                self.set()
            return self.is_set()

    def publish(times: int) -> None:
        if times != 4:
            raise ValueError("unforeseen")

    monkeypatch.setattr(running, "EVERY_SECONDS", 1.0)
    monkeypatch.setattr(running, "_LONGEST_SECONDS", 5.0)
    steps = Steps(publish, lambda times: None)
    running.run(steps, steps, Held(0), Stop())  # type: ignore[arg-type]
    assert pauses == [2, 4, 5, 1, 2, 4]
