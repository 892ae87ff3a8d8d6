"""The ledger of hand-offs: what happened to each, one entry for each step, to be read and added to, never changed.

Kept beside the Tasks that say it, in the transactions that store them. Moments are microseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Step = Literal[
    "offered",
    "escalated",
    "passed-on",
    "accepted",
    "declined",
    "withdrawn",
    "expired",
    "overdue",
    "returned",
    "failed",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of a hand-off (`about`: `Task/1`; `CareTeam/1` where somebody's time was over and no hand-off is open),
    the `turn`-th, from 1 on.

    `by` took the step, empty: time did. `sender` hands over, `receiver` is asked, or has it from now on; `deadline` is
    until when an answer or a result is waited for, 0: for none. `why` is a short text or code that somebody gave.
    """

    about: str
    turn: int
    patient: str
    step: Step
    at: int
    by: str
    sender: str
    receiver: str
    deadline: int = 0
    why: str = ""


class Ledger(Protocol):
    """The ledger of a service, in the transaction of a session."""

    def add(self, entries: Sequence[Entry]) -> None:
        """Add entries. The caller holds what they are about, so that nobody takes the same turn meanwhile."""
        ...

    def turns(self, abouts: Collection[str]) -> dict[str, int]:
        """The number of the newest entry of each that has one."""
        ...

    def of(self, abouts: Collection[str]) -> list[Entry]:
        """All entries of these, in order of what they are about and of their turns."""
        ...

    def of_patients(self, patients: Collection[str], behind: int, count: int) -> list[tuple[int, Entry]]:
        """At most `count` entries about these persons with their numbers, in order, behind number `behind`."""
        ...
