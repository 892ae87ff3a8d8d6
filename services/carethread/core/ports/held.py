"""What a consumer has put aside: dead letters, which can never succeed as they are, and what waits behind each.

Every record that was put aside has a number, in the order in which they came; one that waits names the dead letter
that it waits behind. A record is about some keys (a resource is `Type/id`): what comes later and is about one of them,
or needs one, has to wait too. All of it is per consumer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from carethread.core.ports.bus import Record

LetterState = Literal["dead", "retry", "discard", "released"]
"""`dead` waits for a person, who asks for `retry` or `discard`; `released` is done with, and what it held is let go."""


@dataclass(frozen=True, slots=True)
class About:
    """What a record concerns: its id for recognising repetitions (empty: none), the keys that it is about, and those
    that it needs to be right."""

    id: str
    keys: tuple[str, ...]
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that was put aside: under which number, behind which dead letter (0: it is one), when (microseconds)."""

    number: int
    behind: int
    record: Record
    about: About
    since: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that cannot succeed, the OperationOutcome of its last attempt, and how many records wait behind it.

    `since` is when it was put aside and `escalated` when somebody was told that it has been there for too long (0: not
    yet), in microseconds.
    """

    waiting: Waiting
    consumer: str
    outcome: bytes
    state: LetterState
    attempts: int
    escalated: int
    holds: int = 0

    @property
    def number(self) -> int:
        return self.waiting.number


class Held(Protocol):
    """The records that were put aside, in the transaction of a session."""

    def bury(self, consumer: str, record: Record, about: About, outcome: bytes, since: int) -> int:
        """Keep a record as a dead letter; its number. One at a place where there was one gets the newer outcome."""
        ...

    def hold(self, consumer: str, record: Record, about: About, behind: int, since: int) -> None:
        """Let a record wait behind a dead letter; one that waits already, by its place, is left where it is."""
        ...

    def known(self, consumer: str, ids: Collection[str]) -> set[str]:
        """Which of the ids are of records that were put aside."""
        ...

    def blocking(self, consumer: str, keys: Collection[str]) -> Mapping[str, Sequence[tuple[int, int]]]:
        """By key, the number of each record about it that was put aside, and of its dead letter; in order."""
        ...

    def behind(self, letter: int, limit: int) -> list[Waiting]:
        """The first records that wait behind a dead letter, in order."""
        ...

    def move(self, number: int, behind: int) -> None:
        """Let a waiting record wait behind another dead letter."""
        ...

    def worsen(self, consumer: str, number: int, outcome: bytes) -> None:
        """A record failed when it was tried again: it is, or stays, a dead letter."""
        ...

    def release(self, number: int) -> None:
        """A dead letter is done with; it blocks nothing any more by itself."""
        ...

    def displace(self, consumer: str, topic: str, partition: int) -> None:
        """What came from a stretch of the bus that began anew gives up its places, for others come to these."""
        ...

    def drop(self, numbers: Iterable[int]) -> None:
        """Forget records, dead letters or not."""
        ...

    def ask(self, number: int, state: LetterState) -> bool:
        """Ask for a dead letter to be tried again or discarded; False when there is none that waits for a person."""
        ...

    def letters(self, consumer: str = "", number: int = 0, *, asked: bool = False) -> list[DeadLetter]:
        """The dead letters in order: all, of one consumer, of one number; `asked`: only those that are not `dead`.

        Their records have no values but for one of a number: together these may be more than fits into memory.
        """
        ...

    def due(self, consumer: str, before: int) -> bool:
        """Whether a dead letter was asked for, or is there since before a moment and nobody was told."""
        ...

    def escalate(self, consumer: str, before: int, now: int) -> list[DeadLetter]:
        """Mark the dead letters that are there since before a moment and were not yet told of, and return them, without
        values."""
        ...
