"""Putting slots into the table of openings: row by row on SQLite, as one array for each column on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, String

from carethread.adapters.sql.arrays import numbers, texts
from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.tables import openings
from carethread.adapters.sql.upsert import upsert
from carethread.core.ports.calendar import FOREVER, Opening

_COLUMNS = tuple(column.name for column in openings.c)
_CHANGED = [name for name in _COLUMNS if name != "row"]
_TEXTS = {column.name for column in openings.c if isinstance(column.type, String)}
_ARRAY: dict[bool, Callable[[Iterable[Any]], str]] = {True: texts, False: numbers}

_ENTER = (
    "WITH entered AS (INSERT INTO openings ("
    + ", ".join(f'"{name}"' for name in _COLUMNS)
    + ") SELECT * FROM unnest("
    + ", ".join(f"${place}::{'text' if name in _TEXTS else 'bigint'}[]" for place, name in enumerate(_COLUMNS, 1))
    + ') ON CONFLICT ("row") DO UPDATE SET '
    + ", ".join(f'"{name}" = excluded."{name}"' for name in _CHANGED)
    + ") SELECT 1"
)


def enter(connection: Connection, entered: Sequence[tuple[int, Opening]]) -> None:
    """Enter slots, each with the number of its purpose, or enter them anew; no row stands twice.

    One whose status is free has a seat; of the others that is found out apart.
    """
    rows = [_values(purpose, opening) for purpose, opening in entered]
    if not rows:
        return
    if is_sqlite(connection):
        statement = upsert(connection, openings)
        changed = {name: statement.excluded[name] for name in _CHANGED}
        values = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
        connection.execute(statement.on_conflict_do_update(index_elements=["row"], set_=changed), values)
        return
    columns = zip(_COLUMNS, zip(*rows, strict=True), strict=True)
    run(connection, _ENTER, [_ARRAY[name in _TEXTS](column) for name, column in columns])


def _values(purpose: int, opening: Opening) -> tuple[int | str, ...]:
    own = {"purpose": purpose, "free": 0 if opening.status == "free" else FOREVER}
    return tuple(own[name] if name in own else getattr(opening, name) for name in _COLUMNS)
