"""One unit's versions with their index rows and events: row by row on SQLite, as arrays in one statement on PostgreSQL.

Each statement that PostgreSQL is sent costs a message there and back, about as much as what it does. So a unit's rows
go as one array for each column, and tell which resource they are of by its number in the unit, for a new resource's
row is known only there (https://www.postgresql.org/docs/15/queries-with.html#QUERIES-WITH-MODIFYING).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from itertools import count
from typing import Any

from sqlalchemy import BigInteger, Boolean, Connection, Float, Integer, LargeBinary, Table

from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.store import statements
from carethread.adapters.sql.tables import INDEX_TABLES, fit, outbox, resources, versions
from carethread.core.events import Event
from carethread.core.ports import Key, Stored, Write

_CHUNK = 500
"""Rows in one IN list; SQLite's limit on variables is 32,766."""

_STATE = ("type", "id", "version", "updated", "deleted", "key", "department")
_CHANGING = ("version", "updated", "deleted", "department")
_EVENT = tuple(column.name for column in outbox.c if column.name not in ("position", "sequence", "row"))

Values = Sequence[Any]


def write(connection: Connection, writes: Sequence[Write], channel: str) -> None:
    """Store the versions, replace the index rows of their resources, and put their events into the outbox.

    PostgreSQL notifies `channel` of events when the transaction commits.
    """
    if is_sqlite(connection):
        _one_by_one(connection, writes)
    else:
        _as_arrays(connection, writes, [channel] if any(w.event for w in writes) else [])


def _last(writes: Sequence[Write]) -> dict[Key, Write]:
    """What each resource is after all of them."""
    return {(w.stored.type, w.stored.id): w for w in writes}


def _state(stored: Stored) -> Values:
    return (
        stored.type,
        stored.id,
        stored.version,
        stored.updated,
        stored.deleted,
        stored.key,
        stored.department,
    )


def _version(stored: Stored) -> Values:
    return stored.version, stored.updated, stored.method, stored.body, stored.type


def _index_rows(kind: str, last: dict[Key, Write], numbers: dict[Key, int]) -> Collection[Values]:
    """The rows of one index table, each once, the number of its resource first."""
    return {
        (numbers[key], f"{key[0]}.{param}", *(fit(v) if type(v) is str else v for v in values)): None
        for key, w in last.items()
        if w.index is not None
        for param, *values in getattr(w.index, kind)
    }


def _event(event: Event) -> Values:
    return (
        event.id,
        event.version,
        event.resource_type,
        event.resource_id,
        event.verb,
        event.time,
        event.key,
        event.dataschema,
        event.department,
        event.backfill,
        ",".join(event.changed),
        event.previous_status,
        event.traceparent,
    )


def _one_by_one(connection: Connection, writes: Sequence[Write]) -> None:
    last = _last(writes)
    rows = {key: w.stored.row for key, w in last.items() if w.stored.row}
    if rows:
        connection.execute(
            statements.UPDATE_RESOURCE,
            [
                {f"_{name}": getattr(last[key].stored, name) for name in ("row", *_STATE[2:5], "department")}
                for key in rows
            ],
        )
    for kind in INDEX_TABLES:
        known = list(rows.values())
        for start in range(0, len(known), _CHUNK):
            connection.execute(statements.CLEAR_INDEX[kind], {"rows": known[start : start + _CHUNK]})
    fresh = [dict(zip(_STATE, _state(w.stored), strict=True)) for key, w in last.items() if key not in rows]
    if fresh:
        made = connection.execute(statements.INSERT_RESOURCE, fresh)
        rows |= {(type_name, id_): row for type_name, id_, row in made}
    _fill(connection, versions, [(rows[w.stored.type, w.stored.id], *_version(w.stored)) for w in writes])
    for kind, table in INDEX_TABLES.items():
        _fill(connection, table, _index_rows(kind, last, rows))
    events = [
        {"row": rows[w.stored.type, w.stored.id], **dict(zip(_EVENT, _event(w.event), strict=True))}
        for w in writes
        if w.event
    ]
    if events:
        connection.execute(statements.INSERT_EVENT, events)


def _fill(connection: Connection, table: Table, rows: Collection[Values]) -> None:
    """Insert rows that are in the order of the columns, without a dictionary for each."""
    if rows:
        names = ", ".join(f'"{column.name}"' for column in table.c)
        marks = ", ".join("?" * len(table.c))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", list(map(tuple, rows)))


def _as_arrays(connection: Connection, writes: Sequence[Write], channels: Sequence[str]) -> None:
    last = _last(writes)
    numbers = {key: number for number, key in enumerate(last)}
    stand = [w.stored.row for w in last.values()]
    known = [row for row in stand if row]
    if known:
        run(connection, _forgetting(), [_numbers(known)])
    fresh = [(numbers[key], *_state(w.stored)) for key, w in last.items() if not w.stored.row]
    changed = [(numbers[key], *_state(w.stored)) for key, w in last.items() if w.stored.row]
    parts: list[Collection[Values]] = [
        [(number, row) for number, row in enumerate(stand)],
        fresh,
        changed,
        [(numbers[w.stored.type, w.stored.id], *_version(w.stored)) for w in writes],
        *(_index_rows(kind, last, numbers) for kind in INDEX_TABLES),
        [(numbers[w.stored.type, w.stored.id], *_event(w.event)) for w in writes if w.event],
    ]
    arrays = [
        array
        for rows, columns in zip(parts, _columns(), strict=True)
        for array in (
            [_ARRAY[kind](column) for kind, column in zip(columns, zip(*rows, strict=True), strict=True)]
            if rows
            else [_EMPTY[kind] for kind in columns]
        )
    ]
    run(connection, _storing(), [*arrays, _texts(channels) if channels else "{}"])


@cache
def _forgetting() -> str:
    """The index rows of resources whose rows are given, once for each table."""
    gone = [
        f'gone_{kind} AS (DELETE FROM {table.name} WHERE "row" = ANY($1::bigint[]))'
        for kind, table in INDEX_TABLES.items()
    ]
    return f"WITH {', '.join(gone)} SELECT 1"


_KINDS = {Boolean: "boolean", Integer: "bigint", BigInteger: "bigint", Float: "float8", LargeBinary: "bytea"}


def _kind(table: Table, name: str) -> str:
    """What PostgreSQL has the column as; all whole numbers are bigint, which an insert narrows."""
    return next((kind for of, kind in _KINDS.items() if isinstance(table.c[name].type, of)), "text")


def _index_names(table: Table) -> list[str]:
    return [column.name for column in table.c if column.name != "row"]


def _inserts() -> list[tuple[Table, Sequence[str]]]:
    """The tables that `_storing` fills, with the columns whose values are given, in order."""
    tables: list[tuple[Table, Sequence[str]]] = [
        (resources, _STATE),
        (resources, _STATE),
        (versions, ("version", "updated", "method", "body", "type")),
    ]
    tables += [(table, _index_names(table)) for table in INDEX_TABLES.values()]
    return [*tables, (outbox, _EVENT)]


@cache
def _columns() -> list[list[str]]:
    """The kinds of all arrays, by part: the units' rows, what is new, what is changed, versions, indexes, events."""
    return [["bigint", "bigint"]] + [["bigint", *(_kind(table, name) for name in names)] for table, names in _inserts()]


@cache
def _storing() -> str:
    """All rows of a unit, in one statement whatever their number, so that it is planned once for a connection."""
    place = count(1)

    def given(table: Table, names: Sequence[str]) -> str:
        kinds = ["bigint", *(_kind(table, name) for name in names)]
        arrays = ", ".join(f"${next(place)}::{kind}[]" for kind in kinds)
        return f"unnest({arrays}) WITH ORDINALITY AS given(n, {_quoted(names)}, nth) JOIN unit USING (n)"

    def inserting(table: Table, names: Sequence[str], order: str = "") -> str:
        return (
            f'INSERT INTO {table.name} ("row", {_quoted(names)}) SELECT unit."row", {_quoted(names, "given.")} '
            f"FROM {given(table, names)}{order}"
        )

    (_, state), (_, _), (_, version), *indexes, (_, event) = _inserts()
    changed = ", ".join(f"{name} = given.{name}" for name in _CHANGING)
    parts = {
        "unit": "SELECT n, CASE WHEN stands = 0 THEN nextval('resources_row_seq') ELSE stands END AS \"row\" "
        f"FROM unnest(${next(place)}::bigint[], ${next(place)}::bigint[]) AS given(n, stands)",
        "fresh": inserting(resources, state),
        "changed": f'UPDATE resources SET {changed} FROM {given(resources, state)} WHERE resources."row" = unit."row"',
        "version": inserting(versions, version),
        **{f"in_{table.name}": inserting(table, names) for table, names in indexes},
        "event": inserting(outbox, event, " ORDER BY nth"),
    }
    made = ", ".join(f"{name} AS ({part})" for name, part in parts.items())
    return f"WITH {made} SELECT pg_notify(channel, '') FROM unnest(${next(place)}::text[]) AS channel"


def _quoted(names: Iterable[str], table: str = "") -> str:
    return ", ".join(f'{table}"{name}"' for name in names)


def _numbers(values: Iterable[object]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _texts(values: Iterable[str]) -> str:
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return '{"' + '","'.join(quoted) + '"}'


def _truths(values: Iterable[bool]) -> str:
    return "{" + ",".join("t" if value else "f" for value in values) + "}"


def _floats(values: Iterable[float]) -> str:
    return "{" + ",".join(map(repr, values)) + "}"


_ARRAY: dict[str, Any] = {"bigint": _numbers, "text": _texts, "boolean": _truths, "float8": _floats, "bytea": list}
"""A column's values as PostgreSQL reads an array (https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO)."""

_EMPTY: dict[str, Any] = {kind: [] if kind == "bytea" else "{}" for kind in _ARRAY}
