"""Who answers for whom when; see `core.ports.register`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, String, Table, UniqueConstraint

from carethread.adapters.sql.tables.base import TEXT, metadata

accountable = Table(
    "accountable",
    metadata,
    Column("patient", TEXT, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("member", TEXT, nullable=False),
    Column("team", String(140), nullable=False),
    Column("cause", String(200), nullable=False),
    PrimaryKeyConstraint("patient", "since"),
    UniqueConstraint("patient", "until"),
    Index("accountable_by_member", "member", "until"),
)
"""Of one person one interval at most begins, and one ends, at a moment: what two transactions could both write is
refused to one of them."""
