"""A service's own database.

`Store.transact` and `Store.snapshot` take the work as a function, so that an adapter can run it again when the database
asks for that (serialization failure, a row that appeared meanwhile); work must therefore have no effect outside its
session.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from carethread.core.events import Event
    from carethread.core.fhir.search.query import SearchQuery, TokenValue
from carethread.core.ports.asks import Asks
from carethread.core.ports.bus import Place
from carethread.core.ports.calendar import Calendar
from carethread.core.ports.deliveries import Deliveries
from carethread.core.ports.efforts import Efforts
from carethread.core.ports.facts import Facts
from carethread.core.ports.held import Held
from carethread.core.ports.inbound import Inbound
from carethread.core.ports.ledger import Ledger
from carethread.core.ports.needs import Needs
from carethread.core.ports.notices import Notices
from carethread.core.ports.offers import Offers
from carethread.core.ports.register import Register
from carethread.core.ports.replays import Replays
from carethread.core.ports.requests import Requests
from carethread.core.ports.timers import Timers
from carethread.core.ports.values import Belongings, Chunk, Extent, Key, Page, Progress, Span, Stored, T, Write


class Session(Protocol):
    """One transaction over a service's store."""

    @property
    def deliveries(self) -> Deliveries:
        """The ledger of notifications, which `subscriptions` keeps."""
        ...

    @property
    def inbound(self) -> Inbound:
        """What is remembered of messages that came in."""
        ...

    @property
    def calendar(self) -> Calendar:
        """Who is taken when, and which slots are open, which `scheduling` keeps."""
        ...

    @property
    def offers(self) -> Offers:
        """To whom freed slots were offered."""
        ...

    @property
    def register(self) -> Register:
        """Who answers for whom, which `careteams` keeps."""
        ...

    @property
    def ledger(self) -> Ledger:
        """What happened to hand-offs."""
        ...

    @property
    def needs(self) -> Needs:
        """Which needs were open when."""
        ...

    @property
    def asks(self) -> Asks:
        """Who is asked what, which `questionnaires` keeps."""
        ...

    @property
    def efforts(self) -> Efforts:
        """What it took to fill forms in, which `questionnaires` keeps."""
        ...

    @property
    def facts(self) -> Facts:
        """What views made of resources, which `metrics` keeps."""
        ...

    @property
    def notices(self) -> Notices:
        """Who is to read which notice, and who has."""
        ...

    def current(self, keys: Iterable[Key], *, lock: bool = False) -> dict[Key, Stored]:
        """The newest version of each, deletions included; `lock` holds them against other writers, in key order."""
        ...

    def numbered(self, rows: Iterable[int]) -> list[Stored]:
        """The newest versions of the resources with these numbers (`Stored.row`), deletions included, in any order."""
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

    def referring(
        self, keys: Sequence[Key], params: Sequence[str], at_most: int, *, through: Sequence[str] = ()
    ) -> list[Key]:
        """What lives and refers to one of the keys by one of the parameters (`Type.code`); no more than so many.

        `through` are parameters by which others refer to the keys that count as these: roles of people.
        """
        ...

    def having(self, values: Sequence[TokenValue], params: Sequence[str], at_most: int) -> list[Key]:
        """What lives and has one of the values by one of the parameters (`Type.code`); no more than so many."""
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

    def forget(self, type_name: str, count: int) -> int:
        """Delete at most `count` resources of a type with all their versions, as if they had never been here; how many.

        For copies of what another service owns.
        """
        ...

    def claim(self, kind: str, key: str, holder: str) -> str:
        """Take the one place that `kind` and `key` name; returns who holds it now: `holder`, or who came first."""
        ...

    def claim_all(self, kind: str, holders: Mapping[str, str]) -> None:
        """Claim places that nobody else can claim meanwhile, each (its key) for its own holder."""
        ...

    def release(self, kind: str, holder: str, keep: Iterable[str] = ()) -> list[str]:
        """Give up the holder's places except `keep`; returns the keys that became free."""
        ...

    def claimed(self, kind: str, keys: Iterable[str]) -> dict[str, str]:
        """Who holds which of the keys."""
        ...

    def places(self, kind: str, *holders: str) -> list[str]:
        """The keys of the places that somebody holds, or one of several."""
        ...

    def occupied(self, kind: str, holders: Iterable[str]) -> dict[str, int]:
        """How many places each of some holders has; who has none is not in it."""
        ...

    def lock(self, names: Iterable[str]) -> None:
        """Wait until no other transaction holds any of the names, then hold them to this one's end."""
        ...

    def committed(
        self, types: Sequence[str], begin: int, before: int, after: tuple[int, int, int], most: int
    ) -> list[tuple[tuple[int, int, int], Event]]:
        """At most so many events of the types that happened in [begin, before), published or not, each with its place
        (time, row, version), behind the place `after`. Their service is left empty."""
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

    def sequence(self, types: Collection[str], horizon: int) -> int:
        """The `ce_sequence` behind which all events of the types are that happened after the horizon (microseconds),
        at which nothing may be able to commit any more. Some behind it may have happened before."""
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

    def prepare(self, transaction: str, begun: int, part: bytes, writes: Sequence[Write], keys: Iterable[Key]) -> None:
        """Keep a part of a transaction across services, invisible to all reads, until it is committed or dropped.

        Kept are its writes, the places that changed hands in this session, which get those back that had them, and
        `part`, which commit returns. The keys are held, and the places that this session has found free: who wants
        them gets Held, and so does the caller where one is free no longer.
        """
        ...

    def undecided(self, keys: Iterable[Key]) -> set[Key]:
        """Which of the resources a prepared part holds."""
        ...

    def is_prepared(self, transaction: str) -> bool: ...

    def commit(self, transaction: str, now: int) -> bytes | None:
        """Store what was prepared as of now (microseconds), free what it held and forget it.

        Returns what the caller kept with it, None when there is no such part, or no longer.
        """
        ...

    def drop(self, transaction: str) -> None:
        """Forget a part, and free all that it held."""
        ...

    def savepoint(self) -> AbstractContextManager[object]:
        """What is written inside is undone when the block raises."""
        ...

    def first_time(self, reaction: str, event_ids: Sequence[str]) -> set[str]:
        """Enter the ids into the inbox of a reaction; returns those that were not there before."""
        ...

    def happened(self, reaction: str, event_ids: Sequence[str]) -> set[str]:
        """Which of the ids are in the inbox of a reaction."""
        ...

    def advance(self, consumer: str, topic: str, partition: int, expected: int, position: int) -> bool | None:
        """Move a position by compare-and-set; None when another consumer moved it, else whether dead letters of this
        consumer are there."""
        ...

    def mark_mirrored(self, mirror: str, before: Progress | None, after: Progress | None) -> bool:
        """Note how far a mirror is; False when it is not at `before` any more, for another process fills it too.

        With None after it, it has not begun, wherever it was.
        """
        ...

    def set_back(self, consumer: str, positions: Mapping[Place, int]) -> None:
        """Put positions back to where a replay begins; those that are before it stay, for what lies between is still to
        be read."""
        ...

    def post(self, event: Event) -> None:
        """Have something published that is no version of a resource, once this transaction is committed."""
        ...

    @property
    def held(self) -> Held: ...

    @property
    def replays(self) -> Replays: ...

    @property
    def timers(self) -> Timers:
        """What is to happen at a moment."""
        ...

    @property
    def requests(self) -> Requests:
        """What is wanted of the owners of other types; see `interactions.requesting`."""
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

    def dump(self, type_name: str, after: int = 0) -> Iterator[Chunk]:
        """All that lives of one type, behind a place, in chunks of bounded size; at least one. Raises Busy.

        Each chunk is read on a view of its own, so that a slow reader holds nothing. What each resource was when its
        chunk was read, and all events after the first chunk's sequence, make what the owner has.
        """
        ...

    def doubts(self, before: int) -> dict[str, int]:
        """The transactions across services with a part kept since before a moment (microseconds), oldest first, each
        with the moment when it was prepared.
        """
        ...

    def positions(self, consumer: str) -> dict[tuple[str, int], int]:
        """The next position of each (topic, partition) that the consumer has read."""
        ...

    def mirrored(self, mirror: str) -> Progress | None:
        """How far a mirror is with its owner's snapshot; None before it has begun."""
        ...

    def wait(self, seconds: float) -> None:
        """Return when the database may have something new, at the latest after `seconds`."""
        ...

    def news(self, seconds: float) -> bool:
        """As `wait`; whether there may be something new. False: there is nothing to look for."""
        ...

    def written(self) -> bool:
        """Whether something may have been written since this thread asked last; a renewed lease is nothing."""
        ...

    def close(self) -> None: ...
