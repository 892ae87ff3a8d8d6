"""What a consumer remembers, in its own service's database: which events had their effect, and how far it has read.

Each is a statement inside the transaction of the effect itself, so that both are kept or neither is.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.events.headers import pack
from carethread.adapters.sql.tables import dead_letters, inbox
from carethread.adapters.sql.tables import positions as places
from carethread.core.ports import Record

_CHUNK = 5000
"""Rows in one INSERT; SQLite takes 32,766 variables, and a row has two."""

_MOVE = (  # made once, for the same reason as the store's statements
    update(places)
    .where(
        places.c.consumer == bindparam("_consumer"),
        places.c.topic == bindparam("_topic"),
        places.c.partition == bindparam("_partition"),
        places.c.position == bindparam("_expected"),
    )
    .values(position=bindparam("_to"))
)


def first_time(connection: Connection, reaction: str, ids: Sequence[str]) -> set[str]:
    """Enter event ids into a reaction's inbox; returns those that were not in it."""
    entered: set[str] = set()
    for start in range(0, len(ids), _CHUNK):
        rows = [{"reaction": reaction, "ce_id": id_} for id_ in ids[start : start + _CHUNK]]
        statement = _insert(connection, inbox).values(rows).on_conflict_do_nothing()
        entered.update(connection.execute(statement.returning(inbox.c.ce_id)).scalars())
    return entered


def advance(connection: Connection, consumer: str, topic: str, partition: int, expected: int, position: int) -> bool:
    """Move a position from `expected` (0 before the first) to `position`; False when it is elsewhere by now."""
    move = {"_consumer": consumer, "_topic": topic, "_partition": partition, "_expected": expected, "_to": position}
    moved = connection.execute(_MOVE, move).rowcount
    if moved or expected:
        return bool(moved)
    row = {"consumer": consumer, "topic": topic, "partition": partition, "position": position}
    statement = _insert(connection, places).values(row).on_conflict_do_nothing()
    return connection.execute(statement.returning(places.c.position)).first() is not None


def bury(connection: Connection, consumer: str, record: Record, outcome: bytes) -> None:
    """Keep a record that can never succeed with its OperationOutcome; buried again, the newer outcome counts."""
    row = {
        "consumer": consumer,
        "topic": record.topic,
        "partition": record.partition,
        "position": record.position,
        "key": record.key.encode(),
        "headers": pack(record.headers),
        "value": record.value,
        "outcome": outcome,
    }
    statement = _insert(connection, dead_letters).values(row)
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(dead_letters.primary_key), set_={"outcome": outcome})
    )


def positions(connection: Connection, consumer: str) -> dict[tuple[str, int], int]:
    """The next position of each (topic, partition) that the consumer has read."""
    rows = connection.execute(
        select(places.c.topic, places.c.partition, places.c.position).where(places.c.consumer == consumer)
    )
    return {(topic, partition): position for topic, partition, position in rows}


def _insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say ON CONFLICT, which both databases spell alike but SQLAlchemy keeps per dialect."""
    return sqlite.insert(table) if is_sqlite(connection) else postgresql.insert(table)
