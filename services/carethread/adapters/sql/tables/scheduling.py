"""Who is taken when, which slots are open, and to whom they were offered; see `core.ports.calendar` and `offers`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, String, Table, text

from carethread.adapters.sql.tables.base import ROW, TEXT, metadata
from carethread.core.ports.calendar import FOREVER

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

purposes = Table(
    "purposes",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("kinds", String, nullable=False),
)
"""What slots are for. Few of them differ in it, so what somebody asks for is looked up here; the number follows
from the text (`calendars.purposing`)."""

_MAY_BE_FREE = text(f"free < {FOREVER}")

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
    Column("purpose", BigInteger, nullable=False),
    Column("free", BigInteger, nullable=False),
    Index("openings_by_schedule", "schedule", "begin"),
    Index("openings_free", "begin", "row", sqlite_where=_MAY_BE_FREE, postgresql_where=_MAY_BE_FREE),
    Index(
        "openings_free_of",
        "schedule",
        "begin",
        "row",
        "purpose",
        sqlite_where=_MAY_BE_FREE,
        postgresql_where=_MAY_BE_FREE,
    ),
    Index("openings_free_for", "purpose", "begin", "row", sqlite_where=_MAY_BE_FREE, postgresql_where=_MAY_BE_FREE),
)
"""Slots, by the number of their resource. `free` follows from `status`, `capacity` and the rows of `busy` for
`Slot/<slot>`; it is written whenever one of them is."""

_OPEN = text("outcome = 'open'")

offers = Table(
    "offers",
    metadata,
    Column("number", ROW, primary_key=True, autoincrement=True),
    Column("entry", String(64), nullable=False),
    Column("patient", String(140), nullable=False),
    Column("slot", String(64), nullable=False),
    Column("offered", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("ranking", LargeBinary, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("settled", BigInteger, nullable=False),
    Index("offers_open", "entry", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("offers_open_to", "patient", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("offers_by_entry", "entry"),
    Index("offers_by_slot", "slot", "offered"),
    Index("offers_by_time", "offered"),
    sqlite_autoincrement=True,
)
"""One offer of an entry is open at a time."""

waiting = Table(
    "waiting",
    metadata,
    Column("entry", String(64), nullable=False),
    Column("kind", BigInteger, nullable=False),
    Column("actor", BigInteger, nullable=False),
    Column("begin", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("patient", String(140), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("wish", String, nullable=False),
    PrimaryKeyConstraint("entry", "kind"),
    Index("waiting_for", "kind", "actor", "end"),
)
"""Who waits, once for each service that would do. `kind` and `actor` are numbers that follow from what they stand for
(`calendars.purposing`), so that an index takes them however long that is."""

waited = Table(
    "waited",
    metadata,
    Column("entry", String(64), primary_key=True),
    Column("patient", String(140), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Index("waited_until", "until"),
)
"""Who waits and who has waited, offered something or not: what is asked of whether offers are fair."""
