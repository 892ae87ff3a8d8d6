"""Who is to read which notice; see `core.ports.notices`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, String, Table, text

from carethread.adapters.sql.tables.base import TEXT, metadata

_OUTSTANDING = text("acknowledged = 0 AND departed = 0")

recipients = Table(
    "recipients",
    metadata,
    Column("notice", String(64), nullable=False),
    Column("reader", TEXT, nullable=False),
    Column("cause", TEXT, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("acknowledged", BigInteger, nullable=False),
    Column("departed", BigInteger, nullable=False),
    PrimaryKeyConstraint("notice", "reader"),
    Index("recipients_outstanding", "reader", "due", sqlite_where=_OUTSTANDING, postgresql_where=_OUTSTANDING),
)
"""Each person once for each notice."""
