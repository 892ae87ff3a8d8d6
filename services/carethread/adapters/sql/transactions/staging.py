"""Parts of transactions that span services, between prepare and commit: kept, and what they rest on held.

A part is one row of `staged`, with its writes ready-made. Each resource on which its decisions rest has the
transaction's id in `resources.held`; what is not there yet is held by a row without a version, which no read sees.
Claims that it takes are held in the transaction's name. All who write look a resource up with its lock, so they meet a
hold; it goes with its part.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import Connection, and_, bindparam, delete, insert, select, tuple_, update

from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.tables import claims, resources, staged
from carethread.adapters.sql.upsert import upsert
from carethread.core.errors import HELD, Held
from carethread.core.ports import Key

Place = tuple[str, str]
"""The kind and the key of a claim."""

_HOLDER = "transaction/"
_CHUNK = 500

_OLD = select(staged.c.id, staged.c.begun).where(staged.c.begun < bindparam("before")).order_by(staged.c.begun)
_AMONG = and_(resources.c.type == bindparam("of_type"), resources.c.id.in_(bindparam("ids", expanding=True)))
_HOLD = update(resources).where(_AMONG, resources.c.held == "").values(held=bindparam("transaction"))
_PRESENT = select(resources.c.id).where(_AMONG)
_FREE = update(resources).where(resources.c.held == bindparam("transaction"), resources.c.version > 0).values(held="")
_LEAVE = delete(resources).where(resources.c.held == bindparam("transaction"), resources.c.version == 0)
_UNCLAIM = delete(claims).where(claims.c.holder == bindparam("holder"))
_KEPT = select(staged.c.begun).where(staged.c.id == bindparam("transaction"))
_FORGET = delete(staged).where(staged.c.id == bindparam("transaction")).returning(staged.c.body)
_LEFT = delete(claims).where(tuple_(claims.c.kind, claims.c.key).in_(bindparam("places", expanding=True)))
_TAKEN = insert(claims)
_SETTLE = _FORGET.add_cte(_LEAVE.cte("left"), _FREE.cte("freed"), _UNCLAIM.cte("unclaimed"))
"""All four at once, for PostgreSQL; no row is both left and freed."""
_ALL_HELD = "SELECT type, id FROM resources WHERE held <> ''"


def refuse_held(holds: Iterable[object]) -> None:
    """Raise Held when any of the holds is one."""
    if any(holds):
        raise Held(HELD)


def refuse_held_rows(connection: Connection, keys: Collection[Key]) -> None:
    """Raise Held when one of the keys is held; for SQLite, which has no row locks to read the hold with."""
    refuse_held(undecided(connection, keys))


def undecided(connection: Connection, keys: Collection[Key]) -> set[Key]:
    """Which of the resources are held."""
    wanted = set(keys)
    return wanted & {(type_, id_) for type_, id_ in connection.exec_driver_sql(_ALL_HELD)} if wanted else set()


def refuse_held_claims(holders: Iterable[str]) -> None:
    """Raise Held when a claim is held in a transaction's name."""
    refuse_held(holder.startswith(_HOLDER) for holder in holders)


def prepare(
    connection: Connection, id_: str, begun: int, body: bytes, keys: Iterable[Key], places: Iterable[Place]
) -> None:
    """Keep a part; hold the resources, which must be locked, and the places. Raises Held when one is not free."""
    connection.execute(insert(staged).values(id=id_, begun=begun, body=body))
    for among in _chunks(keys):
        present = set(connection.execute(_PRESENT, among).scalars())
        absent = [(among["of_type"], name) for name in among["ids"] if name not in present]
        connection.execute(_HOLD, {**among, "transaction": id_})
        if absent:
            connection.execute(insert(resources), [_nothing(key, id_) for key in absent])
    for kind, key in sorted(places):
        place = {"kind": kind, "key": key, "holder": f"{_HOLDER}{id_}"}
        taken = upsert(connection, claims).values(place).on_conflict_do_nothing().returning(claims.c.holder)
        refuse_held([connection.execute(taken).scalar() is None])


def _chunks(keys: Iterable[Key]) -> Iterator[dict[str, Any]]:
    """What `_AMONG` takes: ids of one type at a time, for SQLite goes through every resource for a list of pairs."""
    for type_name, some in groupby(sorted(set(keys)), key=itemgetter(0)):
        ids = [id_ for _, id_ in some]
        for start in range(0, len(ids), _CHUNK):
            yield {"of_type": type_name, "ids": ids[start : start + _CHUNK]}


def _nothing(key: Key, id_: str) -> dict[str, Any]:
    """The row that holds the place of a resource that is not there."""
    return {
        "type": key[0],
        "id": key[1],
        "version": 0,
        "updated": 0,
        "deleted": True,
        "key": "",
        "department": "",
        "held": id_,
    }


def is_kept(connection: Connection, id_: str) -> bool:
    """Whether a part is kept."""
    return connection.execute(_KEPT, {"transaction": id_}).first() is not None


def settle(connection: Connection, id_: str) -> bytes | None:
    """Forget a part, free all that it held, and return it; None when it is not, or no longer, kept."""
    values = {"transaction": id_, "holder": f"{_HOLDER}{id_}"}
    if is_sqlite(connection):
        for statement in (_LEAVE, _FREE, _UNCLAIM):
            connection.execute(statement, values)
        return connection.execute(_FORGET, values).scalar_one_or_none()
    return connection.execute(_SETTLE, values).scalar_one_or_none()


def move(connection: Connection, moved: Mapping[Place, str]) -> None:
    """Give places to who is to have them, whoever has them now; empty: to nobody."""
    if not moved:
        return
    connection.execute(_LEFT, {"places": sorted(moved)})
    if taken := [{"kind": kind, "key": key, "holder": who} for (kind, key), who in sorted(moved.items()) if who]:
        connection.execute(_TAKEN, taken)


def body_of(part: bytes, made: dict[str, Any], moved: Mapping[Place, str]) -> bytes:
    """What is kept of a part: what its owner wants to know again, its writes, and the places that change hands."""
    return orjson.dumps([part.decode(), made, [(*place, holder) for place, holder in moved.items()]])


def read(body: bytes) -> tuple[bytes, dict[str, Any], dict[Place, str]]:
    """What `body_of` was given."""
    part, made, moved = orjson.loads(body)
    return part.encode(), made, {(kind, key): holder for kind, key, holder in moved}


def doubts(connection: Connection, before: int) -> dict[str, int]:
    """The transactions whose parts were prepared before a moment (microseconds) and are still kept, oldest first, with
    the moment when each was."""
    return {row.id: row.begun for row in connection.execute(_OLD, {"before": before})}
