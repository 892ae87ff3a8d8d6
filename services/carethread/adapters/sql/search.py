"""A search query as SQL: each criterion becomes a set of rows from one index table, and all of them must hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    false,
    func,
    not_,
    or_,
    select,
    true,
)

from carethread.adapters.sql.tables import INDEX_TABLES, fit, references, resources
from carethread.core.errors import TooCostly
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

_WIDEST_OR = 70
"""Conditions in one OR. SQLite makes each a level of an expression, and takes 1,000 levels of all that are nested."""


def count(connection: Connection, query: SearchQuery) -> int:
    """How many resources match in all."""
    return connection.execute(select(func.count()).select_from(resources).where(matches(query))).scalar_one()


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


def matches(query: SearchQuery) -> Condition:
    """The resources that the query finds. Raises TooCostly for too many values."""
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
    if len(times) > _WIDEST_OR:
        raise TooCostly(f"_lastUpdated may have {_WIDEST_OR} values.", expression="_lastUpdated")
    found = base.c.id.in_(ids) if node.param == "_id" else or_(*times)
    return not_(found) if node.modifier == "not" else found


def _asks_missing(node: Criterion) -> bool:
    return any(isinstance(value, MissingValue) and value.missing for value in node.values)


def _criterion(node: Criterion, type_name: str, base: FromClause) -> Condition:
    table = INDEX_TABLES[node.type]
    rows = select(table.c.row).where(table.c.param == f"{type_name}.{node.param}")
    if node.modifier == "missing":
        return base.c.row.not_in(rows) if _asks_missing(node) else base.c.row.in_(rows)
    met = [_value(value, node.modifier, table) for value in node.values]
    parts = [met[start : start + _WIDEST_OR] for start in range(0, len(met), _WIDEST_OR)]
    found = or_(*(base.c.row.in_(rows.where(or_(*part))) for part in parts))
    return not_(found) if node.modifier == "not" else found


def _chain(node: Chain, type_name: str, base: FromClause) -> Condition:
    """The resources whose reference leads to one that meets a link."""
    reference, target = references.alias(), resources.alias()
    ways = [and_(target.c.type == link.type, _holds(link.node, link.type, target)) for link in node.links]
    leads = and_(target.c.type == reference.c.target_type, target.c.id == reference.c.target_id)
    return base.c.row.in_(
        select(reference.c.row)
        .join(target, leads)
        .where(reference.c.param == f"{type_name}.{node.param}", not_(target.c.deleted), or_(*ways))
    )


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


def _value(value: Value, modifier: str | None, table: FromClause) -> Condition:
    columns = table.c
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
