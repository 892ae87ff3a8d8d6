"""A loop's rest: how long, and what ends it."""

from __future__ import annotations

from threading import Event as Signal

from carethread.core.errands import resting
from carethread.core.errands.resting import rest


def test_until_there_are_news() -> None:
    asked: list[float] = []

    def news(seconds: float) -> bool:
        asked.append(seconds)
        return len(asked) == 3

    rest(Signal(), news, 3600)
    assert asked == [1.0, 1.0, 1.0], "in pieces, so that it can end"


def test_until_it_is_to_end() -> None:
    stop = Signal()

    def news(seconds: float) -> bool:
        stop.set()
        return False

    rest(stop, news, 3600)
    rest(stop, lambda seconds: 1 / 0 > 0, 3600)


def test_until_time_is_up(monkeypatch) -> None:
    now = [0.0]
    asked: list[float] = []

    def news(seconds: float) -> bool:
        asked.append(seconds)
        now[0] += seconds
        return False

    monkeypatch.setattr("carethread.core.errands.resting.time.monotonic", lambda: now[0])
    rest(Signal(), news, 2.5)
    assert (asked, now) == ([1.0, 1.0, 0.5], [2.5])
    rest(Signal(), news, 3600)
    assert now == [2.5 + resting.BEAT]
    rest(Signal(), news, 0.0)
    assert now == [2.5 + resting.BEAT]
