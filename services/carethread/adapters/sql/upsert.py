"""INSERT ... ON CONFLICT, which both databases spell alike and SQLAlchemy keeps in each dialect."""

from __future__ import annotations

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from carethread.adapters.sql.engine import is_sqlite


def upsert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say what is done where the row is there."""
    return sqlite.insert(table) if is_sqlite(connection) else postgresql.insert(table)
