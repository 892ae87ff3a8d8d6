"""The way of events: out of the outbox, over the bus, in to a consumer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from carethread.core.events import Event

Place = tuple[str, int]
"""A stretch of the bus that is in order: (topic, partition)."""


class Outbox(Protocol):
    """A service's committed events on their way out; one leader at a time, by lease with an epoch."""

    def lead(self, holder: str, seconds: float) -> int | None:
        """Take the lease when it is free or over; returns the new epoch, None while another holds it."""
        ...

    def take(self, epoch: int, sent_through: int, limit: int, seconds: float) -> list[Event] | None:
        """Renew the lease, mark what was sent, number what is new and return the next events in order.

        None when the epoch is over: another leads.
        """
        ...

    def resign(self, epoch: int) -> None:
        """Give the lease back at once."""
        ...


class Publisher(Protocol):
    """Where a relay sends. `fence` keeps every earlier epoch of the same service from sending again."""

    def fence(self, service: str, epoch: int) -> None: ...

    def send(self, events: Sequence[Event]) -> None:
        """All of them durably and in order per key, or an exception. Raises Fenced for an old epoch, Busy when away."""
        ...

    def close(self) -> None: ...


class Fenced(Exception):
    """A newer leader sends for this service; stop."""


@dataclass(frozen=True, slots=True)
class Record:
    """One event at its place in a topic, with the bytes as they came."""

    topic: str
    partition: int
    position: int
    key: str
    headers: Sequence[tuple[str, bytes]]
    value: bytes
    time: int = 0

    @property
    def place(self) -> Place:
        return self.topic, self.partition


@dataclass(frozen=True, slots=True)
class Kept:
    """What a place still has from a moment on: positions from `start` to before `end`.

    `since` is the time, in microseconds, of the first record that is there, where earlier ones are gone; else 0.
    """

    start: int
    end: int
    since: int = 0


class Keeping(Protocol):
    """What tells how much of the bus is still there."""

    def kept(self, since: int) -> dict[Place, Kept]:
        """What each place of the topics still has from a moment (microseconds) on. Raises Busy when away."""
        ...


class Subscription(Keeping, Protocol):
    """A consumer's place on the bus."""

    def poll(self, seconds: float) -> dict[Place, list[Record]]:
        """Records by place, from the consumer's stored positions on; empty after `seconds`. Raises Busy when away."""
        ...

    def rewind(self, place: Place, pause: float = 0.0) -> None:
        """Go back to the stored position of one place after `pause` seconds: its last batch was not kept."""
        ...

    def close(self) -> None: ...
