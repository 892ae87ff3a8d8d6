"""Who is taken when, and which slots are open; see `core.ports.calendar`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, String, Table

from carethread.adapters.sql.tables.base import TEXT, metadata

busy = Table(
    "busy",
    metadata,
    Column("appointment", String(64), nullable=False),
    Column("actor", TEXT, nullable=False),
    Column("begin", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    PrimaryKeyConstraint("appointment", "actor"),
    Index("busy_by_actor", "actor", "end", "begin"),
)
"""Of an actor few spans end after a given moment, for most of its Appointments are over."""

openings = Table(
    "openings",
    metadata,
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    Column("slot", String(64), nullable=False, unique=True),
    Column("schedule", String(64), nullable=False),
    Column("begin", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("kinds", String, nullable=False),
    Column("free", BigInteger, nullable=False),
    Index("openings_by_schedule", "schedule", "begin"),
    Index("openings_by_begin", "begin", "row"),
)
"""Slots, by the number of their resource. `free` follows from `status`, `capacity` and the rows of `busy` for
`Slot/<slot>`; it is written whenever one of them is."""
