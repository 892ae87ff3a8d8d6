"""Calls that hang cost who asks no more than the time that he gives them."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest

from carethread.core.hanging import Hanging


def test_answers_and_errors_are_passed_on() -> None:
    def fail() -> int:
        raise KeyError("none")

    hanging = Hanging()
    assert hanging.call("a", lambda: 7, 5) == 7
    with pytest.raises(KeyError):
        hanging.call("a", fail, 5)
    assert hanging.call("a", lambda: 8, 5) == 8


def test_what_hangs_is_bounded_and_asked_once() -> None:
    over, asked = threading.Event(), []

    def hang(name: str) -> str:
        asked.append(name)
        assert over.wait(10)
        return name

    hanging = Hanging(most=2)
    began = time.monotonic()
    for name in ("a", "b", "a", "c"):
        with pytest.raises(TimeoutError):
            hanging.call(name, partial(hang, name), 0.05)
    assert asked == ["a", "b"] and time.monotonic() - began < 5
    threading.Timer(0.05, over.set).start()
    assert hanging.call("a", lambda: "another", 5) == "a", "the same answer as for who asked before"
    while threading.active_count() > 1 and any(each.name == "may-hang" for each in threading.enumerate()):
        time.sleep(0.01)
    assert hanging.call("c", lambda: "c", 5) == "c"
