"""Events on their way in: what was taken and how far, what failed, and what waits behind it.

Beside them: what is replayed, and what senders from outside were told.
"""

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
)

from carethread.adapters.sql.tables.base import ROW, TEXT, metadata

inbox = Table(
    "inbox",
    metadata,
    Column("reaction", String(64), nullable=False),
    Column("ce_id", String(36), nullable=False),
    PrimaryKeyConstraint("reaction", "ce_id"),
    sqlite_with_rowid=False,
)

positions = Table(
    "positions",
    metadata,
    Column("consumer", String(64), nullable=False),
    Column("topic", String(200), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    PrimaryKeyConstraint("consumer", "topic", "partition"),
)

held = Table(
    "held",
    metadata,
    Column("number", ROW, primary_key=True, autoincrement=True),
    Column("consumer", String(64), nullable=False),
    Column("topic", String(200), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("key", LargeBinary, nullable=False),  # as it came, whoever sent it
    Column("headers", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("ce_id", TEXT, nullable=False),
    Column("needs", LargeBinary, nullable=False),
    Column("behind", BigInteger, nullable=False),  # the number of a dead letter; 0: it is one
    Column("since", BigInteger, nullable=False),
    UniqueConstraint("consumer", "topic", "partition", "position"),
    Index("held_by_letter", "behind", "number"),
    Index("held_by_id", "consumer", "ce_id"),
    sqlite_autoincrement=True,
)

held_keys = Table(
    "held_keys",
    metadata,
    Column("consumer", String(64), nullable=False),
    Column("key", TEXT, nullable=False),
    Column("number", ROW, nullable=False),
    PrimaryKeyConstraint("consumer", "key", "number"),
    Index("held_keys_by_number", "number"),
    sqlite_with_rowid=False,
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("number", ROW, primary_key=True, autoincrement=False),
    Column("consumer", String(64), nullable=False),
    Column("outcome", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("escalated", BigInteger, nullable=False),
    Index("dead_letters_by_consumer", "consumer", "number"),
)

replays = Table(
    "replays",
    metadata,
    Column("consumer", String(64), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("reset", Boolean, nullable=False),
    Column("partial", Boolean, nullable=False),
    Column("asked", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("message", String, nullable=False),
    Column("targets", LargeBinary, nullable=False),
)

inbound_answers = Table(
    "inbound_answers",
    metadata,
    Column("message", String(64), primary_key=True),
    Column("received", BigInteger, nullable=False),
    Column("outcome", LargeBinary, nullable=False),
    Index("inbound_answers_by_time", "received"),
)

inbound_versions = Table(
    "inbound_versions",
    metadata,
    Column("sender", TEXT, nullable=False),
    Column("resource", TEXT, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    PrimaryKeyConstraint("sender", "resource"),
    sqlite_with_rowid=False,
)
