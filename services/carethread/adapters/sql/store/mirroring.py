"""Both ends of a mirror's snapshot: the owner's resources piece by piece, and how far a mirror is with them."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, func, not_, select, update

from carethread.adapters.sql.store import statements
from carethread.adapters.sql.tables import mirrors, relay, resources, versions
from carethread.adapters.sql.upsert import upsert
from carethread.core.ports import Progress

PIECE_BYTES = 4 * 1024 * 1024
"""Of bodies in one piece; a larger one stands alone."""

PIECE_COUNT = 500
"""Resources in one piece."""


_candidates = (
    select(resources.c.row, resources.c.version)
    .where(resources.c.type == bindparam("type_name"), resources.c.row > bindparam("after"), not_(resources.c.deleted))
    .order_by(resources.c.row)
    .limit(bindparam("count"))
    .subquery()
)
_size = func.length(versions.c.body)
_sized = (
    select(_candidates, (func.sum(_size).over(order_by=_candidates.c.row) - _size).label("before"))
    .join(versions, (versions.c.row == _candidates.c.row) & (versions.c.version == _candidates.c.version))
    .subquery()
)
PIECE = (
    select(*statements.STORED)
    .join(_sized, _sized.c.row == resources.c.row)
    .join(versions, (versions.c.row == _sized.c.row) & (versions.c.version == _sized.c.version))
    .where(_sized.c.before < PIECE_BYTES)
    .order_by(resources.c.row)
)
"""The next resources of a type that live, in order of rows: as many as have room, and one at least if there is any.

The length of a body is known without reading it, in both databases."""

NUMBERED = select(func.coalesce(func.max(relay.c.numbered), 0)).where(relay.c.name == bindparam("service"))
"""The last number that the relay has given; every event that has one was committed before that."""


def progress(connection: Connection, mirror: str) -> Progress | None:
    """See `core.ports.Store.mirrored`."""
    found = connection.execute(
        select(mirrors.c.began, mirrors.c.sequence, mirrors.c.place).where(mirrors.c.type == mirror)
    ).first()
    return Progress(*found) if found else None


def mark(connection: Connection, mirror: str, before: Progress | None, after: Progress | None) -> bool:
    """See `core.ports.Session.mark_mirrored`."""
    if after is None:
        connection.execute(delete(mirrors).where(mirrors.c.type == mirror))
        return True
    row = {"began": after.began, "sequence": after.sequence, "place": after.place}
    if before is None:
        entered = upsert(connection, mirrors).values(type=mirror, **row).on_conflict_do_nothing()
        return connection.execute(entered.returning(mirrors.c.type)).first() is not None
    moved = (
        update(mirrors)
        .where(mirrors.c.type == mirror, mirrors.c.began == before.began, mirrors.c.place == before.place)
        .values(row)
    )
    return connection.execute(moved).rowcount == 1
