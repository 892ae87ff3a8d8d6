"""What is stored: a resource is one `resources` row (what it is now) and one `versions` row per version (what it said).

Beside them stands what a write needs (`claims`, `staged`) and how far a copy of them came (`mirrors`, `exports`).
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
    text,
)

from carethread.adapters.sql.tables.base import ROW, TEXT, metadata

resources = Table(
    "resources",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("type", String(64), nullable=False),
    Column("id", TEXT, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("key", String(140), nullable=False),
    Column("department", String(64), nullable=False),
    Column("held", String(64), nullable=False, server_default=text("''")),
    UniqueConstraint("type", "id"),
    Index("resources_held", "held", sqlite_where=text("held <> ''"), postgresql_where=text("held <> ''")),
    Index("resources_by_type", "type", "row"),
    Index("resources_by_time", "type", "updated"),
)

versions = Table(
    "versions",
    metadata,
    Column("row", ROW, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("method", String(6), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("type", String(64), nullable=False),
    PrimaryKeyConstraint("row", "version"),
    Index("versions_by_time", "type", "updated", "row", "version"),
)

claims = Table(
    "claims",
    metadata,
    Column("kind", String(64), nullable=False),
    Column("key", String(140), nullable=False),
    Column("holder", String(140), nullable=False),
    PrimaryKeyConstraint("kind", "key"),
    Index("claims_by_holder", "holder", "kind"),
)

staged = Table(
    "staged",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("begun", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

mirrors = Table(
    "mirrors",
    metadata,
    Column("type", String(64), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("began", BigInteger, nullable=False, server_default=text("0")),
    Column("place", BigInteger),  # where the owner's snapshot goes on; null: it is all here
)

exports = Table(
    "exports",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("created", BigInteger, nullable=False),
    Column("state", LargeBinary, nullable=False),
)
