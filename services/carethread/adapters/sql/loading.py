"""Facts by the hundred thousand, in the place of all that are there; see `core.ports.facts.Loading`.

PostgreSQL takes them as COPY in its binary form, which needs no escapes
(https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.4).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import Struct
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, Engine, delete

from carethread.adapters.sql.direct import tell
from carethread.adapters.sql.engine import is_sqlite, writing
from carethread.adapters.sql.facts import CHANGED, GENERATION, SEQUENCE, add, raise_to
from carethread.adapters.sql.tables import facts, mirrors, positions
from carethread.adapters.sql.upsert import upsert
from carethread.core.errors import Busy
from carethread.core.ports import Place

Row = tuple[str, str, int, str]
Numbered = tuple[int, str, str, int, str]

_INSERT = "INSERT INTO facts (changed, type, id, version, made) VALUES (?, ?, ?, ?, ?)"
_COPY = "COPY facts (changed, type, id, version, made) FROM STDIN (FORMAT binary)"
_BEGIN, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_FIELD, _FIRST, _VERSION = Struct("!i"), Struct("!hiq"), Struct("!ii")


class SqlLoading:
    """The facts of one service's database."""

    def __init__(self, engine: Engine, consumer: str) -> None:
        self._engine = engine
        self._consumer = consumer

    def replace(
        self,
        facts: Iterable[Sequence[Row]],
        sources: Mapping[str, Mapping[str, int]],
        mirrors: Mapping[str, tuple[str, int]],
        positions: Mapping[Place, int],
    ) -> tuple[int, int]:
        """See the port."""
        with writing(self._engine) as connection:
            if not is_sqlite(connection):
                tell(connection, "SET LOCAL statement_timeout = 0")
                tell(connection, "SET LOCAL idle_in_transaction_session_timeout = 0")
            generation = add(connection, CHANGED, "", 1)
            last = self._load(connection, facts, generation)
            raise_to(connection, CHANGED, {"": last})
            raise_to(connection, GENERATION, {type_name: generation for type_name, _ in mirrors.values()})
            told = {f"{service}/{name}": n for service, types in sources.items() for name, n in types.items()}
            raise_to(connection, SEQUENCE, told)
            _fill(connection, {name: sequence for name, (_, sequence) in mirrors.items()})
            _move(connection, self._consumer, positions)
        return generation, last

    def _load(self, connection: Connection, batches: Iterable[Sequence[Row]], after: int) -> int:
        connection.execute(delete(facts))
        numbered = _Numbered(after)
        if is_sqlite(connection):
            driver: Any = connection.connection.dbapi_connection
            for batch in batches:
                driver.executemany(_INSERT, numbered(batch)).close()
            return numbered.last
        raw = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        try:
            with raw.cursor().copy(_COPY) as copy:
                copy.write(_BEGIN)
                for batch in batches:
                    copy.write(b"".join(map(_packed, numbered(batch))))
                copy.write(_END)
        except psycopg.OperationalError as error:
            raise Busy("The database is away, or ended the loading of facts.") from error
        return numbered.last


class _Numbered:
    """Rows with the numbers of their changes."""

    def __init__(self, last: int) -> None:
        self.last = last

    def __call__(self, batch: Sequence[Row]) -> Iterator[Numbered]:
        first, self.last = self.last + 1, self.last + len(batch)
        return ((changed, *row) for changed, row in enumerate(batch, first))


def _packed(row: Numbered) -> bytes:
    changed, type_name, id_, version, made = row
    parts = [_FIRST.pack(5, 8, changed)]
    for text in (type_name, id_):
        encoded = text.encode()
        parts += (_FIELD.pack(len(encoded)), encoded)
    encoded = made.encode()
    parts += (_VERSION.pack(4, version), _FIELD.pack(len(encoded)), encoded)
    return b"".join(parts)


def _fill(connection: Connection, sequences: Mapping[str, int]) -> None:
    """Note that mirrors have all that their owners had."""
    began = time.time_ns() // 1000
    for name, sequence in sequences.items():
        row = {"sequence": sequence, "began": began, "place": None}
        entered = upsert(connection, mirrors).values(type=name, **row)
        connection.execute(entered.on_conflict_do_update(index_elements=[mirrors.c.type], set_=row))


def _move(connection: Connection, consumer: str, places: Mapping[Place, int]) -> None:
    """Put a consumer at positions, wherever it is: one that reads meanwhile finds its own gone, and looks again."""
    keys = [positions.c.consumer, positions.c.topic, positions.c.partition]
    for (topic, partition), position in sorted(places.items()):
        row = {"consumer": consumer, "topic": topic, "partition": partition, "position": position}
        entered = upsert(connection, positions).values(row)
        connection.execute(entered.on_conflict_do_update(index_elements=keys, set_={"position": position}))
