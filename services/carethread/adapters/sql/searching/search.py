"""A search query as SQL: each criterion becomes a set of rows from one index table, and all of them must hold.

What must be there is `row IN (...)`, which a database may begin with; what must not be there is `NOT EXISTS`, which it
asks for each row that is left.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from carethread.adapters.sql.searching.spelling import Spelling, both, either, of
from carethread.adapters.sql.searching.values import INSTANT, conditions
from carethread.adapters.sql.tables import INDEX_TABLES
from carethread.core.errors import TooCostly
from carethread.core.fhir.search.parameters import widest
from carethread.core.fhir.search.query import (
    AnyOf,
    Chain,
    Compartment,
    CompositeValue,
    Criterion,
    DateValue,
    MissingValue,
    Node,
    ReferenceValue,
    Reverse,
    SearchQuery,
    TokenValue,
    Value,
)
from carethread.core.fhir.search.rows import OF_TYPE

Types = Sequence[str]

_MOST_VARIABLES = 30_000
"""Variables in one query; SQLite takes 32,766."""

_COLUMNS = {kind: tuple(column.name for column in table.c) for kind, table in INDEX_TABLES.items()}

_WIDEST_OR = 70
"""Conditions in one OR. SQLite makes each a level of an expression, and takes 1,000 levels of all that are nested."""


def count(connection: Connection, query: SearchQuery, at_most: int | None = None) -> int:
    """How many resources match; no more than `at_most` are counted."""
    sql = Spelling(connection)
    found = f"SELECT 1 FROM resources r WHERE {matches(query, 'r', sql)}"
    limit = "" if at_most is None else f" LIMIT {at_most}"
    ((number,),) = sql.fetch(f"SELECT count(*) FROM ({found}{limit}) found")
    return int(number)


def targets(
    connection: Connection, rows: Sequence[int], params: Sequence[str], target: str | None
) -> list[tuple[str, str]]:
    """(type, id) of what the rows' resources refer to, each once; `params` (`Type.code`) empty: by any parameter."""
    sql = Spelling(connection)
    met = [sql.among('t."row"', rows), "t.target_id <> ''"]
    if params:
        met.append(of("t.param", params))
    if target:
        met.append(f"t.target_type = {sql.place(target)}")
    found = sql.fetch(f"SELECT DISTINCT t.target_type, t.target_id FROM index_reference t WHERE {both(met)}")
    return [(type_name, id_) for type_name, id_ in found]


def referring(
    connection: Connection, keys: Sequence[tuple[str, str]], params: Sequence[str], at_most: int
) -> list[tuple[str, str]]:
    """(type, id) of the living resources that refer to one of the keys by one of `params`, at most so many."""
    by_type: dict[str, list[str]] = {}
    for type_name, id_ in keys:
        by_type.setdefault(type_name, []).append(id_)
    sql = Spelling(connection)
    ways = [
        f"t.target_type = {sql.place(type_name)} AND {sql.among('t.target_id', ids)}"
        for type_name, ids in by_type.items()
    ]
    found = f'SELECT t."row" FROM index_reference t WHERE {of("t.param", params)} AND {either(ways)}'
    statement = (
        f'SELECT r.type, r.id FROM resources r WHERE r."row" IN ({found}) AND NOT r.deleted '
        f'ORDER BY r."row" LIMIT {at_most}'
    )
    return [(type_name, id_) for type_name, id_ in sql.fetch(statement)]


def matches(query: SearchQuery, base: str, sql: Spelling) -> str:
    """The rows of `resources`, there named `base`, that the query finds. Raises TooCostly for too many values."""
    if sum(map(_size, query.criteria)) > _MOST_VARIABLES:
        raise TooCostly("The search has too many values; ask for fewer at once.")
    found = (_holds(node, query.kinds, base, sql) for node in query.criteria)
    return both([of(f"{base}.type", query.kinds), f"NOT {base}.deleted", *found])


def param_of(table: str, types: Types, code: str) -> str:
    """The rows of a parameter of the types."""
    return of(f"{table}.param", [f"{type_name}.{code}" for type_name in types])


def _size(node: Node) -> int:
    """The variables that a node takes, or some more."""
    match node:
        case Chain():
            return sum(_size(link.node) + 1 for link in node.links)
        case Reverse():
            return _size(node.node) + 2
        case Compartment():
            return len(node.params) + len(node.ids) + 1
        case AnyOf():
            return sum(map(_size, node.nodes))
    return sum(map(_value_size, node.values))


def _value_size(value: Value) -> int:
    if isinstance(value, CompositeValue):
        return sum(map(_value_size, value.parts)) + 4
    return 1 if isinstance(value, TokenValue | ReferenceValue) else 6


def _holds(node: Node, types: Types, base: str, sql: Spelling) -> str:
    match node:
        case Chain():
            return _chain(node, types, base, sql)
        case Reverse():
            return _reverse(node, types, base, sql)
        case Compartment():
            return _compartment(node, base, sql)
        case AnyOf():
            return either(_holds(each, types, base, sql) for each in node.nodes)
    if node.param in ("_id", "_lastUpdated"):
        return _own(node, base, sql)
    return _criterion(node, types, base, sql)


def _own(node: Criterion, base: str, sql: Spelling) -> str:
    """What the resource's own row answers; it is never missing."""
    if node.modifier == "missing":
        return "false" if _asks_missing(node) else "true"
    ids = [value.code or "" for value in node.values if isinstance(value, TokenValue)]
    times = [INSTANT[v.prefix](v, f"{base}.updated", sql.place) for v in node.values if isinstance(v, DateValue)]
    if len(times) > _WIDEST_OR:
        raise TooCostly(f"_lastUpdated may have {_WIDEST_OR} values.", expression="_lastUpdated")
    found = sql.among(f"{base}.id", ids) if node.param == "_id" else either(times)
    return f"NOT ({found})" if node.modifier == "not" else found


def _asks_missing(node: Criterion) -> bool:
    return any(isinstance(value, MissingValue) and value.missing for value in node.values)


def _criterion(node: Criterion, types: Types, base: str, sql: Spelling) -> str:
    if node.type == "composite" and node.modifier is None:
        return either(f'{base}."row" IN ({_composite(node, value, types, sql)})' for value in node.values)
    sql.uneven |= node.type == "token" and node.param != "identifier"
    sql.narrow |= node.type == "reference"
    table = sql.name()
    rows = f'SELECT {table}."row" FROM index_{node.type} {table} WHERE {param_of(table, types, _code(node))}'
    if node.modifier == "missing":
        return _nowhere(rows, table, base) if _asks_missing(node) else f'{base}."row" IN ({rows})'
    columns = {name: f"{table}.{name}" for name in _COLUMNS[node.type]}
    met = list(conditions(node.values, node.modifier, columns, sql, widest(tuple(types), node.param)))
    parts = [f"{rows} AND {either(met[start : start + _WIDEST_OR])}" for start in range(0, len(met), _WIDEST_OR)]
    if node.modifier in ("not", "not-in"):
        return both(_nowhere(part, table, base) for part in parts)
    return either(f'{base}."row" IN ({part})' for part in parts)


def _code(node: Criterion) -> str:
    return node.param + OF_TYPE if node.modifier == "of-type" else node.param


def _nowhere(rows: str, table: str, base: str) -> str:
    return f'NOT EXISTS ({rows} AND {table}."row" = {base}."row")'


_OF_COMPOSITE = {
    "system": "system",
    "code": "code",
    "low": "low",
    "high": "high",
    "unit": "text",
    "folded": "text",
    "url": "text",
    "target_type": "system",
    "target_id": "code",
    "target_version": "text",
}
"""Which column of a composite stands for one that another index table has."""


def _composite(node: Criterion, value: Value, types: Types, sql: Spelling) -> str:
    """The rows of which one element meets every part."""
    parts = value.parts if isinstance(value, CompositeValue) else ()
    tables = [sql.name() for _ in parts]
    first = tables[0]
    met = [param_of(first, types, node.param)]
    for number, (part, table) in enumerate(zip(parts, tables, strict=True)):
        columns = {name: f"{table}.{column}" for name, column in _OF_COMPOSITE.items()}
        met += [f"{table}.component = {number}", *conditions([part], None, columns, sql)]
        if number:
            met += [f"{table}.{name} = {first}.{name}" for name in ('"row"', "param", "element")]
    joined = ", ".join(f"index_composite {table}" for table in tables)
    return f'SELECT {first}."row" FROM {joined} WHERE {both(met)}'


def _compartment(node: Compartment, base: str, sql: Spelling) -> str:
    table = sql.name()
    met = [of(f"{table}.param", node.params), f"{table}.target_type = {sql.place(node.type)}"]
    met.append(sql.among(f"{table}.target_id", node.ids))
    return f'{base}."row" IN (SELECT {table}."row" FROM index_reference {table} WHERE {both(met)})'


def _chain(node: Chain, types: Types, base: str, sql: Spelling) -> str:
    """The resources whose reference leads to one that meets a link."""
    reference, target = sql.name(), sql.name()
    ways = [
        both([f"{target}.type = {sql.place(link.type)}", _holds(link.node, (link.type,), target, sql)])
        for link in node.links
    ]
    return (
        f'{base}."row" IN (SELECT {reference}."row" FROM index_reference {reference} JOIN resources {target} '
        f"ON {target}.type = {reference}.target_type AND {target}.id = {reference}.target_id "
        f"WHERE {param_of(reference, types, node.param)} AND NOT {target}.deleted AND {either(ways)})"
    )


def _reverse(node: Reverse, types: Types, base: str, sql: Spelling) -> str:
    """The resources to which one refers that meets the node."""
    reference, source = sql.name(), sql.name()
    one = len(types) == 1
    key, asked = ("{0}.target_id", "{0}.id") if one else ("{0}.target_type, {0}.target_id", "({0}.type, {0}.id)")
    return (
        f"{asked.format(base)} IN (SELECT {key.format(reference)} FROM index_reference {reference} "
        f'JOIN resources {source} ON {source}."row" = {reference}."row" '
        f"WHERE {param_of(reference, (node.type,), node.param)} AND {of(f'{reference}.target_type', types)} "
        f"AND NOT {source}.deleted AND {_holds(node.node, (node.type,), source, sql)})"
    )
