"""What the inside asks of the outside: a store, a bus, and the other services. Adapters implement these.

`Store.transact` and `Store.snapshot` take the work as a function, so that an adapter can run it again when the database
asks for that (serialization failure, a row that appeared meanwhile); work must therefore have no effect outside its
session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

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


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of history: the versions of types, or with `id` of the one resource, stamped `since` to `until`.

    Times are microseconds, both ends are included. `at` keeps what was current at some moment from its first to
    before its second. `after` is where a page goes on, behind the version with this time, row and number.
    """

    types: tuple[str, ...]
    id: str = ""
    since: int = 0
    until: int = 2**62
    at: tuple[int, int] | None = None
    after: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Extent:
    """What an export holds of a type: its resources as they were at `horizon`, changed after `since`.

    Both are microseconds, and nothing may be able to commit any more at or before the horizon. `params` are reference
    parameters (`Type.code`) of which one must lead to a patient; none: all resources. `deleted`: those that were
    deleted then, instead of those that lived.
    """

    type: str
    horizon: int
    since: int = -1
    params: tuple[str, ...] = ()
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Belongings:
    """What of a service's resources belongs to a patient: those that refer to it by one of `params` (`Type.code`),
    and, if `itself`, the Patient. Whoever was merged with the patient is the patient.

    `since`: only what was changed after it. `dates` are parameters too: what has one of them must touch
    [`begin`, `before`). All times are microseconds.
    """

    patient: str
    params: tuple[str, ...]
    itself: bool = False
    since: int = -1
    dates: tuple[str, ...] = ()
    begin: int = 0
    before: int = 0


class Session(Protocol):
    """One transaction over a service's store."""

    def current(self, keys: Iterable[Key], *, lock: bool = False) -> dict[Key, Stored]:
        """The newest version of each, deletions included; `lock` holds them against other writers, in key order."""
        ...

    def version(self, key: Key, version: int) -> Stored | None: ...

    def history(self, span: Span, count: int) -> list[Stored]:
        """At most `count` versions, newest first."""
        ...

    def history_total(self, span: Span) -> int:
        """How many versions the span has, wherever it goes on from."""
        ...

    def search(self, query: SearchQuery, count: int) -> Page:
        """At most `count` matches from the query's cursor on; the ids of patients who were merged are equal."""
        ...

    def targets(self, matches: Sequence[Stored], param: str, target: str | None) -> list[Key]:
        """What the matches refer to by a reference parameter (empty: by any); of one type if that is given."""
        ...

    def referring(self, keys: Sequence[Key], params: Sequence[str], at_most: int) -> list[Key]:
        """What lives and refers to one of the keys by one of the parameters (`Type.code`); no more than so many."""
        ...

    def count(self, query: SearchQuery, at_most: int | None = None) -> int:
        """How many match; counting ends at `at_most`."""
        ...

    def kin(self, ids: Iterable[str]) -> list[str]:
        """All ids of the patients who have one of the ids, these among them: those who were merged have several."""
        ...

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

    def lock(self, names: Iterable[str]) -> None:
        """Wait until no other transaction holds any of the names, then hold them to this one's end."""
        ...

    def members(self, whose: Belongings, after: int, count: int) -> list[Stored]:
        """At most `count` of the resources that belong to a patient, in order of rows, behind row `after`."""
        ...

    def referred(self, whose: Belongings, types: Sequence[str], after: Key, count: int) -> list[Key]:
        """At most `count` of what a patient's belongings refer to, of these types, each once, in order, behind
        `after`."""
        ...

    def measure(self, extent: Extent, after: int, count: int) -> tuple[list[tuple[int, int, bool]], int]:
        """Row, bytes of the body, and doubt, of the next resources of an extent behind row `after`, at most `count`,
        in order of rows; and the row behind which more may follow, 0 at the end.

        In doubt is a resource of which the index knows a later version only: whether this one led to a patient, its
        body tells.
        """
        ...

    def slice(self, extent: Extent, after: int, through: int) -> list[tuple[Stored, bool]]:
        """The resources of an extent behind row `after` through row `through`, in order, and which are in doubt."""
        ...

    def export(self, job: str) -> bytes | None:
        """The state of an export; None when there is none of this id."""
        ...

    def keep_export(self, job: str, created: int, state: bytes, *, expired: int) -> None:
        """Begin an export, or one of the same id anew, and forget those that were created before `expired`."""
        ...

    def advance_export(self, job: str, before: bytes, after: bytes) -> bool:
        """Note how far an export has come; False when it was not at `before` any more."""
        ...

    def drop_export(self, job: str) -> bool:
        """Forget an export; False when there is none of this id."""
        ...

    def prepare(self, transaction: str, begun: int, body: bytes, keys: Iterable[Key]) -> None:
        """Keep a part of a transaction across services until it is settled, invisible to all reads.

        The keys are held, and the places that this session has found free: who wants them gets Held, and so does the
        caller where one is free no longer.
        """
        ...

    def prepared(self, transaction: str) -> bytes | None:
        """The part that was kept, locked; None when there is none, or no longer."""
        ...

    def settle(self, transaction: str) -> None:
        """Forget a part, and free all that it held."""
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
        """Run `work` in one write transaction; all of it or nothing. Raises Busy when the database is away.

        What a transaction across services holds is waited for a little; after that, Held is raised.
        """
        ...

    def oldest_write(self) -> int:
        """For how many microseconds the oldest write transaction has been open; 0 when none is. Raises Busy.

        Versions of transactions that end later are stamped no earlier: see `interactions.history.settled`.
        """
        ...

    def snapshot(self, work: Callable[[Session], T]) -> T:
        """Run `work` on one consistent view, read only.

        Raises Busy when the database is away, TooCostly when the database takes too long for it.
        """
        ...

    def glance(self, work: Callable[[Session], T]) -> T:
        """Run `work` that asks one question only, read only: cheaper than a view. Raises Busy as `snapshot` does."""
        ...

    def dump(self, type_name: str) -> Iterator[tuple[int, Sequence[Stored]]]:
        """All that lives of one type on one view, in chunks, each with the sequence that the view is complete to."""
        ...

    def doubts(self, before: int) -> list[str]:
        """The transactions across services with a part kept since before a moment (microseconds), oldest first."""
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

    def left(self) -> list[Left]:
        """All that is not done everywhere, oldest first."""
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

    def knows(self, service: str) -> bool:
        """Whether the service is part of this installation."""
        ...


class Owners(Protocol):
    """What a mirror asks its owner: gRPC, or the same process. Raises Busy when the owner is away."""

    def read(self, service: str, key: Key) -> Stored | None: ...

    def search(self, service: str, type_name: str, params: Sequence[tuple[str, str]]) -> list[Stored]: ...

    def snapshot(self, service: str, type_name: str) -> Iterator[tuple[int, Sequence[Stored]]]: ...


Resource = dict[str, Any]
"""A FHIR resource as parsed JSON."""
