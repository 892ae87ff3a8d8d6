"""A search query as SQL: each criterion becomes a set of rows from one index table, and all of them must hold.

What must be there is `row IN (...)`, which a database may begin with; what must not be there is `NOT EXISTS`, which it
asks for each row that is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, false, func, not_, or_, select, true, tuple_

from carethread.adapters.sql.tables import INDEX_TABLES, composites, references, resources
from carethread.adapters.sql.values import INSTANT, Columns, Condition, conditions
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

Rows = Select[Any]
Types = Sequence[str]

_MOST_VARIABLES = 30_000
"""Variables in one query; SQLite takes 32,766."""

_COLUMNS: dict[str, Columns] = {kind: dict(table.c) for kind, table in INDEX_TABLES.items()}

_WIDEST_OR = 70
"""Conditions in one OR. SQLite makes each a level of an expression, and takes 1,000 levels of all that are nested."""


def count(connection: Connection, query: SearchQuery, at_most: int | None = None) -> int:
    """How many resources match; no more than `at_most` are counted."""
    found = select(resources.c.row).where(matches(query))
    if at_most is not None:
        found = found.limit(at_most)
    return connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()


def targets(
    connection: Connection, rows: Sequence[int], params: Sequence[str], target: str | None
) -> list[tuple[str, str]]:
    """(type, id) of what the rows' resources refer to, each once; `params` (`Type.code`) empty: by any parameter."""
    statement = (
        select(references.c.target_type, references.c.target_id)
        .where(references.c.row.in_(rows), references.c.target_id != "")
        .distinct()
    )
    if params:
        statement = statement.where(_among(references.c.param, params))
    if target:
        statement = statement.where(references.c.target_type == target)
    return [(type_name, id_) for type_name, id_ in connection.execute(statement)]


def referring(
    connection: Connection, keys: Sequence[tuple[str, str]], params: Sequence[str], at_most: int
) -> list[tuple[str, str]]:
    """(type, id) of the living resources that refer to one of the keys by one of `params`, at most so many."""
    by_type: dict[str, list[str]] = {}
    for type_name, id_ in keys:
        by_type.setdefault(type_name, []).append(id_)
    ways = [
        and_(references.c.target_type == type_name, _among(references.c.target_id, ids))
        for type_name, ids in by_type.items()
    ]
    found = select(references.c.row).where(_among(references.c.param, params), or_(*ways))
    statement = (
        select(resources.c.type, resources.c.id)
        .where(resources.c.row.in_(found), not_(resources.c.deleted))
        .order_by(resources.c.row)
        .limit(at_most)
    )
    return [(type_name, id_) for type_name, id_ in connection.execute(statement)]


def matches(query: SearchQuery) -> Condition:
    """The resources that the query finds. Raises TooCostly for too many values."""
    if sum(map(_size, query.criteria)) > _MOST_VARIABLES:
        raise TooCostly("The search has too many values; ask for fewer at once.")
    return and_(
        _among(resources.c.type, query.kinds),
        not_(resources.c.deleted),
        *(_holds(node, query.kinds, resources) for node in query.criteria),
    )


def param_of(column: ColumnElement[str], types: Types, code: str) -> Condition:
    """The rows of a parameter of the types."""
    return _among(column, [f"{type_name}.{code}" for type_name in types])


def _among(column: ColumnElement[str], texts: Sequence[str]) -> Condition:
    return column == texts[0] if len(texts) == 1 else column.in_(texts)


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


def _holds(node: Node, types: Types, base: FromClause) -> Condition:
    match node:
        case Chain():
            return _chain(node, types, base)
        case Reverse():
            return _reverse(node, types, base)
        case Compartment():
            return _compartment(node, base)
        case AnyOf():
            return or_(*(_holds(each, types, base) for each in node.nodes))
    if node.param in ("_id", "_lastUpdated"):
        return _own(node, base)
    return _criterion(node, types, base)


def _own(node: Criterion, base: FromClause) -> Condition:
    """What the resource's own row answers; it is never missing."""
    if node.modifier == "missing":
        return false() if _asks_missing(node) else true()
    ids = [value.code for value in node.values if isinstance(value, TokenValue)]
    times = [INSTANT[v.prefix](v, base.c.updated) for v in node.values if isinstance(v, DateValue)]
    if len(times) > _WIDEST_OR:
        raise TooCostly(f"_lastUpdated may have {_WIDEST_OR} values.", expression="_lastUpdated")
    found = base.c.id.in_(ids) if node.param == "_id" else or_(*times)
    return not_(found) if node.modifier == "not" else found


def _asks_missing(node: Criterion) -> bool:
    return any(isinstance(value, MissingValue) and value.missing for value in node.values)


def _criterion(node: Criterion, types: Types, base: FromClause) -> Condition:
    table = INDEX_TABLES[node.type]
    rows = select(table.c.row).where(param_of(table.c.param, types, _code(node)))
    if node.modifier == "missing":
        return _nowhere(rows, table, base) if _asks_missing(node) else base.c.row.in_(rows)
    if node.type == "composite":
        return or_(*(base.c.row.in_(_composite(node, value, types)) for value in node.values))
    met = list(conditions(node.values, node.modifier, _COLUMNS[node.type], widest(tuple(types), node.param)))
    parts = [met[start : start + _WIDEST_OR] for start in range(0, len(met), _WIDEST_OR)]
    if node.modifier in ("not", "not-in"):
        return and_(*(_nowhere(rows.where(or_(*part)), table, base) for part in parts))
    return or_(*(base.c.row.in_(rows.where(or_(*part))) for part in parts))


def _code(node: Criterion) -> str:
    return node.param + OF_TYPE if node.modifier == "of-type" else node.param


def _nowhere(rows: Rows, table: FromClause, base: FromClause) -> Condition:
    return ~rows.where(table.c.row == base.c.row).correlate(base).exists()


_OF_COMPOSITE = {
    "unit": "text",
    "folded": "text",
    "url": "text",
    "target_type": "system",
    "target_id": "code",
    "target_version": "text",
}
"""Which column of a composite stands for one that another index table has."""


def _composite(node: Criterion, value: Value, types: Types) -> Rows:
    """The rows of which one element meets every part."""
    parts = value.parts if isinstance(value, CompositeValue) else ()
    first = composites.alias()
    rows = select(first.c.row).where(param_of(first.c.param, types, node.param))
    for number, part in enumerate(parts):
        table = composites.alias() if number else first
        columns: Columns = {**table.c, **{name: table.c[of] for name, of in _OF_COMPOSITE.items()}}
        met = and_(table.c.component == number, *conditions([part], None, columns))
        if number:
            same = and_(table.c.row == first.c.row, table.c.param == first.c.param, table.c.element == first.c.element)
            rows = rows.join(table, same)
        rows = rows.where(met)
    return rows


def _compartment(node: Compartment, base: FromClause) -> Condition:
    return base.c.row.in_(
        select(references.c.row).where(
            _among(references.c.param, node.params),
            references.c.target_type == node.type,
            _among(references.c.target_id, node.ids),
        )
    )


def _chain(node: Chain, types: Types, base: FromClause) -> Condition:
    """The resources whose reference leads to one that meets a link."""
    reference, target = references.alias(), resources.alias()
    ways = [and_(target.c.type == link.type, _holds(link.node, (link.type,), target)) for link in node.links]
    leads = and_(target.c.type == reference.c.target_type, target.c.id == reference.c.target_id)
    return base.c.row.in_(
        select(reference.c.row)
        .join(target, leads)
        .where(param_of(reference.c.param, types, node.param), not_(target.c.deleted), or_(*ways))
    )


def _reverse(node: Reverse, types: Types, base: FromClause) -> Condition:
    """The resources to which one refers that meets the node."""
    reference, source = references.alias(), resources.alias()
    leads = and_(
        reference.c.param == f"{node.type}.{node.param}",
        _among(reference.c.target_type, types),
        not_(source.c.deleted),
        _holds(node.node, (node.type,), source),
    )
    if len(types) == 1:
        ids = select(reference.c.target_id)
        return base.c.id.in_(ids.join(source, source.c.row == reference.c.row).where(leads))
    keys = select(reference.c.target_type, reference.c.target_id)
    return tuple_(base.c.type, base.c.id).in_(keys.join(source, source.c.row == reference.c.row).where(leads))
