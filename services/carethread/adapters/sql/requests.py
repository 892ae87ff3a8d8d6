"""Requests in a service's own database; see `core.ports.requests`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from carethread.adapters.sql.arrays import array, numbers, texts, truths
from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import NOW_MICROS, is_sqlite, micros
from carethread.adapters.sql.tables import fit, requests
from carethread.adapters.sql.wake import wake
from carethread.core.ports import URGENT, Asked, RequestState, Wanted

_WAITING, _REFUSED = "waiting", "refused"
_EARLIER = requests.alias("earlier")
_IS_FIRST = ~exists().where(
    _EARLIER.c.key == requests.c.key, _EARLIER.c.number < requests.c.number, _EARLIER.c.state == _WAITING
)
_IS_URGENT = and_(requests.c.key >= URGENT, requests.c.key < f"{URGENT}\x7f")
"""By the index of keys, so that no other that waits is looked at."""

_TOLD = [column for column in requests.c if column.name != "body"]

_KINDS = {"type": "text", "id": "text", "body": "bytea", "key": "text", "condition": "text", "traceparent": "text"}
_FLAGS = ("new", "backfill")
_NAMES = ", ".join([*_KINDS, *_FLAGS])
_PUT_TEXT = (
    f"WITH made AS (INSERT INTO requests ({_NAMES}, since, next, attempts, state, outcome) "
    f"SELECT {_NAMES}, {NOW_MICROS['postgresql']}, 0, 0, '{_WAITING}', ''::bytea FROM unnest("
    + ", ".join(array(place, kind) for place, kind in enumerate([*_KINDS.values(), *("boolean" for _ in _FLAGS)], 1))
    + f") WITH ORDINALITY AS several ({_NAMES}, place) ORDER BY place) SELECT pg_notify($9, '')"
)
"""In order, for numbers are given in it, and telling those who wait, in one message to PostgreSQL."""

_DONE_TEXT = (
    "WITH gone AS (DELETE FROM requests r USING unnest("
    f"{array(1, 'text')}, {array(2, 'text')}, {array(3, 'bigint')}) AS had (type, id, number) "
    "WHERE r.type = had.type AND r.id = had.id AND r.number <= had.number) SELECT 1"
)


class SqlRequests:
    """One transaction's view of the requests. PostgreSQL notifies `channel` when there is one to send."""

    def __init__(self, connection: Connection, channel: str) -> None:
        self._connection = connection
        self._channel = channel

    @property
    def _now(self) -> ColumnElement[int]:
        return NOW_MICROS[self._connection.dialect.name]

    def put(self, *wanted: Wanted) -> None:
        if not wanted:
            return
        rows = [{name: getattr(each, name) for name in (*_KINDS, *_FLAGS)} | {"key": fit(each.key)} for each in wanted]
        if is_sqlite(self._connection):
            begun = {"since": self._now, "next": 0, "attempts": 0, "state": _WAITING, "outcome": b""}
            given: dict[str, Any] = {name: bindparam(name) for name in (*_KINDS, *_FLAGS)}
            self._connection.execute(insert(requests).values(given | begun), rows)
            return
        bodies = [each.body for each in wanted]
        columns = [bodies if name == "body" else texts(row[name] for row in rows) for name in _KINDS]
        flags = [truths(row[name] for row in rows) for name in _FLAGS]
        run(self._connection, _PUT_TEXT, [*columns, *flags, self._channel])

    def claim(self, limit: int, seconds: float, without: Collection[str] = ()) -> list[Asked]:
        urgent = self._due(limit, without, _IS_URGENT)
        mine = [*urgent, *self._due(limit - len(urgent), without, ~_IS_URGENT)]
        if not mine:
            return []
        lease = {"next": self._now + micros(seconds), "attempts": requests.c.attempts + 1}
        these = update(requests).where(requests.c.number.in_(mine)).values(lease).returning(*requests.c)
        return sorted(map(_asked, self._connection.execute(these)), key=lambda asked: mine.index(asked.number))

    def _due(self, limit: int, without: Collection[str], which: ColumnElement[bool]) -> Sequence[int]:
        """The numbers of some whose turn has come, locked."""
        if limit == 0:
            return ()
        due = _first(select(requests.c.number), without).where(requests.c.next <= self._now, which)
        mine = due.order_by(requests.c.number).limit(limit).with_for_update(of=requests, skip_locked=True)
        return self._connection.execute(mine).scalars().all()

    def done(self, *asked: Asked) -> None:
        if not is_sqlite(self._connection):
            named = [texts(each.wanted.type for each in asked), texts(each.wanted.id for each in asked)]
            run(self._connection, _DONE_TEXT, [*named, numbers(each.number for each in asked)])
            return
        for each in asked:
            same = (requests.c.type == each.wanted.type, requests.c.id == each.wanted.id)
            self._connection.execute(delete(requests).where(*same, requests.c.number <= each.number))

    def put_off(self, asked: Asked, seconds: float, outcome: bytes = b"") -> None:
        tried = {"outcome": outcome} if outcome else {"attempts": asked.attempts - 1}
        self._note(asked, {"next": self._now + micros(seconds), **tried})

    def refuse(self, asked: Asked, outcome: bytes) -> None:
        self._note(asked, {"state": _REFUSED, "outcome": outcome})

    def _note(self, asked: Asked, values: Mapping[str, Any]) -> None:
        """Note something about a request that is still ours."""
        mine = (requests.c.number == asked.number, requests.c.attempts == asked.attempts)
        self._connection.execute(update(requests).where(*mine).values(values))

    def soonest(self, without: Collection[str] = ()) -> float | None:
        asked = _first(select(func.min(requests.c.next) - self._now), without)
        left: int | None = self._connection.execute(asked).scalar()
        return None if left is None else max(0.0, left / 1_000_000)

    def all(self, number: int = 0, *, state: RequestState | None = None, limit: int = 1000) -> list[Asked]:
        asked = select(*(requests.c if number else _TOLD)).order_by(requests.c.number).limit(limit)
        if number:
            asked = asked.where(requests.c.number == number)
        if state:
            asked = asked.where(requests.c.state == state)
        return [_asked(row) for row in self._connection.execute(asked)]

    def retry(self, number: int) -> bool:
        again = update(requests).where(requests.c.number == number).values(state=_WAITING, next=0)
        done = bool(self._connection.execute(again).rowcount)
        wake(self._connection, self._channel)
        return done

    def discard(self, number: int) -> bool:
        return bool(self._connection.execute(delete(requests).where(requests.c.number == number)).rowcount)


def _first(asked: Select[Any], without: Collection[str]) -> Select[Any]:
    """Only the first request of each key that waits, and none of some types."""
    return asked.where(requests.c.state == _WAITING, requests.c.type.not_in(sorted(without)), _IS_FIRST)


def _asked(row: Row[Any]) -> Asked:
    body = bytes(row._mapping.get("body", b""))
    wanted = Wanted(row.type, row.id, body, row.key, row.new, row.backfill, row.traceparent, row.condition)
    return Asked(row.number, wanted, row.since, row.attempts, row.state, bytes(row.outcome))
