"""Who waits, and the offers of freed slots to them: an audit of who was asked when, and why in this order.

Who waits is kept beside the Appointments that say it, in the transactions that store them, so narrow that a choice
among thousands is cheap. Moments are microseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Outcome = Literal["open", "accepted", "refused", "silent", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Offer:
    """One offer. `settled` is 0 while it is open. `ranking` is JSON: who else was there, with the reasons for
    everyone's place."""

    entry: str
    patient: str
    slot: str
    offered: int
    deadline: int
    ranking: bytes
    outcome: Outcome = "open"
    settled: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Someone who waits: an Appointment (its id), since when, and as much as narrows a choice.

    `kinds` are texts of which one has to be the slot's, none: any slot would do; so with `actor`, empty: any. The slot
    has to lie within [begin, end]. `wish` is the rest, a text that only whoever entered it reads.
    """

    entry: str
    patient: str
    since: int
    priority: int
    kinds: Collection[str] = ()
    actor: str = ""
    begin: int = 0
    end: int = 2**62
    wish: str = ""


@dataclass(frozen=True, slots=True)
class Waited:
    """Someone who waits or has waited: since when, and until when; FOREVER: still."""

    entry: str
    patient: str
    priority: int
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """Someone who waits, as they were entered."""

    entry: str
    patient: str
    since: int
    priority: int
    wish: str


class Offers(Protocol):
    """Those who wait, and the offers, of a service, in the transaction of a session."""

    def wait(self, waiting: Sequence[Waiting]) -> None:
        """Enter those who wait, or enter them anew."""
        ...

    def leave(self, entries: Iterable[str], now: int) -> None:
        """Those wait no more from now on."""
        ...

    def since(self, entries: Iterable[str]) -> dict[str, int]:
        """Since when each waits, of those who are entered."""
        ...

    def entered(self, entries: Iterable[str]) -> list[Candidate]:
        """Those of the entries that wait."""
        ...

    def waited(self, begin: int, end: int, after: str, count: int) -> list[Waited]:
        """At most `count` of those who have waited at some time in [begin, end), in order of entry, behind `after`."""
        ...

    def candidates(
        self, kinds: Collection[str], actors: Collection[str] | None, begin: int, end: int, count: int
    ) -> list[Candidate]:
        """For whom a slot from `begin` to `end`, of these kinds (none: of any) and actors (None: of any), may be: of
        each priority the `count` who have waited longest. Who has an open offer is not among them, for whatever entry.

        Some may not want it after all, for a kind or an actor is compared by a number that follows from it.
        """
        ...

    def put(self, made: Sequence[Offer]) -> None: ...

    def settle(self, entry: str, outcome: Outcome, now: int) -> bool:
        """Note what became of the entry's open offer; False when it has none."""
        ...

    def is_asked(self, patient: str) -> bool:
        """Whether the patient has an open offer."""
        ...

    def of_slots(self, slots: Collection[str]) -> list[Offer]:
        """All offers of the slots, in order."""
        ...

    def of_entry(self, entry: str) -> list[Offer]:
        """All offers to an entry, in order."""
        ...

    def between(self, begin: int, end: int, after: int, count: int) -> Sequence[tuple[int, Offer]]:
        """At most `count` of the offers made in [begin, end), with their numbers, in order, behind number `after`."""
        ...
