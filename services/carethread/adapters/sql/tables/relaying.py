"""Events on their way out: the outbox, who relays it, the embedded bus, and up to where a log is forgotten."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)

from carethread.adapters.sql.tables.base import ROW, TEXT, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("position", ROW, primary_key=True, autoincrement=True),
    Column("sequence", BigInteger, unique=True),
    Column("ce_id", String(36), nullable=False),
    Column("row", ROW, nullable=False),
    Column("version", Integer, nullable=False),
    Column("type", String(64), nullable=False),
    Column("id", String(64), nullable=False),
    Column("verb", String(32), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("key", String(140), nullable=False),
    Column("dataschema", String, nullable=False),
    Column("department", String(64), nullable=False),
    Column("backfill", Boolean, nullable=False),
    Column("changed", String, nullable=False),
    Column("previous_status", String(64), nullable=False),
    Column("traceparent", String(64), nullable=False),
    UniqueConstraint("row", "version"),
    Index(
        "outbox_unnumbered",
        "position",
        sqlite_where=text("sequence IS NULL"),
        postgresql_where=text("sequence IS NULL"),
    ),
    sqlite_autoincrement=True,
)

relay = Table(
    "relay",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("numbered", BigInteger, nullable=False),
    Column("sent", BigInteger, nullable=False),
)

beats = Table(
    "beats",
    metadata,
    Column("part", String(64), nullable=False),
    Column("holder", String(140), nullable=False),
    Column("seen", BigInteger, nullable=False),
    PrimaryKeyConstraint("part", "holder"),
)
"""When each loop of each process last came round, by the database's clock."""

messages = Table(
    "messages",
    metadata,
    Column("number", ROW, primary_key=True, autoincrement=True),
    Column("ce_id", String(36), nullable=False),
    Column("type", String(64), nullable=False),
    Column("id", String(64), nullable=False),
    Column("verb", String(32), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("key", LargeBinary, nullable=False),  # as it came, whoever sent it
    Column("traceparent", String(64), nullable=False),
    Column("extra", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

forgotten = Table(
    "forgotten",
    metadata,
    Column("what", String(32), primary_key=True),
    Column("before", TEXT, nullable=False),
)
"""Up to which event id (of notifications: which moment), itself not, a log was forgotten."""
