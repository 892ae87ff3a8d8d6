"""One page of a search after the other.

Pages are found by key, not by offset: the cursor holds the last match's sort values and row, and the newest row that
there was when the search began, so that pages stay the same while resources are added.

A page is one statement, and brings the bodies. The first key of the order is read along its index: first the resources
that have a value, in the order of the values, then those that have none, in the order of their rows. So a page costs
what it holds, and nothing is sorted as a whole.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal, or_, select, tuple_

from carethread.adapters.sql.search import Rows, matches, param_of
from carethread.adapters.sql.statements import STORED
from carethread.adapters.sql.tables import INDEX_TABLES, resources, versions
from carethread.adapters.sql.values import Condition
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.fhir.search.query import CURSOR, SearchQuery, Sort

_OF_RESOURCE = (*(column for column in STORED if column.table is resources), resources.c.version)

_OWN = {"_id": resources.c.id, "_lastUpdated": resources.c.updated}
"""What the resource's own row has to sort by."""

_SORT_COLUMN = {
    "token": "code",
    "reference": "target_id",
    "date": "low",
    "string": "folded",
    "number": "low",
    "quantity": "low",
    "uri": "uri",
}


_SORTED = {kind: table.alias() for kind, table in INDEX_TABLES.items()}
"""What the first key of an order is read from; its rows are compared with those of `_BESIDE`."""

_BESIDE = {kind: table.alias() for kind, table in INDEX_TABLES.items()}

_TEXTS = ("token", "reference", "string", "uri")
"""What is sorted as text."""


@dataclass(frozen=True, slots=True)
class Key:
    """One column of the order."""

    column: ColumnElement[Any]
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A part of the order: its statement, without what comes before the page, and its keys, the last being the row.

    `missing` are those without a value of the first key: their cursors begin with null.
    """

    statement: Rows
    keys: Sequence[Key]
    missing: bool = False


Columns = tuple[Any, ...]
"""Those of a `Stored`, in the order of `statements.STORED`."""

Found = tuple[list[Any], Columns]
"""A match: what its cursor holds, and what it is."""


def page(connection: Connection, query: SearchQuery, count: int) -> tuple[list[Columns], str]:
    """The columns of one page's matches, in order, and the cursor of the next page, empty at the end."""
    runs = _runs(query)
    last: list[Any] = []
    bound: int | None = None
    if query.cursor:
        runs, last, bound = _resumed(runs, query.cursor)
    found: list[Found] = []
    for run in runs:
        found += _read(connection, run, last, bound, count + 1 - len(found))
        last = []
        if len(found) > count:
            break
    more = len(found) > count
    found = found[:count]
    return [row for _, row in found], _encode(found[-1][0]) if more and found else ""


def _runs(query: SearchQuery) -> list[Run]:
    """The parts of the order, one after the other."""
    if not query.sort or query.sort[0].param in _OWN:
        keys = [key for sort in query.sort for key in _keys(query, sort)]
        return [Run(select().where(matches(query)), [*keys, Key(resources.c.row)])]
    first, *rest = query.sort
    more = [key for sort in rest for key in _keys(query, sort)] + [Key(resources.c.row)]
    table = _SORTED[first.type]
    column = table.c[_SORT_COLUMN[first.type]]
    of_param = _of(query, first, table)
    valued = select().where(matches(query), table.c.row == resources.c.row, of_param, _is_first(query, first, table))
    without = ~select(table.c.row).where(table.c.row == resources.c.row, of_param).correlate(resources).exists()
    return [
        Run(valued, [Key(column, first.descending), *more]),
        Run(select().where(matches(query), without), more, missing=True),
    ]


def _of(query: SearchQuery, sort: Sort, table: Any) -> Condition:
    """The rows of a parameter that have something to sort by: a concept of which there is only a text has no code."""
    of_param = param_of(table.c.param, query.kinds, sort.param)
    return and_(of_param, table.c[_SORT_COLUMN[sort.type]] != "") if sort.type in _TEXTS else of_param


def _is_first(query: SearchQuery, sort: Sort, table: Any) -> Condition:
    """Of a resource's rows for a parameter, the one that counts: the least, or of a descending order the greatest."""
    other = _BESIDE[sort.type]
    names = [_SORT_COLUMN[sort.type]]
    names += [column.name for column in table.c if column.name not in ("row", *names)]
    one, beside = tuple_(*(table.c[name] for name in names)), tuple_(*(other.c[name] for name in names))
    before = beside > one if sort.descending else beside < one
    of_param = _of(query, sort, other)
    return ~select(other.c.row).where(other.c.row == table.c.row, of_param, before).correlate(table).exists()


def _keys(query: SearchQuery, sort: Sort) -> list[Key]:
    """The columns of a key: first whether the value is missing, which comes last, then the value."""
    if sort.param in _OWN:
        return [Key(_OWN[sort.param], sort.descending)]
    table = INDEX_TABLES[sort.type].alias()
    pick = func.max if sort.descending else func.min
    value = (
        select(pick(table.c[_SORT_COLUMN[sort.type]]))
        .where(table.c.row == resources.c.row, _of(query, sort, table))
        .correlate(resources)
        .scalar_subquery()
    )
    nothing = literal("") if sort.type in _TEXTS else literal(0)
    return [Key(case((value.is_(None), 1), else_=0)), Key(func.coalesce(value, nothing), sort.descending)]


_NEWEST = select(func.coalesce(func.max(resources.c.row), 0)).scalar_subquery()


def _read(connection: Connection, run: Run, last: Sequence[Any], bound: int | None, count: int) -> list[Found]:
    """The next `count` of a run behind `last`; a cursor ends with the bound, which is the newest row at first."""
    columns = [key.column.label(f"k{number}") for number, key in enumerate(run.keys)]
    newest = (_NEWEST if bound is None else literal(bound)).label("bound")
    limited = (
        run.statement.add_columns(*columns, newest, *_OF_RESOURCE)
        .order_by(*(key.column.desc() if key.descending else key.column.asc() for key in run.keys))
        .limit(count)
    )
    if bound is not None:
        limited = limited.where(resources.c.row <= bound)
    if last:
        limited = limited.where(_after(run.keys, last))
    here = limited.subquery("page")
    keys = [here.c[column.name] for column in columns]
    stored = [versions.c[column.name] if column.table is versions else here.c[column.name] for column in STORED]
    statement = (
        select(*keys, here.c.bound, *stored)
        .join(versions, and_(versions.c.row == here.c.row, versions.c.version == here.c.version))
        .order_by(*(k.desc() if key.descending else k.asc() for k, key in zip(keys, run.keys, strict=True)))
    )
    width = len(keys) + 1
    nulls = [None] if run.missing else []
    return [([*nulls, *row[:width]], tuple(row[width:])) for row in connection.execute(statement)]


def _after(keys: Sequence[Key], last: Sequence[Any]) -> Condition:
    """What comes after the last match, key by key; that no first key is before the last's lets an index begin there."""
    (key, value), *rest = zip(keys, last, strict=True)
    beyond: Condition = key.column < value if key.descending else key.column > value
    if not rest:
        return beyond
    inner = _after([each for each, _ in rest], [each for _, each in rest])
    begin = key.column <= value if key.descending else key.column >= value
    return and_(begin, or_(beyond, inner))


def _encode(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.render(list(values))).decode().rstrip("=")


def _resumed(runs: Sequence[Run], cursor: str) -> tuple[list[Run], list[Any], int]:
    """The runs from the cursor's on, the last match's values there, and the bound. Raises Malformed."""
    try:
        values = json.parse(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(values, list) and values:
            in_missing = len(runs) > 1 and values[0] is None
            left = list(runs[1:] if in_missing else runs)
            columns = [key.column for key in left[0].keys]
            *last, bound = (
                _comparable(value, column)
                for value, column in zip(values[int(in_missing) :], [*columns, resources.c.row], strict=True)
            )
            return left, last, int(bound)
    except (ValueError, binascii.Error, Malformed):
        pass
    raise Malformed("This page link was not made for this search; begin without it.", code="value", expression=CURSOR)


def _comparable(value: object, column: ColumnElement[Any]) -> str | float | int:
    """A cursor's value as the column has it. Raises ValueError."""
    kind = column.type.python_type
    if kind is str and isinstance(value, str):
        return value
    if kind is float and isinstance(value, int | float):
        return float(value)
    if kind is int and isinstance(value, int | json.Number):
        whole = int(value.text if isinstance(value, json.Number) else value)
        if abs(whole) < 2**63:
            return whole
    raise ValueError
