"""Who is asked what, and what became of it; see `core.ports.asks`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, UniqueConstraint, text

from carethread.adapters.sql.tables.base import ROW, TEXT, metadata

_RESPONSE = text("response <> ''")

asks = Table(
    "asks",
    metadata,
    Column("number", ROW, primary_key=True, autoincrement=True),
    Column("want", String(64), nullable=False),
    Column("person", TEXT, nullable=False),
    Column("programme", TEXT, nullable=False),
    Column("action", TEXT, nullable=False),
    Column("form", TEXT, nullable=False),
    Column("cause", TEXT, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("department", TEXT, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("language", String(35), nullable=False),
    Column("outcome", String(24), nullable=False),
    Column("decided", BigInteger, nullable=False),
    Column("response", String(64), nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("ending", String(16), nullable=False),
    UniqueConstraint("want"),
    Index("asks_of_person", "person", "decided"),
    Index("asks_of_cause", "cause", "turn"),
    Index("asks_by_moment", "decided", "number"),
    Index("asks_of_response", "response", unique=True, sqlite_where=_RESPONSE, postgresql_where=_RESPONSE),
)
