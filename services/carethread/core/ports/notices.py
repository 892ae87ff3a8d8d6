"""Who is to read which notice, and who has: one row for each notice and reader, however many there are.

A reader (`Practitioner/1`) who has no part in it any more has left, and nobody waits for them. Moments are microseconds
since the epoch; 0: not so far.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody is to read a notice (the id of its Communication), because of `cause`: the department, team or person
    that it was sent to. `since` is when it came to them, `due` until when they are to say that they have read it."""

    notice: str
    reader: str
    cause: str
    since: int
    due: int
    acknowledged: int = 0
    departed: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """How many readers a notice has, how many have acknowledged it, and how many have left without; `soonest` is when
    the first of those who are left is to have read it, FOREVER where nobody is."""

    readers: int
    acknowledged: int
    departed: int
    soonest: int

    @property
    def outstanding(self) -> int:
        return self.readers - self.acknowledged - self.departed


class Notices(Protocol):
    """The readers of notices, in the transaction of a session."""

    def enter(self, recipients: Sequence[Recipient]) -> None:
        """Enter readers; who is entered already stays as they are, but who has left is back, from `since` on."""
        ...

    def entered(self, notice: str, names: Collection[str]) -> Recipient | None:
        """The reader of a notice who has one of the names."""
        ...

    def acknowledge(self, notice: str, reader: str, now: int) -> None:
        """Note that somebody has read it, unless that is noted."""
        ...

    def depart(self, notice: str, readers: Collection[str] | None, now: int) -> None:
        """Wait no longer for some, None: for anybody, who have not acknowledged."""
        ...

    def tally(self, notice: str) -> Tally: ...

    def of_notice(self, notice: str, after: str, count: int, *, outstanding: bool = False) -> list[Recipient]:
        """At most `count` of a notice's readers in order, behind reader `after`; all, or those who are waited for."""
        ...

    def unread(self, readers: Collection[str], count: int) -> list[Recipient]:
        """At most `count` of what some readers have still to read, what is due first first."""
        ...
