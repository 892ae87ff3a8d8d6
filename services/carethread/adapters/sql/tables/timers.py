"""What is to happen at a moment; see `core.ports.timers`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, String, Table, text

from carethread.adapters.sql.tables.base import TEXT, metadata

_FAILING = text("failure <> ''")

timers = Table(
    "timers",
    metadata,
    Column("kind", String(64), nullable=False),
    Column("key", TEXT, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("next", BigInteger, nullable=False),  # when it is tried: `due`, or later when that was in vain
    Column("payload", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failure", String, nullable=False),
    PrimaryKeyConstraint("kind", "key"),
    Index("timers_by_next", "next"),
    Index("timers_failing", "due", sqlite_where=_FAILING, postgresql_where=_FAILING),
    sqlite_with_rowid=False,
)
