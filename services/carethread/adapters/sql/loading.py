"""Facts by the hundred thousand, in the place of all that are there; see `core.ports.facts.Loading`.

PostgreSQL takes them as COPY in its binary form, which needs no escapes
(https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from struct import Struct
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, Engine, bindparam, delete, text

from carethread.adapters.sql.direct import tell
from carethread.adapters.sql.engine import is_sqlite, writing
from carethread.adapters.sql.facts import CHANGED, GENERATION, SEQUENCE, add, raise_to
from carethread.adapters.sql.tables import fact_marks, facts, mirrors, positions
from carethread.adapters.sql.upsert import upsert
from carethread.core.errors import Busy, Invalid
from carethread.core.ports import Place

Row = tuple[str, str, int, str]
Numbered = tuple[int, str, str, int, str]

_INSERT = "INSERT INTO facts (changed, type, id, version, made) VALUES (?, ?, ?, ?, ?)"
_COPY = "COPY facts (changed, type, id, version, made) FROM STDIN (FORMAT binary)"
_BEGIN, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_FIELD, _FIRST, _VERSION = Struct("!i"), Struct("!hiq"), Struct("!ii")


_BEFORE = "CREATE TEMPORARY TABLE facts_before AS SELECT type, id, version FROM facts WHERE changed <= "
_LOST = text(
    "SELECT count(*), min(b.type || '/' || b.id) FROM facts_before AS b WHERE type IN :types AND NOT EXISTS"
    " (SELECT 1 FROM facts AS f WHERE f.type = b.type AND f.id = b.id AND f.version >= b.version)"
).bindparams(bindparam("types", expanding=True))


class SqlLoading:
    """The facts of one service's database. With `known`, the number of a change, none of those up to it may get lost:
    `replace` raises Invalid then."""

    def __init__(self, engine: Engine, consumer: str, known: int = 0) -> None:
        self._engine = engine
        self._consumer = consumer
        self._known = known

    def replace(
        self,
        facts: Iterable[Sequence[Row]],
        sources: Mapping[str, Mapping[str, int]],
        mirrors: Mapping[str, tuple[str, int]],
        positions: Mapping[Place, int],
        moment: int,
    ) -> tuple[int, int]:
        """See the port."""
        with writing(self._engine) as connection:
            if not is_sqlite(connection):
                tell(connection, "SET LOCAL statement_timeout = 0")
                tell(connection, "SET LOCAL idle_in_transaction_session_timeout = 0")
            generation = add(connection, CHANGED, "", 1)
            with self._none_lost(connection, [type_name for type_name, _ in mirrors.values()]):
                last = self._load(connection, facts, generation)
            raise_to(connection, CHANGED, {"": last})
            raise_to(connection, GENERATION, {type_name: generation for type_name, _ in mirrors.values()})
            told = {f"{service}/{name}": n for service, types in sources.items() for name, n in types.items()}
            connection.execute(delete(fact_marks).where(fact_marks.c.kind == SEQUENCE))  # they were of what is gone
            raise_to(connection, SEQUENCE, told)
            _fill(connection, {name: sequence for name, (_, sequence) in mirrors.items()}, moment)
            _move(connection, self._consumer, positions)
        return generation, last

    @contextmanager
    def _none_lost(self, connection: Connection, types: Sequence[str]) -> Iterator[None]:
        if not self._known:
            yield
            return
        connection.exec_driver_sql(f"{_BEFORE}{int(self._known)}")
        yield
        count, first = connection.execute(_LOST, {"types": types}).one()
        if count:
            said = f"Metrics has facts of {count} resources, such as {first}, of which the log does not tell"
            raise Invalid(f"{said}. Rebuild from an export, or with --partial without them.")
        connection.exec_driver_sql("DROP TABLE facts_before")

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
    for each in (type_name, id_):
        encoded = each.encode()
        parts += (_FIELD.pack(len(encoded)), encoded)
    encoded = made.encode()
    parts += (_VERSION.pack(4, version), _FIELD.pack(len(encoded)), encoded)
    return b"".join(parts)


def _fill(connection: Connection, sequences: Mapping[str, int], moment: int) -> None:
    """Note that mirrors have all that their owners had at a moment."""
    for name, sequence in sequences.items():
        row = {"sequence": sequence, "began": moment, "place": None}
        entered = upsert(connection, mirrors).values(type=name, **row)
        connection.execute(entered.on_conflict_do_update(index_elements=[mirrors.c.type], set_=row))


def _move(connection: Connection, consumer: str, places: Mapping[Place, int]) -> None:
    """Put a consumer at positions, wherever it is: one that reads meanwhile finds its own gone, and looks again."""
    keys = [positions.c.consumer, positions.c.topic, positions.c.partition]
    for (topic, partition), position in sorted(places.items()):
        row = {"consumer": consumer, "topic": topic, "partition": partition, "position": position}
        entered = upsert(connection, positions).values(row)
        connection.execute(entered.on_conflict_do_update(index_elements=keys, set_={"position": position}))
