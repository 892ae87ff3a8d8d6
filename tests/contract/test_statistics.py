"""A new database on PostgreSQL knows what is in its tables before it looks by itself."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.statistics import gather_missing
from carethread.adapters.sql.store import statements
from carethread.adapters.sql.store.store import SqlStore

_FILLED = "INSERT INTO resources (row, type, id, version, updated, deleted, key, department) SELECT "
_MANY = "n, 'Task', 't' || n, 1, 0, false, 'k', '' FROM generate_series(1, 3000) AS n"


def looking_up(store: SqlStore) -> str:
    """How resources are looked up by type and id, after as many times as PostgreSQL plans anew."""
    with store.engine.connect() as connection:
        connection.execute(text(f"PREPARE looking (text, text) AS {statements.LOCKED_TEXT}"))
        asked = "EXECUTE looking ('{Task}', '{t1}')"
        for _ in range(6):
            connection.execute(text(asked))
        plan = "\n".join(line for (line,) in connection.execute(text(f"EXPLAIN {asked}")))
        connection.execute(text("DEALLOCATE looking"))
    return plan


def test_a_table_that_has_grown_is_looked_at_once(store: Any) -> None:
    if is_sqlite(store.engine):
        assert gather_missing(store.engine) == []
        return
    assert gather_missing(store.engine) == [], "nothing is in it"
    with store.engine.connect() as connection:
        connection.execute(text(_FILLED + _MANY))
    assert gather_missing(store.engine) == ["resources"]
    assert gather_missing(store.engine) == []
    assert "resources_type_id_key" in looking_up(store)
