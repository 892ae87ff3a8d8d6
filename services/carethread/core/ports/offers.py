"""The offers of freed slots to those who wait: an audit of who was asked when, and why in this order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Outcome = Literal["open", "accepted", "refused", "silent", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Offer:
    """One offer. Moments are microseconds; `settled` is 0 while it is open. `ranking` is JSON: who else was there, with
    the reasons for everyone's place."""

    entry: str
    patient: str
    slot: str
    offered: int
    deadline: int
    ranking: bytes
    outcome: Outcome = "open"
    settled: int = 0


class Offers(Protocol):
    """The offers of a service, in the transaction of a session."""

    def put(self, offer: Offer) -> None: ...

    def settle(self, entry: str, outcome: Outcome, now: int) -> bool:
        """Note what became of the entry's open offer; False when it has none."""
        ...

    def of_slot(self, slot: str, begin: int) -> list[Offer]:
        """The offers of a slot since a moment, in order."""
        ...

    def between(self, begin: int, end: int, after: int, count: int) -> Sequence[tuple[int, Offer]]:
        """At most `count` of the offers made in [begin, end), with their numbers, in order, behind number `after`."""
        ...
