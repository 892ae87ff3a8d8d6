"""The gateway's journal of transactions that span services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Decision = Literal["commit", "drop", "undecided"]


@dataclass(frozen=True, slots=True)
class Left:
    """A transaction across services that is not done everywhere. `begun` is in microseconds; `holder` began it."""

    transaction: str
    owners: Sequence[str]
    holder: str
    begun: int
    decided: bool


class Journal(Protocol):
    """What was decided on transactions across services, durably; every method raises Busy when the database is away."""

    def begin(self, transaction: str, owners: Sequence[str], holder: str, begun: int) -> None: ...

    def decide(self, transaction: str) -> bool:
        """Decide to commit; False when it was dropped."""
        ...

    def drop(self, transaction: str) -> bool:
        """Decide not to; False when it is decided that it is committed."""
        ...

    def decision(self, transaction: str) -> Decision:
        """What was decided; a transaction that is not known was dropped, or is done everywhere."""
        ...

    def forget(self, transaction: str) -> None:
        """It is done everywhere."""
        ...

    def note_done(self, transaction: str) -> None:
        """It is done everywhere, and still remembered: as one that is left to no owner."""
        ...

    def left(self, prefix: str = "") -> list[Left]:
        """All that is not forgotten, oldest first; of those whose ids begin so."""
        ...
