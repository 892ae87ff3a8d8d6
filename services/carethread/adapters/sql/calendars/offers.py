"""Those who wait, and offers to them, in a service's own database; see `core.ports.offers`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    true,
    update,
)

from carethread.adapters.sql.arrays import numbers, texts
from carethread.adapters.sql.calendars.purposing import number
from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.tables import offers, waited, waiting
from carethread.adapters.sql.upsert import upsert
from carethread.core.ports.calendar import FOREVER
from carethread.core.ports.offers import Candidate, Offer, Outcome, Waited, Waiting

_OFFER = tuple(offers.c[name] for name in Offer.__slots__)
_WAITED = tuple(waited.c[name] for name in Waited.__slots__)
_CANDIDATE = tuple(waiting.c[name] for name in Candidate.__slots__)

_ENTRIES: BindParameter[str] = bindparam("entries", expanding=True)
_LEAVE_TEXT = """
WITH gone AS (DELETE FROM waiting WHERE entry = ANY($1::text[]) RETURNING entry),
ended AS (UPDATE waited SET until = $2::bigint WHERE entry IN (SELECT entry FROM gone))
SELECT 1"""
"""As the driver takes it, for PostgreSQL: each change of an Appointment needs it."""

_LEAVE = delete(waiting).where(waiting.c.entry.in_(_ENTRIES)).returning(waiting.c.entry)
_END = update(waited).where(waited.c.entry.in_(_ENTRIES)).values(until=bindparam("now"))
_ENTERED = select(*_CANDIDATE).where(waiting.c.entry.in_(_ENTRIES))
_SINCE = select(waiting.c.entry, waiting.c.since).where(waiting.c.entry.in_(_ENTRIES))

_IS_OPEN: ColumnElement[bool] = literal_column("offers.outcome = 'open'")  # as the indexes spell it
_IS_ASKED = select(exists().where(_IS_OPEN, offers.c.patient == bindparam("patient")))
_IN_TURN = select(*_OFFER).order_by(offers.c.number)
_OF_SLOTS = _IN_TURN.where(offers.c.slot.in_(bindparam("slots", expanding=True)))
_OF_ENTRY = _IN_TURN.where(offers.c.entry == bindparam("entry"))

_IN_ORDER = (waiting.c.since, waiting.c.entry)
_FITTING = {
    (by_kind, by_actor): select(
        *_CANDIDATE, func.row_number().over(partition_by=waiting.c.priority, order_by=_IN_ORDER).label("place")
    )
    .where(
        waiting.c.kind.in_(bindparam("kinds", expanding=True)) if by_kind else true(),
        waiting.c.actor.in_(bindparam("actors", expanding=True)) if by_actor else true(),
        waiting.c.begin <= bindparam("begin"),
        waiting.c.end >= bindparam("end"),
        waiting.c.patient.not_in(select(offers.c.patient).where(_IS_OPEN)),
    )
    .subquery()
    for by_kind in (False, True)
    for by_actor in (False, True)
}
_CANDIDATES = {
    by: select(*(fitting.c[column.name] for column in _CANDIDATE)).where(fitting.c.place <= bindparam("count"))
    for by, fitting in _FITTING.items()
}
"""By whether the slot is of some kind at all, and whether it is somebody's."""

_COLUMNS = ", ".join(Candidate.__slots__)
_CANDIDATES_TEXT = {
    (by_kind, by_actor): f"SELECT {_COLUMNS} FROM ("
    f"SELECT {_COLUMNS}, row_number() OVER (PARTITION BY priority ORDER BY since, entry) AS place FROM waiting "
    f'WHERE {of_kind} AND {of_actor} AND begin <= $3::bigint AND "end" >= $4::bigint '
    "AND patient NOT IN (SELECT patient FROM offers WHERE outcome = 'open')) AS fitting WHERE place <= $5::bigint"
    for by_kind, of_kind in ((False, "$1::bigint[] IS NOT NULL"), (True, "kind = ANY($1::bigint[])"))
    for by_actor, of_actor in ((False, "$2::bigint[] IS NOT NULL"), (True, "actor = ANY($2::bigint[])"))
}
"""The same as the driver takes it, for PostgreSQL."""


class SqlOffers:
    """One transaction's view of those who wait and of the offers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def wait(self, those: Sequence[Waiting]) -> None:
        self._connection.execute(_LEAVE, {"entries": [one.entry for one in those]})
        rows = [
            {
                **{name: getattr(one, name) for name in ("begin", "end", *Candidate.__slots__)},
                "actor": number(one.actor),
                "kind": kind,
            }
            for one in those
            for kind in {number(kind) for kind in one.kinds or ("",)}
        ]
        if rows:
            self._connection.execute(insert(waiting), rows)
            fresh = upsert(self._connection, waited)
            again = {name: fresh.excluded[name] for name in Waited.__slots__ if name != "entry"}
            now_waiting = [
                {**{name: getattr(one, name) for name in ("entry", "patient", "priority", "since")}, "until": FOREVER}
                for one in those
            ]
            self._connection.execute(fresh.on_conflict_do_update(index_elements=["entry"], set_=again), now_waiting)

    def leave(self, entries: Iterable[str], now: int) -> None:
        leaving = sorted(entries)
        if leaving and not is_sqlite(self._connection):
            run(self._connection, _LEAVE_TEXT, [texts(leaving), now])
        elif leaving and (gone := self._connection.execute(_LEAVE, {"entries": leaving}).scalars().all()):
            self._connection.execute(_END, {"entries": list(set(gone)), "now": now})

    def since(self, entries: Iterable[str]) -> dict[str, int]:
        return dict(row._tuple() for row in self._connection.execute(_SINCE, {"entries": list(entries)}))

    def entered(self, entries: Iterable[str]) -> list[Candidate]:
        found = self._connection.execute(_ENTERED, {"entries": list(entries)})
        return [Candidate(*row) for row in {row.entry: row for row in found}.values()]

    def waited(self, begin: int, end: int, after: str, count: int) -> list[Waited]:
        found = (
            select(*_WAITED)
            .where(waited.c.until > begin, waited.c.since < end, waited.c.entry > after)
            .order_by(waited.c.entry)
            .limit(count)
        )
        return [Waited(*row) for row in self._connection.execute(found)]

    def candidates(
        self, kinds: Collection[str], actors: Collection[str] | None, begin: int, end: int, count: int
    ) -> list[Candidate]:
        wanted = sorted(map(number, {"", *kinds})), sorted(map(number, {"", *(actors or ())}))
        by = bool(kinds), actors is not None
        found: Iterable[Sequence[Any]]
        if is_sqlite(self._connection):
            asked = {"kinds": wanted[0], "actors": wanted[1], "begin": begin, "end": end, "count": count}
            found = self._connection.execute(_CANDIDATES[by], asked)
        else:
            values = [*map(numbers, wanted), begin, end, count]
            found = run(self._connection, _CANDIDATES_TEXT[by], values, binary=True)
        return [Candidate(*row) for row in {row[0]: row for row in found}.values()]

    def put(self, made: Sequence[Offer]) -> None:
        if made:
            rows = [{name: getattr(offer, name) for name in Offer.__slots__} for offer in made]
            self._connection.execute(insert(offers), rows)

    def settle(self, entry: str, outcome: Outcome, now: int) -> bool:
        open_one = update(offers).where(offers.c.entry == entry, _IS_OPEN)
        return bool(self._connection.execute(open_one.values(outcome=outcome, settled=now)).rowcount)

    def is_asked(self, patient: str) -> bool:
        return bool(self._connection.execute(_IS_ASKED, {"patient": patient}).scalar())

    def of_slots(self, slots: Collection[str]) -> list[Offer]:
        return [Offer(*row) for row in self._connection.execute(_OF_SLOTS, {"slots": list(slots)})]

    def of_entry(self, entry: str) -> list[Offer]:
        return [Offer(*row) for row in self._connection.execute(_OF_ENTRY, {"entry": entry})]

    def between(self, begin: int, end: int, after: int, count: int) -> list[tuple[int, Offer]]:
        found = (
            select(offers.c.number, *_OFFER)
            .where(offers.c.offered >= begin, offers.c.offered < end, offers.c.number > after)
            .order_by(offers.c.number)
            .limit(count)
        )
        return [(place, Offer(*row)) for place, *row in self._connection.execute(found)]
