"""What is remembered of rules, while several threads look at it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from carethread.careteams.risk import effect


class _Nothing:
    """A view of the store in which one rule is in effect that is not there."""

    def __init__(self, place: str) -> None:
        self._place = place

    def places(self, kind: str, holder: str) -> list[str]:
        return [self._place]

    def current(self, keys: object) -> dict[object, object]:
        return {}


def test_a_look_is_not_disturbed_by_what_another_thread_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        """While somebody looks at this, another thread reads rules."""

        @property
        def types(self) -> tuple[str, ...]:
            for number in range(effect._REMEMBERED + 2):
                effect.in_effect(_Nothing(f"{number}|x"))  # type: ignore[arg-type]  # a view of just what is asked for
            return ()

    monkeypatch.setattr(effect, "_read", {("a",): Slow(), ("b",): SimpleNamespace(types=("Goal",))})
    assert effect.was_read("Goal")
    assert len(effect._read) <= effect._REMEMBERED
