"""Deleting copies of what another service owns, as if they had never been here."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from carethread.adapters.sql.tables import INDEX_TABLES, resources, versions


def forget(connection: Connection, type_name: str, count: int) -> int:
    """Delete at most `count` resources of a type with their versions and index rows; returns how many."""
    some = select(resources.c.row).where(resources.c.type == type_name).order_by(resources.c.row).limit(count)
    rows = list(connection.execute(some).scalars())
    for table in (*INDEX_TABLES.values(), versions, resources):
        connection.execute(delete(table).where(table.c.row.in_(rows)))
    return len(rows)
