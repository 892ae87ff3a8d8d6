"""One unit's versions with their index rows and events: row by row on SQLite, in one statement on PostgreSQL.

Each statement that PostgreSQL is sent costs a message there and back, about as much as what it does. So all tables that
a unit concerns are filled by one (https://www.postgresql.org/docs/15/queries-with.html#QUERIES-WITH-MODIFYING), which
names no other table, for each costs something even when nothing is put into it. A table's only row goes as its values,
several as one array for each column. The numbers of new resources are taken from the sequence beforehand, many at a
time, so that what is put into one table needs nothing of what is put into another (0.85 ms of PostgreSQL for an
Appointment where it did, 0.5 ms so).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache, partial
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import BigInteger, Boolean, Connection, Engine, Float, Integer, LargeBinary, Table

from carethread.adapters.sql.arrays import floats, numbers, texts, truths
from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.store import statements
from carethread.adapters.sql.tables import INDEX_TABLES, fit, outbox, resources, versions
from carethread.core.events import Event
from carethread.core.ports import Key, Stored, Write
from carethread.interactions.writing.version import restamped

_CHUNK = 500
"""Rows in one IN list; SQLite's limit on variables is 32,766."""

_STATE = ("type", "id", "version", "updated", "deleted", "key", "department")
_CHANGING = ("version", "updated", "deleted", "department")
_EVENT = tuple(column.name for column in outbox.c if column.name not in ("position", "sequence", "row"))

Values = Sequence[Any]

Given = dict[str, Collection[Values]]
"""The rows of a unit by the part that they are of, see `_FILLED`."""

_RESERVED_AT_ONCE = 100
"""Numbers taken from the sequence of rows; those that a process has not used when it ends stay unused."""

_RESERVE = f"SELECT nextval('resources_row_seq') FROM generate_series(1, {_RESERVED_AT_ONCE})"
_reserved: WeakKeyDictionary[Engine, deque[int]] = WeakKeyDictionary()


def write(connection: Connection, writes: Sequence[Write], channel: str) -> dict[Key, int]:
    """Store the versions, replace the index rows of their resources, and put their events into the outbox; returns the
    numbers of the resources.

    PostgreSQL notifies `channel` of events when the transaction commits.
    """
    given = _given(connection, writes)
    rows = {(type_name, id_): row for part in ("fresh", "changed") for row, type_name, id_, *_ in given.get(part, ())}
    if is_sqlite(connection):
        numbered = _one_by_one(connection, given)
        return {key: numbered[row] for key, row in rows.items()}
    _at_once(connection, _arrays(given), channel)
    return rows


def kept(connection: Connection, writes: Sequence[Write]) -> dict[str, Any]:
    """The writes as JSON that only `write_kept` has to understand: ready to be sent, but for their time."""
    given = _given(connection, writes)
    if is_sqlite(connection):
        rows = {name: [list(row) for row in each] for name, each in given.items()}
        for row in rows.get("versions", ()):
            row[_BODY] = row[_BODY].decode()
        return rows
    arrays = {name: list(values) for name, (_, values) in _arrays(given).items()}
    if "versions" in arrays:
        arrays["versions"][_BODY] = [body.decode() for *_, body, _ in given["versions"]]
    return {"arrays": arrays, "ones": [name for name, each in given.items() if len(each) == 1]}


def write_kept(connection: Connection, made: dict[str, Any], now: int, channel: str) -> None:
    """Store what `kept` has made, as of a time in microseconds; what stood already may be younger."""
    if is_sqlite(connection):
        for name, place in _TIMES.items():
            for row in made.get(name, ()):
                row[place] = max(row[place], now)
        for row in made.get("versions", ()):
            row[_BODY] = restamped(row[_BODY].encode(), now)
        _one_by_one(connection, made)
        return
    arrays, ones = made["arrays"], made["ones"]
    for name, place in _TIMES.items():
        if name in arrays:
            arrays[name][place] = _later(arrays[name][place], now)
    if "versions" in arrays:
        bodies = [restamped(body.encode(), now) for body in arrays["versions"][_BODY]]
        arrays["versions"][_BODY] = bodies[0] if "versions" in ones else bodies
    _at_once(connection, {name: (name in ones, values) for name, values in arrays.items()}, channel)


def _later(times: str, now: int) -> str:
    """Times as they are sent, one or an array, each now at the earliest."""
    later = ",".join(str(max(int(time), now)) for time in times.strip("{}").split(","))
    return "{" + later + "}" if times.startswith("{") else later


def last(writes: Sequence[Write]) -> dict[Key, Write]:
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


def _index_rows(kind: str, newest: dict[Key, Write], rows: dict[Key, int]) -> Collection[Values]:
    """The rows of one index table, each once, its resource's row first."""
    return {
        (rows[key], f"{key[0]}.{param}", *(fit(v) if type(v) is str else v for v in values)): None
        for key, w in newest.items()
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


def _given(connection: Connection, writes: Sequence[Write]) -> Given:
    """The rows of a unit. SQLite numbers new resources itself; until then theirs are negative."""
    newest = last(writes)
    rows = {key: w.stored.row for key, w in newest.items()}
    negative = count(-1, -1)
    reserve = negative.__next__ if is_sqlite(connection) else partial(_reserve, connection)
    fresh = {key: reserve() for key, row in rows.items() if not row}
    rows |= fresh
    given: Given = {
        "fresh": [(row, *_state(newest[key].stored)) for key, row in fresh.items()],
        "changed": [(row, *_state(newest[key].stored)) for key, row in rows.items() if key not in fresh],
        "versions": [(rows[w.stored.type, w.stored.id], *_version(w.stored)) for w in writes],
        **{kind: _index_rows(kind, newest, rows) for kind in INDEX_TABLES},
        "events": [(rows[w.stored.type, w.stored.id], *_event(w.event)) for w in writes if w.event],
    }
    return {name: each for name, each in given.items() if each}


def _one_by_one(connection: Connection, given: Given) -> dict[int, int]:
    """Returns by what number each resource is known that was given by another."""
    known = [row for row, *_ in given.get("changed", ())]
    for row, *values in given.get("changed", ()):
        state = dict(zip(_STATE, values, strict=True))
        connection.execute(statements.UPDATE_RESOURCE, {"_row": row, **{f"_{name}": state[name] for name in _CHANGING}})
    for kind in INDEX_TABLES:
        for start in range(0, len(known), _CHUNK):
            connection.execute(statements.CLEAR_INDEX[kind], {"rows": known[start : start + _CHUNK]})
    rows = {row: row for row in known}
    if fresh := given.get("fresh"):
        states = {(state[0], state[1]): (number, state) for number, *state in fresh}
        made = connection.execute(
            statements.INSERT_RESOURCE, [dict(zip(_STATE, state, strict=True)) for _, state in states.values()]
        )
        rows |= {states[type_name, id_][0]: row for type_name, id_, row in made}
    for name in ("versions", *INDEX_TABLES, "events"):
        table, names = _FILLED[name]
        _fill(connection, table, names, [(rows[row], *values) for row, *values in given.get(name, ())])
    return rows


def _fill(connection: Connection, table: Table, columns: Sequence[str], rows: Collection[Values]) -> None:
    """Insert rows of values for these columns, without a dictionary for each."""
    if rows:
        marks = ", ".join("?" * len(columns))
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({_quoted(columns)}) VALUES ({marks})", list(map(tuple, rows))
        )


Arrays = dict[str, tuple[bool, Sequence[Any]]]
"""What is sent by part: whether it is one row only, and a value or an array for each column."""


def _arrays(given: Given) -> Arrays:
    return {name: (len(each) == 1, list(_sent(_kinds(name), each))) for name, each in given.items()}


def _at_once(connection: Connection, arrays: Arrays, channel: str) -> None:
    if not arrays:
        return
    if "changed" in arrays:
        one, (known, *_) = arrays["changed"]
        run(connection, _forgetting(one), [known])
    channels = [channel] if "events" in arrays else []
    values = [value for _, each in arrays.values() for value in each]
    parts = tuple((name, one) for name, (one, _) in arrays.items())
    run(connection, _storing(parts, len(channels)), [*values, *channels])


def _reserve(connection: Connection) -> int:
    """A number for a new resource that no other has got, or will."""
    free = _reserved.setdefault(connection.engine, deque())
    while True:
        try:
            return free.popleft()
        except IndexError:
            free.extend(row for (row,) in run(connection, _RESERVE, []))


@cache
def _forgetting(one: bool) -> str:
    """The index rows of resources whose rows are given, once for each table; of one in a form that is planned once."""
    which = "= $1::bigint" if one else "= ANY ($1::bigint[])"
    gone = [f'gone_{kind} AS (DELETE FROM {table.name} WHERE "row" {which})' for kind, table in INDEX_TABLES.items()]
    return f"WITH {', '.join(gone)} SELECT 1"


_KINDS = {Boolean: "boolean", Integer: "bigint", BigInteger: "bigint", Float: "float8", LargeBinary: "bytea"}


def _kind(table: Table, name: str) -> str:
    """What PostgreSQL has the column as; all whole numbers are bigint, which an insert narrows."""
    return next((kind for of, kind in _KINDS.items() if isinstance(table.c[name].type, of)), "text")


_FILLED: dict[str, tuple[Table, Sequence[str]]] = {
    "fresh": (resources, ("row", *_STATE)),
    "changed": (resources, ("row", *_STATE)),
    "versions": (versions, ("row", "version", "updated", "method", "body", "type")),
    **{kind: (table, [column.name for column in table.c]) for kind, table in INDEX_TABLES.items()},
    "events": (outbox, ("row", *_EVENT)),
}
"""The parts of a unit: the table, and the columns whose values are given, in order."""

_TIMES = {
    name: _FILLED[name][1].index(time)
    for name, time in (("fresh", "updated"), ("changed", "updated"), ("versions", "updated"), ("events", "time"))
}
"""Where in a row the time of the write is."""

_BODY = _FILLED["versions"][1].index("body")


@cache
def _kinds(part: str) -> Sequence[str]:
    table, names = _FILLED[part]
    return [_kind(table, name) for name in names]


@cache
def _storing(parts: Sequence[tuple[str, bool]], channels: int) -> str:
    """All rows of a unit, by the parts that it has and whether each is one row only; then who is told."""
    place = count(1)

    def doing(part: str, one: bool) -> str:
        table, names = _FILLED[part]
        if one:
            given = f"(VALUES ({', '.join(f'${next(place)}::{kind}' for kind in _kinds(part))}))"
        else:
            given = f"unnest({', '.join(f'${next(place)}::{kind}[]' for kind in _kinds(part))})"
        if part == "changed":
            changed = ", ".join(f"{name} = given.{name}" for name in _CHANGING)
            given += f" AS given({_quoted(names)})"
            return f'UPDATE resources SET {changed} FROM {given} WHERE resources."row" = given."row"'
        return f"INSERT INTO {table.name} ({_quoted(names)}) SELECT * FROM {given} AS given"

    made = ", ".join(f"{part} AS ({doing(part, one)})" for part, one in parts)
    told = ", ".join(f"pg_notify(${next(place)}, '')" for _ in range(channels))
    return f"WITH {made} SELECT {told or 1}"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _sent(kinds: Sequence[str], rows: Collection[Values]) -> Iterable[Any]:
    """The values of one row, or an array for each column of several."""
    if len(rows) == 1:
        return [_VALUE[kind](value) for kind, value in zip(kinds, *rows, strict=True)]
    return [_ARRAY[kind](column) for kind, column in zip(kinds, zip(*rows, strict=True), strict=True)]


_ARRAY: dict[str, Callable[[Any], Any]] = {
    "bigint": numbers,
    "text": texts,
    "boolean": truths,
    "float8": floats,
    "bytea": list,
}
_VALUE: dict[str, Callable[[Any], Any]] = {
    "bigint": str,
    "text": str,
    "boolean": "ft".__getitem__,
    "float8": repr,
    "bytea": bytes,
}
"""A value as PostgreSQL reads it: of one type to the driver, whatever its size, so that a statement stays the same."""
