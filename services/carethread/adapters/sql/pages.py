"""One page of a search after the other.

Pages are found by key, not by offset: the cursor holds the last match's sort values and row, and the newest row that
there was when the search began, so that pages stay the same while resources are added.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, false, func, literal, or_, select

from carethread.adapters.sql.search import Condition, matches
from carethread.adapters.sql.tables import INDEX_TABLES, resources
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.fhir.search.query import CURSOR, SearchQuery, Sort


def page(connection: Connection, query: SearchQuery, count: int) -> tuple[list[int], str]:
    """The rows of one page's matches, in order, and the cursor of the next page, empty at the end."""
    keys = [key for sort in query.sort for key in _sort_keys(query.type, sort)]
    keys.append((resources.c.row, False))
    columns = [column for column, _ in keys]
    if query.cursor:
        *last, bound = _decode(query.cursor, [*columns, resources.c.row])
        after = _after(keys, last)
    else:
        newest = select(func.coalesce(func.max(resources.c.row), 0))
        bound, after = connection.execute(newest).scalar_one(), None
    statement = (
        select(*(column.label(f"k{i}") for i, column in enumerate(columns)))
        .where(matches(query), resources.c.row <= bound)
        .order_by(*(column.desc() if descending else column.asc() for column, descending in keys))
        .limit(count + 1)
    )
    if after is not None:
        statement = statement.where(after)
    found = [tuple(row) for row in connection.execute(statement)]
    more = len(found) > count
    found = found[:count]
    return [row[-1] for row in found], _encode([*found[-1], bound]) if more and found else ""


_SORT_COLUMN = {
    "token": "code",
    "reference": "target_id",
    "date": "low",
    "string": "folded",
    "number": "low",
    "quantity": "low",
    "uri": "uri",
}


def _sort_keys(type_name: str, sort: Sort) -> list[tuple[ColumnElement[Any], bool]]:
    """The columns that order by one key: first whether the value is missing, which comes last, then the value."""
    if sort.param == "_id":
        return [(resources.c.id, sort.descending)]
    if sort.param == "_lastUpdated":
        return [(resources.c.updated, sort.descending)]
    table = INDEX_TABLES[sort.type]
    name = "high" if sort.type == "date" and sort.descending else _SORT_COLUMN[sort.type]
    pick = func.max if sort.descending else func.min
    value = (
        select(pick(table.c[name]))
        .where(table.c.row == resources.c.row, table.c.param == f"{type_name}.{sort.param}")
        .correlate(resources)
        .scalar_subquery()
    )
    nothing = literal("") if sort.type in ("token", "reference", "string", "uri") else literal(0)
    missing = case((value.is_(None), 1), else_=0)
    return [(missing, False), (func.coalesce(value, nothing), sort.descending)]


def _after(keys: Sequence[tuple[ColumnElement[Any], bool]], last: Sequence[Any]) -> Condition:
    """What comes after the last match, key by key."""
    condition: Condition = false()
    for (column, descending), value in reversed(list(zip(keys, last, strict=True))):
        beyond = column < value if descending else column > value
        condition = or_(beyond, and_(column == value, condition))
    return condition


def _encode(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.render(list(values))).decode().rstrip("=")


def _decode(cursor: str, columns: Sequence[ColumnElement[Any]]) -> list[Any]:
    try:
        values = json.parse(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(values, list):
            return [_comparable(value, column) for value, column in zip(values, columns, strict=True)]
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
