"""Facts, of each resource as of its last version, and how far they are; see `core.ports.facts`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, String, Table, UniqueConstraint

from carethread.adapters.sql.tables.base import ROW, TEXT, metadata

facts = Table(
    "facts",
    metadata,
    Column("changed", ROW, primary_key=True, autoincrement=False),
    Column("type", String(64), nullable=False),
    Column("id", TEXT, nullable=False),
    Column("version", Integer, nullable=False),
    Column("made", String, nullable=False),  # the rows, as text
    UniqueConstraint("type", "id"),
)

fact_marks = Table(
    "fact_marks",
    metadata,
    Column("kind", String(16), nullable=False),  # changed, sequence, generation
    Column("name", String(140), nullable=False),  # of a sequence service/Type, of a generation Type
    Column("number", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "name"),
)
