"""A service's own database.

`Store.transact` and `Store.snapshot` take the work as a function, so that an adapter can run it again when the database
asks for that (serialization failure, a row that appeared meanwhile); work must therefore have no effect outside its
session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from carethread.core.fhir.search.query import SearchQuery
from carethread.core.ports.bus import Record
from carethread.core.ports.values import Belongings, Extent, Key, Page, Span, Stored, T, Write


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
