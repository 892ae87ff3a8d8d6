"""A search query as SQL: each criterion becomes a set of rows from one index table, and all of them must hold.

Pages are found by key, not by offset: the cursor holds the last match's sort values and row, and the newest row that
there was when the search began, so that pages stay the same while resources are added.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    tuple_,
)

from carethread.adapters.sql.tables import INDEX_TABLES, fit, references, resources
from carethread.core.errors import Malformed, TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.search.query import (
    Chain,
    Criterion,
    DateValue,
    MissingValue,
    Node,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    Reverse,
    SearchQuery,
    Sort,
    StringValue,
    TokenValue,
    UriValue,
    Value,
)
from carethread.core.fhir.search.text import MAX_INDEXED

Rows = Select[Any]
Condition = ColumnElement[bool]

_AFTER_ALL_TEXT = "\U0010ffff"

_MOST_VALUES = 5000
"""Values in one query; SQLite takes 32,766 variables, and a value has five at most."""

_WIDEST_OR = 500
"""Conditions in one OR; SQLite nests it, and takes 1,000 levels."""


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
        .where(_matches(query), resources.c.row <= bound)
        .order_by(*(column.desc() if descending else column.asc() for column, descending in keys))
        .limit(count + 1)
    )
    if after is not None:
        statement = statement.where(after)
    found = [tuple(row) for row in connection.execute(statement)]
    more = len(found) > count
    found = found[:count]
    return [row[-1] for row in found], _encode([*found[-1], bound]) if more and found else ""


def count(connection: Connection, query: SearchQuery) -> int:
    """How many resources match in all."""
    return connection.execute(select(func.count()).select_from(resources).where(_matches(query))).scalar_one()


def targets(connection: Connection, rows: Sequence[int], param: str, target: str | None) -> list[tuple[str, str]]:
    """(type, id) of what the rows' resources refer to by `param` (`Type.code`), each once."""
    statement = (
        select(references.c.target_type, references.c.target_id)
        .where(references.c.row.in_(rows), references.c.param == param, references.c.target_id != "")
        .distinct()
    )
    if target:
        statement = statement.where(references.c.target_type == target)
    return [(type_name, id_) for type_name, id_ in connection.execute(statement)]


def _matches(query: SearchQuery) -> Condition:
    if sum(map(_size, query.criteria)) > _MOST_VALUES:
        raise TooCostly(f"A search may name {_MOST_VALUES} values in all.")
    return and_(
        resources.c.type == query.type,
        not_(resources.c.deleted),
        *(_holds(node, query.type, resources) for node in query.criteria),
    )


def _size(node: Node) -> int:
    if isinstance(node, Chain):
        return sum(_size(link.node) for link in node.links)
    return _size(node.node) if isinstance(node, Reverse) else len(node.values)


def _holds(node: Node, type_name: str, base: FromClause) -> Condition:
    if isinstance(node, Chain):
        return _chain(node, type_name, base)
    if isinstance(node, Reverse):
        return _reverse(node, type_name, base)
    if node.param in ("_id", "_lastUpdated"):
        return _own(node, base)
    return _criterion(node, type_name, base)


def _own(node: Criterion, base: FromClause) -> Condition:
    """What the resource's own row answers; it is never missing."""
    if node.modifier == "missing":
        return false() if _asks_missing(node) else true()
    ids = [value.code for value in node.values if isinstance(value, TokenValue)]
    times = [_INSTANT[v.prefix](v, base.c.updated) for v in node.values if isinstance(v, DateValue)]
    found = base.c.id.in_(ids) if node.param == "_id" else _any(times)
    return not_(found) if node.modifier == "not" else found


def _asks_missing(node: Criterion) -> bool:
    return any(isinstance(value, MissingValue) and value.missing for value in node.values)


def _any(conditions: Sequence[Condition]) -> Condition:
    """One of the conditions holds; many are nested flat."""
    if len(conditions) <= _WIDEST_OR:
        return or_(*conditions)
    parts = [or_(*conditions[i : i + _WIDEST_OR]) for i in range(0, len(conditions), _WIDEST_OR)]
    return or_(*(case((part, 1), else_=0) == 1 for part in parts))


def _criterion(node: Criterion, type_name: str, base: FromClause) -> Condition:
    table = INDEX_TABLES[node.type]
    rows = select(table.c.row).where(table.c.param == f"{type_name}.{node.param}")
    if node.modifier == "missing":
        return base.c.row.not_in(rows) if _asks_missing(node) else base.c.row.in_(rows)
    found = base.c.row.in_(rows.where(_any([_value(value, node.modifier, table) for value in node.values])))
    return not_(found) if node.modifier == "not" else found


def _chain(node: Chain, type_name: str, base: FromClause) -> Condition:
    """The resources whose reference leads to one that meets a link."""
    reference, param = references.alias(), f"{type_name}.{node.param}"
    ways = []
    for link in node.links:
        target = resources.alias()
        meeting = select(target.c.type, target.c.id).where(
            target.c.type == link.type, not_(target.c.deleted), _holds(link.node, link.type, target)
        )
        ways.append(tuple_(reference.c.target_type, reference.c.target_id).in_(meeting))
    return base.c.row.in_(select(reference.c.row).where(reference.c.param == param, or_(*ways)))


def _reverse(node: Reverse, type_name: str, base: FromClause) -> Condition:
    """The resources to which one refers that meets the node."""
    reference, source = references.alias(), resources.alias()
    return base.c.id.in_(
        select(reference.c.target_id)
        .join(source, source.c.row == reference.c.row)
        .where(
            reference.c.param == f"{node.type}.{node.param}",
            reference.c.target_type == type_name,
            not_(source.c.deleted),
            _holds(node.node, node.type, source),
        )
    )


def _has_nul(value: Value) -> bool:
    return any("\x00" in part for part in astuple(value) if isinstance(part, str))


def _value(value: Value, modifier: str | None, table: FromClause) -> Condition:
    columns = table.c
    if _has_nul(value):
        return false()  # no resource holds U+0000, and PostgreSQL cannot be asked for it
    match value:
        case TokenValue() if table is references:
            return _token(value, columns.identifier_system, columns.identifier_value)
        case TokenValue():
            return _token(value, columns.system, columns.code)
        case ReferenceValue():
            return _reference(value, table)
        case DateValue():
            return _date(value, columns.low, columns.high)
        case StringValue():
            return _string(value, modifier, table)
        case NumberValue():
            return _number(value, table)
        case QuantityValue():
            return _quantity(value, table)
        case UriValue():
            return columns.uri == fit(value.uri)
    raise AssertionError(f"no SQL for {type(value).__name__}")


def _token(value: TokenValue, system: ColumnElement[str], code: ColumnElement[str]) -> Condition:
    parts = [code == fit(value.code)] if value.code is not None else []
    if value.system is not None:
        parts.append(system == fit(value.system))
    return and_(*parts)


def _reference(value: ReferenceValue, table: FromClause) -> Condition:
    parts = [table.c.url == fit(value.url)] if value.url is not None else [table.c.target_id == value.id]
    if value.type is not None and value.url is None:
        parts.append(table.c.target_type == value.type)
    if value.version is not None:
        parts.append(table.c.target_version == fit(value.version))
    return and_(*parts)


_DATE: dict[str, Callable[[DateValue, Any, Any], Condition]] = {
    "eq": lambda v, low, high: and_(low >= v.low, low < v.high, high <= v.high),
    "ne": lambda v, low, high: or_(low < v.low, high > v.high),
    "gt": lambda v, low, high: high > v.high,
    "ge": lambda v, low, high: or_(high > v.high, and_(low >= v.low, high <= v.high)),
    "lt": lambda v, low, high: low < v.low,
    "le": lambda v, low, high: or_(low < v.low, and_(low >= v.low, high <= v.high)),
    "sa": lambda v, low, high: low >= v.high,
    "eb": lambda v, low, high: high <= v.low,
    "ap": lambda v, low, high: and_(low < v.high, high > v.low),
}
"""As in `DateValue`; `eq` also bounds `low` from above, so that the index by value is read on one range."""


_INSTANT: dict[str, Callable[[DateValue, Any], Condition]] = {
    "eq": lambda v, at: and_(at >= v.low, at < v.high),
    "ne": lambda v, at: or_(at < v.low, at >= v.high),
    "gt": lambda v, at: at >= v.high,
    "ge": lambda v, at: at >= v.low,
    "lt": lambda v, at: at < v.low,
    "le": lambda v, at: at < v.high,
    "sa": lambda v, at: at >= v.high,
    "eb": lambda v, at: at < v.low,
    "ap": lambda v, at: and_(at >= v.low, at < v.high),
}
"""The same for a moment, which is the range of nothing but itself."""


def _date(value: DateValue, low: ColumnElement[int], high: ColumnElement[int]) -> Condition:
    return _DATE[value.prefix](value, low, high)


def _string(value: StringValue, modifier: str | None, table: FromClause) -> Condition:
    if modifier == "exact":
        return table.c.exact == value.exact[:MAX_INDEXED]
    if modifier == "contains":
        contains: Condition = table.c.folded.contains(value.folded, autoescape=True)
        return contains
    return and_(table.c.folded >= value.folded, table.c.folded < value.folded + _AFTER_ALL_TEXT)


_NUMBER: dict[str, Callable[[NumberValue, Any, Any], Condition]] = {
    "eq": lambda v, low, high: and_(low >= v.low, high < v.high),
    "ne": lambda v, low, high: or_(low < v.low, high >= v.high),
    "gt": lambda v, low, high: high > v.value,
    "ge": lambda v, low, high: high >= v.value,
    "lt": lambda v, low, high: low < v.value,
    "le": lambda v, low, high: low <= v.value,
    "sa": lambda v, low, high: low > v.value,
    "eb": lambda v, low, high: high < v.value,
    "ap": lambda v, low, high: and_(low < v.high, high >= v.low),
}


def _number(value: NumberValue, table: FromClause) -> Condition:
    return _NUMBER[value.prefix](value, table.c.low, table.c.high)


def _quantity(value: QuantityValue, table: FromClause) -> Condition:
    parts = [_number(value.number, table)]
    if value.system is not None:
        parts.append(table.c.system == fit(value.system))
    if value.code is not None:
        code = table.c.code == fit(value.code)
        parts.append(code if value.system else or_(code, table.c.unit == fit(value.code)))
    return and_(*parts)


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
    except (ValueError, binascii.Error, Malformed):
        values = None
    if not isinstance(values, list) or len(values) != len(columns) or not all(map(_belongs, values, columns)):
        raise Malformed(
            "This page link was not made for this search; begin without it.", code="value", expression="_cursor"
        )
    return values


def _belongs(value: object, column: ColumnElement[Any]) -> bool:
    """Whether a cursor's value can be compared with the column."""
    kind = column.type.python_type
    if kind is int:
        return type(value) is int and abs(value) < 2**63
    return isinstance(value, str if kind is str else int | float) and not isinstance(value, bool)
