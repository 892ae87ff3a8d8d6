"""What the gateway does when its journal's answer is lost: it never begins anew what may have been decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from carethread.core.context import Context
from carethread.core.errors import Busy
from carethread.core.ports import Decision, Left, Request, Response
from carethread.gateway.coordinator import Coordinator, Undecided
from carethread.gateway.transaction import transaction
from carethread.interactions.rest.exchange import refusal
from carethread.interactions.transaction import Entry
from carethread.interactions.transaction.message import part_for


class Journal:
    """Keeps what it is told; `away` says how many more questions about a decision go unanswered, `forgets` that a
    sweep was quicker."""

    def __init__(self, away: int, *, keeps: bool = True, forgets: bool = False) -> None:
        self.away = away
        self.keeps = keeps
        self.forgets = forgets
        self.begun: list[str] = []
        self.decided: set[str] = set()

    def begin(self, transaction: str, owners: Sequence[str], holder: str, begun: int) -> None:
        self.begun.append(transaction)

    def decide(self, transaction: str) -> bool:
        fresh = transaction not in self.decided and not self.forgets
        if fresh and self.keeps:
            self.decided.add(transaction)
        self._answer()
        self.decided.add(transaction)
        return fresh

    def drop(self, transaction: str) -> bool:
        return transaction not in self.decided

    def decision(self, transaction: str) -> Decision:
        self._answer()
        return "drop" if self.forgets else "commit" if transaction in self.decided else "undecided"

    def forget(self, transaction: str) -> None:
        self.decided.discard(transaction)

    def note_done(self, transaction: str) -> None:
        raise AssertionError("nothing here is remembered for its caller")

    def left(self, prefix: str = "") -> list[Left]:
        return []

    def _answer(self) -> None:
        if self.away:
            self.away -= 1
            raise Busy("The journal is away.")


class Owner:
    """Says yes to everything, and counts what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def knows(self, service: str) -> bool:
        return True

    def call(self, service: str, request: Request) -> Response:
        self.told.append(request.method)
        return Response(200, {}, b'{"0":"{\\"response\\":{\\"status\\":\\"201 Created\\"}}"}')


def run(journal: Journal) -> tuple[Owner, dict[int, bytes]]:
    owner = Owner()
    coordinator = Coordinator(journal, owner, "here", sleep=lambda seconds: None)
    return owner, coordinator.run({"records": part_for([], "", Context())}, Context())


@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "lost"])
@pytest.mark.parametrize("away", [1, 2, 5])
def test_a_decision_whose_answer_is_lost_is_asked_for_until_it_is_known(away: int, keeps: bool) -> None:
    owner, answers = run(Journal(away, keeps=keeps))
    assert owner.told == ["PUT", "POST"]
    assert list(answers) == [0]


@pytest.mark.parametrize("journal", [Journal(10**9), Journal(1, forgets=True)], ids=["away", "forgotten"])
def test_what_may_be_decided_is_neither_dropped_nor_begun_anew(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carethread.gateway.coordinator._COMMIT_SECONDS", 0.05)
    owner = Owner()
    coordinator = Coordinator(journal, owner, "here", sleep=lambda seconds: None)
    body: dict[str, Any] = {"resourceType": "Patient"}
    entries = [Entry(0, "POST", "Patient", "", body, {})]
    with pytest.raises(Undecided) as undecided:
        transaction(entries, {"Patient": "records"}, owner.call, coordinator, Context(), "")
    assert "Retry-After" not in refusal(undecided.value).headers
    assert len(journal.begun) == 1
    assert owner.told == ["PUT"], "the owner keeps its part, and asks"
