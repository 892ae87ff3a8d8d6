"""Parts in doubt: each is settled as the journal says, and one that is stuck holds up no other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from carethread.core.context import Context
from carethread.core.errors import Busy
from carethread.core.ports import Decision
from carethread.interactions.transaction import part


def test_a_part_that_is_stuck_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, str]] = []

    def commit(runtime: Any, transaction: str, context: Context, read: Any) -> None:
        if transaction == "stuck":
            raise RuntimeError("what nobody foresaw")
        done.append(("commit", transaction))

    monkeypatch.setattr(part, "commit", commit)
    monkeypatch.setattr(part, "drop", lambda runtime, transaction: done.append(("drop", transaction)))
    decided: dict[str, Decision] = {"stuck": "commit", "b": "commit", "c": "drop", "d": "undecided"}
    runtime: Any = SimpleNamespace(store=SimpleNamespace(doubts=lambda before: list(decided)))
    read: Any = None
    assert part.settle_doubts(runtime, decided.__getitem__, Context(), read) == 2
    assert done == [("commit", "b"), ("drop", "c")]


def test_without_the_journal_nothing_is_settled() -> None:
    def away(transaction: str) -> Decision:
        raise Busy("The journal is away.")

    runtime: Any = SimpleNamespace(store=SimpleNamespace(doubts=lambda before: ["a"]))
    read: Any = None
    with pytest.raises(Busy):
        part.settle_doubts(runtime, away, Context(), read)
