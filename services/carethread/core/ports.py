"""What the inside asks of the outside: a store, a bus, and the other services. Adapters implement these.

`Store.transact` and `Store.snapshot` take the work as a function, so that an adapter can run it again when the database
asks for that (serialization failure, a row that appeared meanwhile); work must therefore have no effect outside its
session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from carethread.core.events import Event

if TYPE_CHECKING:
    from carethread.core.fhir.search.query import SearchQuery
    from carethread.core.fhir.search.rows import IndexRows

T = TypeVar("T")
Key = tuple[str, str]
"""A resource's identity: (type, id)."""
Place = tuple[str, int]
"""A stretch of the bus that is in order: (topic, partition)."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a resource as it lies in the store. `updated` is in microseconds; a deletion has an empty body."""

    type: str
    id: str
    version: int
    updated: int
    deleted: bool
    body: bytes
    method: str = "PUT"
    key: str = ""
    department: str = ""
    row: int = 0


@dataclass(frozen=True, slots=True)
class Write:
    """One version to be stored, with its index rows and, unless it is a copy of another service's, its event."""

    stored: Stored
    index: IndexRows | None
    event: Event | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of matches in order; `next` is the opaque cursor of the following page, empty at the end."""

    matches: Sequence[Stored]
    next: str = ""


class Session(Protocol):
    """One transaction over a service's store."""

    def current(self, keys: Iterable[Key], *, lock: bool = False) -> dict[Key, Stored]:
        """The newest version of each, deletions included; `lock` holds them against other writers, in key order."""
        ...

    def version(self, key: Key, version: int) -> Stored | None: ...

    def history(self, key: Key, *, count: int, before: int | None = None) -> tuple[list[Stored], int]:
        """Versions newest first, below version `before`; and how many there are in all."""
        ...

    def search(self, query: SearchQuery, count: int) -> Page:
        """At most `count` matches from the query's cursor on."""
        ...

    def targets(self, matches: Sequence[Stored], param: str, target: str | None) -> list[Key]:
        """What the matches refer to by a reference parameter, each once; only targets of one type if that is given."""
        ...

    def count(self, query: SearchQuery) -> int: ...

    def write(self, writes: Sequence[Write]) -> None:
        """Store the versions, replace their index rows, and put their events into the outbox."""
        ...

    def claim(self, kind: str, key: str, holder: str) -> str:
        """Take the one place that `kind` and `key` name; returns who holds it now: `holder`, or who came first."""
        ...

    def release(self, kind: str, holder: str, keep: Iterable[str] = ()) -> list[str]:
        """Give up the holder's places except `keep`; returns the keys that became free."""
        ...

    def claimed(self, kind: str, keys: Iterable[str]) -> dict[str, str]:
        """Who holds which of the keys."""
        ...

    def savepoint(self) -> AbstractContextManager[object]:
        """What is written inside is undone when the block raises."""
        ...

    def first_time(self, reaction: str, event_ids: Sequence[str]) -> set[str]:
        """Enter the ids into the inbox of a reaction; returns those that were not there before."""
        ...

    def advance(self, consumer: str, topic: str, partition: int, expected: int, position: int) -> bool:
        """Move a position by compare-and-set; False when another consumer moved it."""
        ...

    def bury(self, consumer: str, record: Record, outcome: bytes) -> None:
        """Keep an event that can never succeed, with its OperationOutcome, for a person to look at."""
        ...


class Store(Protocol):
    """One service's own database."""

    def transact(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one write transaction; all of it or nothing. Raises Busy when the database is away."""
        ...

    def snapshot(self, work: Callable[[Session], T]) -> T:
        """Run `work` on one consistent view, read only. Raises Busy when the database is away."""
        ...

    def dump(self, type_name: str) -> Iterator[tuple[int, Sequence[Stored]]]:
        """All that lives of one type on one view, in chunks, each with the sequence that the view is complete to."""
        ...

    def positions(self, consumer: str) -> dict[tuple[str, int], int]:
        """The next position of each (topic, partition) that the consumer has read."""
        ...

    def mirrored(self, type_name: str) -> int | None:
        """The owner's sequence that a mirror's snapshot was complete to; None before the mirror has started."""
        ...

    def mark_mirrored(self, type_name: str, sequence: int) -> None: ...

    def wait(self, seconds: float) -> None:
        """Return when the database may have something new, at the latest after `seconds`."""
        ...

    def close(self) -> None: ...


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


class Subscription(Protocol):
    """A consumer's place on the bus."""

    def poll(self, seconds: float) -> dict[Place, list[Record]]:
        """Records by place, from the consumer's stored positions on; empty after `seconds`. Raises Busy when away."""
        ...

    def rewind(self, place: Place, pause: float = 0.0) -> None:
        """Go back to the stored position of one place after `pause` seconds: its last batch was not kept."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Request:
    """A FHIR REST request below the base URL. `path` has no leading slash; header names are lower case."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """A FHIR REST response; header names as they go on the wire."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Peer(Protocol):
    """The other services over REST, in this process or over HTTP. Raises Busy when one is away."""

    def call(self, service: str, request: Request) -> Response: ...


class Owners(Protocol):
    """What a mirror asks its owner: gRPC, or the same process. Raises Busy when the owner is away."""

    def read(self, service: str, key: Key) -> Stored | None: ...

    def search(self, service: str, type_name: str, params: Sequence[tuple[str, str]]) -> list[Stored]: ...

    def snapshot(self, service: str, type_name: str) -> Iterator[tuple[int, Sequence[Stored]]]: ...


Resource = dict[str, Any]
"""A FHIR resource as parsed JSON."""
