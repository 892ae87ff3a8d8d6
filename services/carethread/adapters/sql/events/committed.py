"""What was committed in a period, published or not, as events: the outbox by time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, tuple_

from carethread.adapters.sql.events.outbox import told
from carethread.adapters.sql.tables import outbox, versions
from carethread.core.events import Event

_PLACE = tuple_(versions.c.updated, versions.c.row, versions.c.version)

_COMMITTED = (
    select(outbox, versions.c.updated, versions.c.body)
    .join(outbox, (versions.c.row == outbox.c.row) & (versions.c.version == outbox.c.version))
    .where(
        versions.c.type.in_(bindparam("types", expanding=True)),
        versions.c.updated >= bindparam("begin"),
        versions.c.updated < bindparam("before"),
        tuple_(bindparam("time"), bindparam("row"), bindparam("version")) < _PLACE,
    )
    .order_by(versions.c.updated, versions.c.row, versions.c.version)
    .limit(bindparam("most"))
)


def committed(
    connection: Connection, types: Sequence[str], begin: int, before: int, after: tuple[int, int, int], most: int
) -> list[tuple[tuple[int, int, int], Event]]:
    """Events of the types that happened in [begin, before), each with its place, behind the place `after`."""
    bounds = {"types": list(types), "begin": begin, "before": before, "most": most}
    place = dict(zip(("time", "row", "version"), after, strict=True))
    return [
        ((row.updated, row.row, row.version), _event(row)) for row in connection.execute(_COMMITTED, bounds | place)
    ]


def _event(row: Row[Any]) -> Event:
    return Event(service="", data=bytes(row.body), sequence=row.sequence or 0, **told(row))
