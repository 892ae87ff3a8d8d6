"""One thing after another, first come first served, and who has to wait longer keeps nobody from their turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from carethread.core.errors import Busy
from carethread.metrics.answering import turns
from carethread.metrics.answering.turns import Turns


def no_beat() -> None:
    """Tells nobody anything."""


def over(held: Turns) -> None:
    while held._working:
        time.sleep(0.001)


def test_each_has_its_turn_in_order_and_nothing_runs_beside_another() -> None:
    held, go, done, running = Turns(), threading.Event(), [], []

    def piece(name: str) -> Callable[[], float | None]:
        def work() -> None:
            assert go.wait(5)
            running.append(name)
            assert len(running) == 1
            done.append(name)
            running.remove(name)

        return work

    names = [str(number) for number in range(9)]
    for name in names:
        held.take(name, piece(name), no_beat)
    held.take("0", piece("twice"), no_beat)
    held.leave("4")
    go.set()
    over(held)
    assert done == [name for name in names if name != "4"]
    held.take("after", piece("after"), no_beat)
    over(held)
    assert done[-1] == "after", "there is nothing to do in between, and no thread"


def test_what_is_not_possible_now_lets_others_pass() -> None:
    held, done, tries = Turns(), [], []

    def later() -> float | None:
        tries.append(1)
        if len(tries) < 3:
            return 0.02
        done.append("later")
        return None

    held.take("later", later, no_beat)
    held.take("next", lambda: done.append("next"), no_beat)
    over(held)
    assert done == ["next", "later"]


def test_there_is_room_for_some() -> None:
    held, go = Turns(room=2), threading.Event()
    for name in "ab":
        held.refuse_more()
        held.take(name, lambda: None if go.wait(5) else 0, no_beat)
    with pytest.raises(Busy) as refused:
        held.refuse_more()
    assert refused.value.retry_after > 0
    held.leave("b")
    held.refuse_more()
    go.set()
    over(held)


def test_it_goes_on_telling_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "BEAT_SECONDS", 0.005)
    held, go, beats = Turns(), threading.Event(), []

    def beat() -> None:
        beats.append(1)
        if len(beats) == 1:
            raise Busy("The database is away.")
        go.set()

    held.take("a", lambda: None if go.wait(5) else 0, beat)
    over(held)
    assert len(beats) >= 2


def test_one_that_fails_ends_alone(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "BEAT_SECONDS", 0.005)
    held, go, beats, done = Turns(), threading.Event(), [], []

    def fails() -> None:
        raise RuntimeError("not told")

    def beat() -> None:
        beats.append(1)
        if len(beats) > 2:
            go.set()
        raise RuntimeError("not told")

    held.take("a", fails, no_beat)
    held.take("b", lambda: None if go.wait(5) else 0, beat)
    held.take("c", lambda: done.append("c"), no_beat)
    over(held)
    assert done == ["c"] and len(beats) > 2
    assert "evaluation_failed" in caplog.text and "not told" not in caplog.text
