"""What is wanted of the owners of other types; see `core.ports.requests`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, text

from carethread.adapters.sql.tables.base import ROW, TEXT, metadata

_WAITING = text("state = 'waiting'")

requests = Table(
    "requests",
    metadata,
    Column("number", ROW, primary_key=True, autoincrement=True),
    Column("type", String(64), nullable=False),
    Column("id", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("key", TEXT, nullable=False),
    Column("new", Boolean, nullable=False),
    Column("condition", TEXT, nullable=False),
    Column("backfill", Boolean, nullable=False),
    Column("traceparent", String(64), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("next", BigInteger, nullable=False),  # before this moment it is somebody's, or put off
    Column("attempts", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("outcome", LargeBinary, nullable=False),
    Index("requests_waiting", "key", "number", sqlite_where=_WAITING, postgresql_where=_WAITING),
    Index("requests_by_resource", "type", "id"),
    sqlite_autoincrement=True,
)
