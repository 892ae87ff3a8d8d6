"""One transaction on a service's database; see `core.ports.Session`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    select,
)

from carethread.adapters.sql.arrays import numbers, texts
from carethread.adapters.sql.asks import SqlAsks
from carethread.adapters.sql.calendars.calendar import SqlCalendar
from carethread.adapters.sql.calendars.offers import SqlOffers
from carethread.adapters.sql.deliveries.ledger import SqlDeliveries
from carethread.adapters.sql.direct import run
from carethread.adapters.sql.efforts import SqlEfforts
from carethread.adapters.sql.engine import is_sqlite, savepoint
from carethread.adapters.sql.events import inbox, postbox
from carethread.adapters.sql.events.committed import committed
from carethread.adapters.sql.events.held import SqlHeld
from carethread.adapters.sql.events.inbound import SqlInbound
from carethread.adapters.sql.events.replays import SqlReplays
from carethread.adapters.sql.facts import SqlFacts
from carethread.adapters.sql.ledger import SqlLedger
from carethread.adapters.sql.needs import SqlNeeds
from carethread.adapters.sql.notices import SqlNotices
from carethread.adapters.sql.register import SqlRegister
from carethread.adapters.sql.requests import SqlRequests
from carethread.adapters.sql.searching import includes, pages
from carethread.adapters.sql.searching import search as searching
from carethread.adapters.sql.store import everything, exporting, history, merges, mirroring, statements
from carethread.adapters.sql.store.forget import forget
from carethread.adapters.sql.store.writes import kept, last, write_kept
from carethread.adapters.sql.store.writes import write as store_writes
from carethread.adapters.sql.tables import (
    resources,
    versions,
)
from carethread.adapters.sql.timers import SqlTimers
from carethread.adapters.sql.transactions import staging
from carethread.adapters.sql.wake import Waker
from carethread.core.events import Event
from carethread.core.fhir.search.merges import PATIENT
from carethread.core.fhir.search.query import SearchQuery, TokenValue
from carethread.core.ports import Belongings, Extent, Key, Page, Place, Progress, Span, Stored, Write

_CHUNK = 500
"""Keys in one IN list; SQLite's limit on variables is 32,766."""


def stored_of(found: Sequence[Any]) -> Stored:
    type_name, id_, version, updated, method, body, key, department, row = found
    return Stored(type_name, id_, version, updated, method == "DELETE", bytes(body), method, key, department, row)


class SqlSession:
    """One transaction; see `core.ports.Session`."""

    def __init__(
        self, connection: Connection, waker: Waker, shown: Callable[[Stored], Stored] = lambda stored: stored
    ) -> None:
        self._connection = connection
        self._shown = shown
        self._waker = waker
        self._places: dict[tuple[str, str], str] = {}
        """Who held each place before this session did anything to it; empty: nobody."""
        self._seats: dict[tuple[str, str], str] = {}
        """Who has got each place that this session gave to anybody; empty: it was given up."""
        self._written: dict[Key, Stored] = {}
        """What this session has written, and nobody else can meanwhile."""
        self._locked: frozenset[int] = frozenset()
        """The names that this session holds to its end, as numbers."""
        self._kin: dict[frozenset[str], list[str]] = {}

    def _read(self, found: Sequence[Any]) -> Stored:
        return self._shown(stored_of(found))

    @property
    def deliveries(self) -> SqlDeliveries:
        return SqlDeliveries(self._connection, self._waker.channel)

    def current(self, keys: Iterable[Key], *, lock: bool = False) -> dict[Key, Stored]:
        asked = set(keys)
        found = {key: self._written[key] for key in asked if key in self._written}
        wanted = sorted(asked - found.keys())
        for start in range(0, len(wanted), _CHUNK):
            for row in self._newest(wanted[start : start + _CHUNK], lock=lock):
                stored = self._read(row)
                found[stored.type, stored.id] = stored
        return found

    def _newest(self, keys: list[Key], *, lock: bool) -> Iterable[Sequence[Any]]:
        if lock and not is_sqlite(self._connection):
            # A statement of its own: one that joined the versions would be looking for the version before the wait.
            places = list(map(texts, zip(*keys, strict=True)))
            locked = run(self._connection, statements.LOCKED_TEXT, places)
            staging.refuse_held(held for _, held in locked)
            rows = [numbers(row for row, _ in locked)]
            return run(self._connection, statements.CURRENT_ROWS_TEXT, rows, binary=True) if locked else ()
        if lock:
            staging.refuse_held_rows(self._connection, keys)
        if len(keys) == 1 and not is_sqlite(self._connection):
            return run(self._connection, statements.CURRENT_ONE_TEXT, keys[0], binary=True)
        if len(keys) == 1:
            return self._connection.execute(statements.CURRENT_ONE, {"type": keys[0][0], "id": keys[0][1]})
        if keys and not is_sqlite(self._connection):
            places = list(map(texts, zip(*keys, strict=True)))
            return run(self._connection, statements.CURRENT_TEXT, places, binary=True)
        by_type: dict[str, list[str]] = {}
        for type_name, id_ in keys:
            by_type.setdefault(type_name, []).append(id_)
        asked = ({"type": type_name, "ids": ids} for type_name, ids in by_type.items())
        return [row for each in asked for row in self._connection.execute(statements.CURRENT_OF, each)]

    def numbered(self, rows: Iterable[int]) -> list[Stored]:
        wanted = sorted(set(rows))
        found: list[Stored] = []
        for start in range(0, len(wanted), _CHUNK):
            some = wanted[start : start + _CHUNK]
            if is_sqlite(self._connection):
                found += map(self._read, self._connection.execute(statements.CURRENT_ROWS, {"rows": some}))
            else:
                places = [numbers(some)]
                found += map(self._read, run(self._connection, statements.CURRENT_ROWS_TEXT, places, binary=True))
        return found

    def version(self, key: Key, version: int) -> Stored | None:
        row = self._connection.execute(self._versions(key).where(versions.c.version == version)).first()
        return self._read(row) if row else None

    def history(self, span: Span, count: int) -> list[Stored]:
        return [self._read(row) for row in history.page(self._connection, span, count)]

    def history_total(self, span: Span) -> int:
        return history.total(self._connection, span)

    @staticmethod
    def _versions(key: Key) -> Select[Any]:
        return (
            select(*statements.STORED)
            .join(versions, versions.c.row == resources.c.row)
            .where(resources.c.type == key[0], resources.c.id == key[1])
        )

    def search(self, query: SearchQuery, count: int) -> Page:
        found, cursor = pages.page(self._connection, merges.followed(self._connection, query), count)
        return Page([self._read(row) for row in found], cursor)

    def count(self, query: SearchQuery, at_most: int | None = None) -> int:
        return searching.count(self._connection, merges.followed(self._connection, query), at_most)

    def targets(self, matches: Sequence[Stored], param: str, target: str | None) -> list[Key]:
        by_type: dict[str, list[int]] = {}
        for stored in matches:
            by_type.setdefault(stored.type, []).append(stored.row)
        return [
            key
            for type_name, rows in by_type.items()
            for key in includes.targets(self._connection, rows, [f"{type_name}.{param}"] if param else [], target)
        ]

    def referring(
        self, keys: Sequence[Key], params: Sequence[str], at_most: int, *, through: Sequence[str] = ()
    ) -> list[Key]:
        return includes.referring(self._connection, keys, params, at_most, through)

    def having(self, values: Sequence[TokenValue], params: Sequence[str], at_most: int) -> list[Key]:
        return includes.having(self._connection, values, params, at_most)

    def kin(self, ids: Iterable[str]) -> list[str]:
        asked = frozenset(ids)
        if asked not in self._kin:
            self._kin[asked] = merges.kin(self._connection, asked)
        return list(self._kin[asked])

    def write(self, writes: Sequence[Write]) -> None:
        if not writes:
            return
        if any(w.stored.type == PATIENT for w in writes):
            self._kin.clear()
        rows = store_writes(self._connection, writes, self._waker.channel)
        self._written |= {key: replace(w.stored, row=rows[key]) for key, w in last(writes).items()}

    def forget(self, type_name: str, count: int) -> int:
        self._written.clear()
        self._kin.clear()
        return forget(self._connection, type_name, count)

    def claim(self, kind: str, key: str, holder: str) -> str:
        place = {"kind": kind, "key": key, "holder": holder}
        while True:  # who was in the way may give it up before we see who it was
            if is_sqlite(self._connection):
                taken = self._connection.execute(statements.CLAIM, place).scalar()
            else:
                rows = run(self._connection, statements.CLAIM_TEXT, [kind, key, holder])
                taken = rows[0][0] if rows else None
            if taken:
                self._places.setdefault((kind, key), "")
                self._seats[kind, key] = holder
            found: str | None = taken or self.claimed(kind, [key]).get(key)
            if found:
                return found

    def claim_all(self, kind: str, holders: Mapping[str, str]) -> None:
        if not holders:
            return
        if is_sqlite(self._connection):
            places = [{"kind": kind, "key": key, "holder": holder} for key, holder in holders.items()]
            self._connection.execute(statements.CLAIM_ALL, places)
        else:
            run(self._connection, statements.CLAIM_ALL_TEXT, [kind, texts(holders), texts(holders.values())])
        self._places |= {(kind, key): "" for key in holders}
        self._seats |= {(kind, key): holder for key, holder in holders.items()}

    def release(self, kind: str, holder: str, keep: Iterable[str] = ()) -> list[str]:
        statement = {"kind": kind, "holder": holder, "keep": list(keep)}
        freed = sorted(self._connection.execute(statements.RELEASE, statement).scalars())
        for key in freed:
            self._places.setdefault((kind, key), holder)
            self._seats[kind, key] = ""
        return freed

    def claimed(self, kind: str, keys: Iterable[str]) -> dict[str, str]:
        keys = list(keys)
        if is_sqlite(self._connection):
            rows = self._connection.execute(statements.CLAIMED, {"kind": kind, "keys": keys})
            found = {row.key: row.holder for row in rows}
        else:
            found = dict(run(self._connection, statements.CLAIMED_TEXT, [kind, texts(keys)]))
        staging.refuse_held_claims(found.values())
        for key in keys:
            self._places.setdefault((kind, key), found.get(key, ""))
        return found

    def places(self, kind: str, *holders: str) -> list[str]:
        if is_sqlite(self._connection):
            asked = {"kind": kind, "holders": holders}
            return sorted(self._connection.execute(statements.PLACES, asked).scalars())
        return sorted(key for (key,) in run(self._connection, statements.PLACES_TEXT, [kind, texts(holders)]))

    def occupied(self, kind: str, holders: Iterable[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        wanted = list(holders)
        for start in range(0, len(wanted), _CHUNK):
            some = wanted[start : start + _CHUNK]
            rows = self._connection.execute(statements.OCCUPIED, {"kind": kind, "holders": some})
            found |= {row[0]: row[1] for row in rows}
        return found

    def lock(self, names: Iterable[str]) -> None:
        if not is_sqlite(self._connection):  # SQLite has one writer at a time
            wanted = {int.from_bytes(sha256(name.encode()).digest()[:4], signed=True) for name in names} - self._locked
            if wanted:
                run(self._connection, statements.HOLD_TEXT, [numbers(sorted(wanted))])
                self._locked |= wanted

    def committed(
        self, types: Sequence[str], begin: int, before: int, after: tuple[int, int, int], most: int
    ) -> list[tuple[tuple[int, int, int], Event]]:
        return committed(self._connection, types, begin, before, after, most)

    def members(self, whose: Belongings, after: int, count: int) -> list[Stored]:
        return list(map(self._read, everything.members(self._connection, whose, after, count)))

    def referred(self, whose: Belongings, types: Sequence[str], after: Key, count: int) -> list[Key]:
        return list(everything.referred(self._connection, whose, types, after, count))

    def measure(self, extent: Extent, after: int, count: int) -> tuple[list[tuple[int, int, bool]], int]:
        return exporting.measure(self._connection, extent, after, count)

    def slice(self, extent: Extent, after: int, through: int) -> list[tuple[Stored, bool]]:
        return [(self._read(row), doubt) for *row, doubt in exporting.part(self._connection, extent, after, through)]

    def sequence(self, types: Collection[str], horizon: int) -> int:
        return exporting.sequence(self._connection, types, horizon)

    def export(self, job: str) -> bytes | None:
        return exporting.kept(self._connection, job)

    def keep_export(self, job: str, created: int, state: bytes, *, expired: int) -> None:
        exporting.expire(self._connection, expired)
        exporting.keep(self._connection, job, created, state)

    def advance_export(self, job: str, before: bytes, after: bytes) -> bool:
        return exporting.advance(self._connection, job, before, after)

    def drop_export(self, job: str) -> bool:
        return exporting.drop(self._connection, job)

    def prepare(self, transaction: str, begun: int, part: bytes, writes: Sequence[Write], keys: Iterable[Key]) -> None:
        free = [place for place, holder in self._places.items() if not holder]
        moved = {place: holder for place, holder in self._seats.items() if self._places[place] != holder}
        body = staging.body_of(part, kept(self._connection, writes), moved)
        staging.move(self._connection, {place: self._places[place] for place in moved})
        staging.prepare(self._connection, transaction, begun, body, keys, free)

    def undecided(self, keys: Iterable[Key]) -> set[Key]:
        return staging.undecided(self._connection, list(keys))

    def is_prepared(self, transaction: str) -> bool:
        return staging.is_kept(self._connection, transaction)

    def commit(self, transaction: str, now: int) -> bytes | None:
        body = staging.settle(self._connection, transaction)
        if body is None:
            return None
        self._written.clear()
        self._kin.clear()
        part, made, moved = staging.read(body)
        staging.move(self._connection, moved)
        write_kept(self._connection, made, now, self._waker.channel)
        return part

    def drop(self, transaction: str) -> None:
        staging.settle(self._connection, transaction)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        written, locked = dict(self._written), self._locked
        try:
            with savepoint(self._connection):
                yield
        except BaseException:
            self._written, self._locked = written, locked
            self._kin.clear()
            raise

    def first_time(self, reaction: str, event_ids: Sequence[str]) -> set[str]:
        return inbox.first_time(self._connection, reaction, event_ids)

    def happened(self, reaction: str, event_ids: Sequence[str]) -> set[str]:
        return inbox.happened(self._connection, reaction, event_ids)

    def advance(self, consumer: str, topic: str, partition: int, expected: int, position: int) -> bool | None:
        return inbox.advance(self._connection, consumer, topic, partition, expected, position)

    def mark_mirrored(self, mirror: str, before: Progress | None, after: Progress | None) -> bool:
        return mirroring.mark(self._connection, mirror, before, after)

    def set_back(self, consumer: str, positions: Mapping[Place, int]) -> None:
        inbox.set_back(self._connection, consumer, positions)

    def post(self, event: Event) -> None:
        postbox.post(self._connection, event)

    @property
    def calendar(self) -> SqlCalendar:
        return SqlCalendar(self._connection, self.lock)

    @property
    def offers(self) -> SqlOffers:
        return SqlOffers(self._connection)

    @property
    def register(self) -> SqlRegister:
        return SqlRegister(self._connection)

    @property
    def ledger(self) -> SqlLedger:
        return SqlLedger(self._connection)

    @property
    def asks(self) -> SqlAsks:
        return SqlAsks(self._connection)

    @property
    def facts(self) -> SqlFacts:
        return SqlFacts(self._connection)

    @property
    def efforts(self) -> SqlEfforts:
        return SqlEfforts(self._connection)

    @property
    def needs(self) -> SqlNeeds:
        return SqlNeeds(self._connection)

    @property
    def notices(self) -> SqlNotices:
        return SqlNotices(self._connection)

    @property
    def inbound(self) -> SqlInbound:
        return SqlInbound(self._connection)

    @property
    def held(self) -> SqlHeld:
        return SqlHeld(self._connection)

    @property
    def replays(self) -> SqlReplays:
        return SqlReplays(self._connection)

    @property
    def timers(self) -> SqlTimers:
        return SqlTimers(self._connection, self._waker.channel)

    @property
    def requests(self) -> SqlRequests:
        return SqlRequests(self._connection, self._waker.channel)
