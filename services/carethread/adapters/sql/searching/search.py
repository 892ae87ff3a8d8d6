"""A search query as SQL: each criterion becomes a set of rows from one index table, and all of them must hold.

What must be there is `row IN (...)`, which a database may begin with; what must not be there is `NOT EXISTS`, which it
asks for each row that is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import Connection

from carethread.adapters.sql.searching.planning import leads, plan_of
from carethread.adapters.sql.searching.spelling import Spelling, both, either, of, quoted
from carethread.adapters.sql.searching.values import INSTANT, conditions
from carethread.adapters.sql.tables import INDEX_TABLES, fit
from carethread.core.errors import TooCostly
from carethread.core.fhir.search.extract import COLUMNS
from carethread.core.fhir.search.parameters import one_row, only_system, usual, widest
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
from carethread.core.fhir.search.rows import MISSING, OF_TYPE

Types = Sequence[str]


class At(NamedTuple):
    """Which resource a node is asked of.

    `probed`: of each of the few that are left. PostgreSQL might else begin with the answers, for it takes a code that
    it does not know for rare.
    """

    base: str
    probed: bool


_MOST_VARIABLES = 30_000
"""Variables in one query; SQLite takes 32,766."""

_COLUMNS = {kind: tuple(column.name for column in table.c) for kind, table in INDEX_TABLES.items()}

_FEW = 500
"""Resources that are named one by one."""

_WIDEST_OR = 70
"""Conditions in one OR. SQLite makes each a level of an expression, and takes 1,000 levels of all that are nested."""


def count(connection: Connection, query: SearchQuery, at_most: int | None = None) -> int:
    """How many resources match; no more than `at_most` are counted."""
    sql = Spelling(connection)
    met = matches(query, "r", sql)
    found = f"SELECT 1 FROM resources r{sql.joined} WHERE {met}"
    limit = "" if at_most is None else f" LIMIT {at_most}"
    ((number,),) = sql.fetch(f"SELECT count(*) FROM ({found}{limit}) found")
    return int(number)


def matches(query: SearchQuery, base: str, sql: Spelling, *, also_deleted: bool = False) -> str:
    """The rows of `resources`, there named `base`, that the query finds; it is joined with `sql.joined`.

    `also_deleted` has it find what was deleted, as far as others refer to it. Raises TooCostly for too many values.
    """
    if sum(map(_size, query.criteria)) > _MOST_VARIABLES:
        raise TooCostly("The search has too many values; ask for fewer at once.")
    sql.plan = plan_of(query.criteria)
    led = any(map(leads, query.criteria))
    alone = {} if led else _of_one_row(query)
    apart = [node for node in query.criteria if not any(node in nodes for nodes in alone.values())]
    found = [_holds(node, query.kinds, At(base, led and not leads(node)), sql) for node in apart]
    found += [_in_one_row(nodes, query.kinds, base, sql) for nodes in alone.values()]
    living = [] if also_deleted else [f"NOT {base}.deleted"]
    return both([sql.afterwards(of(f"{base}.type", query.kinds)), *living, *found])


def _of_one_row(query: SearchQuery) -> dict[str, list[Criterion]]:
    """The criteria on parameters of which a resource has one row at most, by parameter."""
    found: dict[str, list[Criterion]] = {}
    for node in query.criteria:
        if isinstance(node, Criterion) and _is_plain(node) and one_row(query.kinds, node.param):
            found.setdefault(node.param, []).append(node)
    return found


def _is_plain(node: Criterion) -> bool:
    return node.modifier is None and node.param not in COLUMNS and len(node.values) <= _WIDEST_OR


def _in_one_row(nodes: Sequence[Criterion], types: Types, base: str, sql: Spelling) -> str:
    """That the resource's one row of the parameter that the nodes have in common meets each of them.

    Two bounds of a date are seen to be one range so; and with the system told, an index has a code's rows in their
    order, so that a page ends where it is full, wherever in the store the resources are.
    """
    table = sql.name()
    sql.joined += f", index_{nodes[0].type} {table}"
    met = [f'{table}."row" = {base}."row"', param_of(table, types, nodes[0].param)]
    if system := only_system(tuple(types), nodes[0].param):
        met.append(f"{table}.system = {quoted(system)}")
    return both([*met, *(row_meets(node, table, types, sql)[0] for node in nodes)])


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


def _holds(node: Node, types: Types, at: At, sql: Spelling) -> str:
    match node:
        case Chain():
            return _chain(node, types, at, sql)
        case Reverse():
            return _reverse(node, types, at, sql)
        case Compartment():
            return _compartment(node, at, sql)
        case AnyOf():
            return either(_holds(each, types, at, sql) for each in node.nodes)
    if node.param in ("_id", "_lastUpdated"):
        return _own(node, at.base, sql)
    return _criterion(node, types, at, sql)


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


def _criterion(node: Criterion, types: Types, at: At, sql: Spelling) -> str:
    if node.type == "composite" and node.modifier is None:
        return either(_within(*_composite(node, value, types, sql), at) for value in node.values)
    if node.modifier == "missing" and _asks_missing(node):
        return lacking(node.param, node.type, types, at, sql)
    table = sql.name()
    rows = f'SELECT {table}."row" FROM index_{node.type} {table} WHERE {param_of(table, types, _code(node))}'
    if node.modifier == "missing":
        return _within(rows, table, at)
    parts = [f"{rows} AND {met}" for met in row_meets(node, table, types, sql)]
    if node.modifier in ("not", "not-in"):
        return both([*_few_left(node, types, at, sql), *(_nowhere(part, table, at) for part in parts)])
    return either(_within(part, table, at) for part in parts)


def row_meets(node: Criterion, table: str, types: Types, sql: Spelling) -> Sequence[str]:
    """What a row of the criterion's index table must meet, one of it; a modifier that turns it round is left out."""
    columns = {name: f"{table}.{name}" for name in _COLUMNS[node.type]}
    met = list(conditions(node.values, node.modifier, columns, sql, widest(tuple(types), node.param)))
    return [either(met[start : start + _WIDEST_OR]) for start in range(0, len(met), _WIDEST_OR)]


def lacking(param: str, kind: str, types: Types, at: At, sql: Spelling) -> str:
    """That the resource has no row of a parameter."""
    table = sql.name()
    if usual(tuple(types), param):
        rows = f'SELECT {table}."row" FROM index_token {table} WHERE {param_of(table, types, param + MISSING)}'
        return _within(rows, table, at)
    return _nowhere(f"SELECT 1 FROM index_{kind} {table} WHERE {param_of(table, types, param)}", table, at)


def _few_left(node: Criterion, types: Types, at: At, sql: Spelling) -> Sequence[str]:
    """Those of which the one code is another, or missing, named for a search to begin with; none where they are many.

    Whether there are few is looked up, for estimates of what all frequent codes leave are far from right. Between the
    codes in their order are ranges, each of which an index finds.
    """
    known = {None, only_system(tuple(types), node.param)}
    codes = sorted({fit(v.code) for v in node.values if isinstance(v, TokenValue) and v.code and v.system in known})
    narrow = 0 < len(codes) == len(set(node.values)) <= _WIDEST_OR // len(types)
    if at.probed or not narrow or not usual(tuple(types), node.param):
        return ()
    look = sql.another()
    bounds = [None, *codes, None]
    places = [
        [f"t.code {sign} {look.place(bound)}" for sign, bound in ((">", low), ("<", high)) if bound is not None]
        for low, high in pairwise(bounds)
    ]
    params = [f"{name}.{node.param}" for name in types]
    ranges = [both([of("t.param", [param]), *place]) for param in params for place in places]
    ranges += [of("t.param", [param + MISSING]) for param in params]
    reads = (f'SELECT t."row" FROM index_token t WHERE {each} ORDER BY t.code LIMIT {_FEW + 1}' for each in ranges)
    found = look.fetch(" UNION ALL ".join(f'SELECT "row" FROM ({read}) AS few' for read in reads))
    if len(found) > _FEW:
        return ()
    rows = ", ".join(str(int(row)) for (row,) in found)  # numbers of ours, and more than SQLite may have places for
    return [f'{at.base}."row" IN ({rows})' if rows else "false"]


def _code(node: Criterion) -> str:
    return node.param + OF_TYPE if node.modifier == "of-type" else node.param


def _within(rows: str, table: str, at: At) -> str:
    """That the resource's row is among those that a SELECT finds in a table."""
    return f"EXISTS ({_put_to(rows, table, at)})" if at.probed else f'{at.base}."row" IN ({rows})'


def _nowhere(rows: str, table: str, at: At) -> str:
    return f"NOT EXISTS ({_put_to(rows, table, at)})"


def _put_to(rows: str, table: str, at: At) -> str:
    """A SELECT on the resource's own rows; with an OFFSET it stays one that PostgreSQL does for each resource."""
    fence = " LIMIT 1 OFFSET 0" if at.probed else ""
    return f'{rows} AND {table}."row" = {at.base}."row"{fence}'


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


def _composite(node: Criterion, value: Value, types: Types, sql: Spelling) -> tuple[str, str]:
    """The rows of which one element meets every part, and the name of their table."""
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
    return f'SELECT {first}."row" FROM {joined} WHERE {both(met)}', first


def _compartment(node: Compartment, at: At, sql: Spelling) -> str:
    table = sql.name()
    met = [of(f"{table}.param", node.params), f"{table}.target_type = {sql.place(node.type)}"]
    met.append(sql.among(f"{table}.target_id", node.ids))
    return _within(f'SELECT {table}."row" FROM index_reference {table} WHERE {both(met)}', table, at)


def _chain(node: Chain, types: Types, at: At, sql: Spelling) -> str:
    """The resources whose reference leads to one that meets a link."""
    reference, target = sql.name(), sql.name()
    met = At(target, at.probed)
    ways = [
        both([f"{target}.type = {sql.place(link.type)}", _holds(link.node, (link.type,), met, sql)])
        for link in node.links
    ]
    rows = (
        f'SELECT {reference}."row" FROM index_reference {reference} JOIN resources {target} '
        f"ON {target}.type = {reference}.target_type AND {target}.id = {reference}.target_id "
        f"WHERE {param_of(reference, types, node.param)} AND NOT {target}.deleted AND {either(ways)}"
    )
    return _within(rows, reference, at)


def _reverse(node: Reverse, types: Types, at: At, sql: Spelling) -> str:
    """The resources to which one refers that meets the node."""
    reference, source = sql.name(), sql.name()
    one = len(types) == 1
    key, asked = ("{0}.target_id", "{0}.id") if one else ("{0}.target_type, {0}.target_id", "({0}.type, {0}.id)")
    rows = (
        f'FROM index_reference {reference} JOIN resources {source} ON {source}."row" = {reference}."row" '
        f"WHERE {param_of(reference, (node.type,), node.param)} AND {of(f'{reference}.target_type', types)} "
        f"AND NOT {source}.deleted AND {_holds(node.node, (node.type,), At(source, at.probed), sql)}"
    )
    if at.probed:
        same = f"{reference}.target_type = {at.base}.type AND {reference}.target_id = {at.base}.id"
        return f"EXISTS (SELECT 1 {rows} AND {same} LIMIT 1 OFFSET 0)"
    return f"{asked.format(at.base)} IN (SELECT {key.format(reference)} {rows})"
