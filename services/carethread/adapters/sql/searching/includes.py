"""What the matches of a search refer to, and what refers to them: `_include` and `_revinclude`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from carethread.adapters.sql.searching.spelling import Spelling, both, either, of


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
