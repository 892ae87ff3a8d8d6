"""Requests in a service's own database; see `core.ports.requests`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, exists, func, insert, select, update

from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import NOW_MICROS, is_sqlite, micros
from carethread.adapters.sql.tables import fit, requests
from carethread.adapters.sql.wake import wake
from carethread.core.ports import Asked, RequestState, Wanted

_WAITING, _REFUSED = "waiting", "refused"
_EARLIER = requests.alias("earlier")
_IS_FIRST = ~exists().where(
    _EARLIER.c.key == requests.c.key, _EARLIER.c.number < requests.c.number, _EARLIER.c.state == _WAITING
)
_TOLD = [column for column in requests.c if column.name != "body"]

_PUT_TEXT = (
    "WITH made AS (INSERT INTO requests "
    "(type, id, body, key, condition, traceparent, new, backfill, since, next, attempts, state, outcome) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
    f"{NOW_MICROS['postgresql']}, 0, 0, '{_WAITING}', '') RETURNING number) "
    "SELECT number, pg_notify($9, '') FROM made"
)

_DONE_TEXT = (
    "WITH gone AS (DELETE FROM requests WHERE type = $1::text AND id = $2::text AND number <= $3::bigint) SELECT 1"
)


class SqlRequests:
    """One transaction's view of the requests. PostgreSQL notifies `channel` when there is one to send."""

    def __init__(self, connection: Connection, channel: str) -> None:
        self._connection = connection
        self._channel = channel

    @property
    def _now(self) -> ColumnElement[int]:
        return NOW_MICROS[self._connection.dialect.name]

    def put(self, wanted: Wanted) -> int:
        if not is_sqlite(self._connection):
            return self._put_text(wanted)
        row = {
            "type": wanted.type,
            "id": wanted.id,
            "body": wanted.body,
            "key": fit(wanted.key),
            "new": wanted.new,
            "condition": wanted.condition,
            "backfill": wanted.backfill,
            "traceparent": wanted.traceparent,
            "since": self._now,
            "next": 0,
            "attempts": 0,
            "state": _WAITING,
            "outcome": b"",
        }
        entered = insert(requests).values(row).returning(requests.c.number)
        number: int = self._connection.execute(entered).scalar_one()
        return number

    def _put_text(self, wanted: Wanted) -> int:
        """As `put`, in one statement of PostgreSQL, which tells of it too."""
        flags = (wanted.new, wanted.backfill)
        named = (wanted.type, wanted.id, wanted.body, fit(wanted.key), wanted.condition, wanted.traceparent)
        number: int = run(self._connection, _PUT_TEXT, [*named, *flags, self._channel])[0][0]
        return number

    def claim(self, limit: int, seconds: float, without: Collection[str] = ()) -> list[Asked]:
        due = _first(select(requests.c.number), without).where(requests.c.next <= self._now)
        mine = due.order_by(requests.c.number).limit(limit).with_for_update(of=requests, skip_locked=True)
        numbers = self._connection.execute(mine).scalars().all()
        if not numbers:
            return []
        lease = {"next": self._now + micros(seconds), "attempts": requests.c.attempts + 1}
        these = update(requests).where(requests.c.number.in_(numbers)).values(lease).returning(*requests.c)
        return sorted(map(_asked, self._connection.execute(these)), key=lambda asked: asked.number)

    def done(self, asked: Asked) -> None:
        if not is_sqlite(self._connection):
            run(self._connection, _DONE_TEXT, [asked.wanted.type, asked.wanted.id, str(asked.number)])
            return
        same = (requests.c.type == asked.wanted.type, requests.c.id == asked.wanted.id)
        self._connection.execute(delete(requests).where(*same, requests.c.number <= asked.number))

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
