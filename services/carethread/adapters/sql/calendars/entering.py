"""Putting slots into the table of openings: row by row on SQLite, as one array for each column on PostgreSQL, which is
told in the same message what they are for and finds out when each is free."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, String

from carethread.adapters.sql.arrays import array, numbers, texts
from carethread.adapters.sql.calendars import purposing
from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.tables import openings
from carethread.adapters.sql.upsert import upsert
from carethread.core.ports.calendar import FOREVER, Opening

_COLUMNS = tuple(column.name for column in openings.c)
_CHANGED = [name for name in _COLUMNS if name != "row"]
_SENT = tuple(name for name in _COLUMNS if name != "free")
_TEXTS = {column.name for column in openings.c if isinstance(column.type, String)}
_ARRAY: dict[bool, Callable[[Iterable[Any]], str]] = {True: texts, False: numbers}


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


_ENTER = f"""
WITH known AS (
  INSERT INTO purposes (number, kinds) SELECT * FROM unnest({array(1, "bigint")}, {
    array(2, "text")
}) ON CONFLICT DO NOTHING),
entered AS (
  INSERT INTO openings ({_quoted(_SENT)}, free)
  SELECT given.*, CASE WHEN given.status = 'free' THEN 0 ELSE (
    SELECT CASE WHEN count(*) >= given.capacity THEN min(CASE WHEN until > 0 THEN until ELSE {FOREVER} END)
      ELSE {FOREVER} END FROM busy WHERE busy.actor = 'Slot/' || given.slot) END
  FROM unnest({
    ", ".join(array(place, "text" if name in _TEXTS else "bigint") for place, name in enumerate(_SENT, 3))
}) AS given ({_quoted(_SENT)})
  ON CONFLICT ("row") DO UPDATE SET {", ".join(f'"{name}" = excluded."{name}"' for name in _CHANGED)})
SELECT 1"""


def enter(connection: Connection, entered: Sequence[Opening]) -> bool:
    """Enter slots, or enter them anew; no row stands twice. Whether it was found out when those are free that are not
    so now; else that is the caller's to do."""
    if not entered:
        return True
    purpose = purposing.numbered({opening.kinds for opening in entered})
    rows = [_values(purpose[opening.kinds], opening) for opening in entered]
    if is_sqlite(connection):
        purposing.enter(connection, purpose)
        statement = upsert(connection, openings)
        changed = {name: statement.excluded[name] for name in _CHANGED}
        values = [
            {**dict(zip(_SENT, row, strict=True)), "free": 0 if opening.status == "free" else FOREVER}
            for row, opening in zip(rows, entered, strict=True)
        ]
        connection.execute(statement.on_conflict_do_update(index_elements=["row"], set_=changed), values)
        return False
    columns = zip(_SENT, zip(*rows, strict=True), strict=True)
    sent = [_ARRAY[name in _TEXTS](column) for name, column in columns]
    run(connection, _ENTER, [numbers(purpose.values()), texts(purpose), *sent])
    return True


def _values(purpose: int, opening: Opening) -> tuple[int | str, ...]:
    return tuple(purpose if name == "purpose" else getattr(opening, name) for name in _SENT)
