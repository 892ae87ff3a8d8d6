"""What a consumer remembers, in its own service's database: which events had their effect, and how far it has read.

Each is a statement inside the transaction of the effect itself, so that both are kept or neither is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, exists, select, update

from carethread.adapters.sql.arrays import array, texts
from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.events.retention import is_forgotten
from carethread.adapters.sql.tables import dead_letters, inbox
from carethread.adapters.sql.tables import positions as places
from carethread.adapters.sql.upsert import upsert
from carethread.core.ports import Place

_CHUNK = 5000
"""Rows in one INSERT; SQLite takes 32,766 variables, and a row has two."""

_ENTER_TEXT = (
    f"INSERT INTO inbox (reaction, ce_id) SELECT $1::text, ce_id FROM unnest({array(2, 'text')}) AS ce_id "
    "ON CONFLICT DO NOTHING RETURNING ce_id"
)
"""As the driver takes it, for PostgreSQL: SQLAlchemy would compile it anew for each number of events."""

_MOVE = (  # made once, for the same reason as the store's statements
    update(places)
    .where(
        places.c.consumer == bindparam("_consumer"),
        places.c.topic == bindparam("_topic"),
        places.c.partition == bindparam("_partition"),
        places.c.position == bindparam("_expected"),
    )
    .values(position=bindparam("_to"))
    .returning(exists().where(dead_letters.c.consumer == bindparam("_consumer")))
)


def first_time(connection: Connection, reaction: str, ids: Sequence[str]) -> set[str]:
    """Enter event ids into a reaction's inbox; returns those that were not in it, nor are forgotten."""
    entered: set[str] = set()
    old = is_forgotten(connection, ids)
    ids = [id_ for id_ in ids if id_ not in old] if old else ids
    if not is_sqlite(connection):
        return {id_ for (id_,) in run(connection, _ENTER_TEXT, [reaction, texts(ids)])} if ids else entered
    for start in range(0, len(ids), _CHUNK):
        rows = [{"reaction": reaction, "ce_id": id_} for id_ in ids[start : start + _CHUNK]]
        statement = upsert(connection, inbox).values(rows).on_conflict_do_nothing()
        entered.update(connection.execute(statement.returning(inbox.c.ce_id)).scalars())
    return entered


def happened(connection: Connection, reaction: str, ids: Sequence[str]) -> set[str]:
    """Which of the event ids are in a reaction's inbox, or were and are forgotten."""
    found = is_forgotten(connection, ids)
    for start in range(0, len(ids), _CHUNK):
        asked = select(inbox.c.ce_id).where(
            inbox.c.reaction == reaction, inbox.c.ce_id.in_(ids[start : start + _CHUNK])
        )
        found.update(connection.execute(asked).scalars())
    return found


def advance(
    connection: Connection, consumer: str, topic: str, partition: int, expected: int, position: int
) -> bool | None:
    """Move a position from `expected` (0 before the first) to `position`; None when it is elsewhere by now, else
    whether the consumer has dead letters, which this statement tells along the way."""
    move = {"_consumer": consumer, "_topic": topic, "_partition": partition, "_expected": expected, "_to": position}
    moved = connection.execute(_MOVE, move).first()
    if moved or expected:
        return bool(moved[0]) if moved else None
    row = {"consumer": consumer, "topic": topic, "partition": partition, "position": position}
    entered = upsert(connection, places).values(row).on_conflict_do_nothing()
    if connection.execute(entered.returning(places.c.position)).first() is None:
        return None
    return bool(connection.execute(select(exists().where(dead_letters.c.consumer == consumer))).scalar())


def set_back(connection: Connection, consumer: str, positions: Mapping[Place, int]) -> None:
    """Put positions back to where a replay begins; a place that is not so far yet comes there by itself."""
    for (topic, partition), position in positions.items():
        mine = (places.c.consumer == consumer, places.c.topic == topic, places.c.partition == partition)
        connection.execute(update(places).where(*mine, places.c.position > position).values(position=position))


def positions(connection: Connection, consumer: str) -> dict[tuple[str, int], int]:
    """The next position of each (topic, partition) that the consumer has read."""
    rows = connection.execute(
        select(places.c.topic, places.c.partition, places.c.position).where(places.c.consumer == consumer)
    )
    return {(topic, partition): position for topic, partition, position in rows}
