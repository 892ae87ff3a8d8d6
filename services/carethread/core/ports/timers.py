"""What is to happen at a moment: a timer for each kind and key, whose handler runs in the transaction that takes it.

A timer only announces: whether something is over is decided where it matters, by comparing with the clock. Moments are
microseconds of the business clock (`Context.clock`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Timer:
    """Something that is due: of which kind, about what (`Appointment/1`), when, and what its handler needs to know.

    `attempts` were in vain; `failure` says why the last was, empty where something was only away.
    """

    kind: str
    key: str
    due: int
    payload: bytes = b""
    attempts: int = 0
    failure: str = ""


class Timers(Protocol):
    """The timers of a service, in the transaction of a session."""

    def set(self, kind: str, key: str, due: int, payload: bytes = b"") -> None:
        """Have the handler of `kind` called at `due`, with this transaction's commit. There is one timer for each kind
        and key: set again it is as new. A key has at most 400 bytes.

        A rule sets none: of a transaction across services it may only be tried. The hook `stored` does, and an
        operation. Who sets one that alerts people sees to it that imported history (`Context.backfill`) does not.
        """
        ...

    def set_all(self, kind: str, due: Mapping[str, int], *, sooner: bool = False) -> None:
        """Set several of a kind, each (its key) to its own moment, without a payload; `sooner`: but for those that
        stand and are due by then."""
        ...

    def cancel(self, kind: str, key: str) -> None:
        """Have nothing happen; nor is it wrong when there is no such timer."""
        ...

    def take(self, now: int, count: int, kind: str = "", *, but: Collection[str] = ()) -> list[Timer]:
        """At most `count` timers that are due, of one kind or of any `but` some, the longest due first; they are gone
        with this transaction, and until its end nobody else gets them."""
        ...

    def put_off(self, timer: Timer, until: int, failure: str) -> bool:
        """Have a timer tried again not before `until`; False when it was set anew, cancelled or done meanwhile."""
        ...

    def earliest(self) -> int | None:
        """The moment from which there is something to take; None when no timer is set."""
        ...

    def ahead(self, kind: str, count: int) -> list[Timer]:
        """At most `count` timers of a kind, whenever they are due; they stay."""
        ...

    def failing(self, count: int) -> list[Timer]:
        """At most `count` of the timers whose last attempt failed, the longest due first."""
        ...
