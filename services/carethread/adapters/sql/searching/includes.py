"""What resources refer to, what refers to them, and what has a code: by the index alone, without a body."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from carethread.adapters.sql.searching.planning import Plan, plan_of_referring
from carethread.adapters.sql.searching.spelling import Spelling, both, either, of
from carethread.adapters.sql.searching.values import conditions
from carethread.core.fhir.search.query import TokenValue


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


def having(
    connection: Connection, values: Sequence[TokenValue], params: Sequence[str], at_most: int
) -> list[tuple[str, str]]:
    """(type, id) of the living resources that have one of the values by one of `params`, at most so many."""
    sql = Spelling(connection)
    met = either(conditions(values, None, {"system": "t.system", "code": "t.code"}, sql))
    sql.plan = Plan.ONCE  # whoever has it is wanted, however many they are
    return _living(f'SELECT t."row" FROM index_token t WHERE {of("t.param", params)} AND {met}', at_most, sql)


def referring(
    connection: Connection,
    keys: Sequence[tuple[str, str]],
    params: Sequence[str],
    at_most: int,
    through: Sequence[str] = (),
) -> list[tuple[str, str]]:
    """(type, id) of the living resources that refer by one of `params` to one of the keys, or to what refers to one of
    them by one of `through`; at most so many."""
    by_type: dict[str, list[str]] = {}
    for type_name, id_ in keys:
        by_type.setdefault(type_name, []).append(id_)
    sql = Spelling(connection)
    to_keys = either(
        f"t.target_type = {sql.place(type_name)} AND {sql.among('t.target_id', ids)}"
        for type_name, ids in by_type.items()
    )
    sql.plan = plan_of_referring(by_type, params)
    found = f'SELECT t."row" FROM index_reference t WHERE {of("t.param", params)} AND {to_keys}'
    if through:
        between = f'SELECT t."row" FROM index_reference t WHERE {of("t.param", through)} AND {to_keys}'
        found += (
            ' UNION ALL SELECT t."row" FROM resources b JOIN index_reference t '
            "ON t.target_type = b.type AND t.target_id = b.id "
            f'WHERE {of("t.param", params)} AND b."row" IN ({between}) AND NOT b.deleted'
        )
    return _living(found, at_most, sql)


def _living(rows: str, at_most: int, sql: Spelling) -> list[tuple[str, str]]:
    """(type, id) of those that are not deleted, at most so many."""
    statement = (
        f'SELECT r.type, r.id FROM resources r WHERE r."row" IN ({rows}) AND NOT r.deleted '
        f'ORDER BY r."row" LIMIT {sql.place(at_most)}'
    )
    return [(type_name, id_) for type_name, id_ in sql.fetch(statement)]
