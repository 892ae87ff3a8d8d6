"""What it took to fill forms in; see `core.ports.efforts`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from carethread.adapters.sql.tables.base import TEXT, metadata

efforts = Table(
    "efforts",
    metadata,
    Column("response", String(64), primary_key=True),
    Column("form", TEXT, nullable=False),
    Column("department", String(64), nullable=False),
    Column("author", TEXT, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("saved", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("ending", String(16), nullable=False),
    Column("worked", BigInteger, nullable=False),
    Column("given", Integer, nullable=False),
    Column("prefilled", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Index("efforts_of_form", "form", "started"),
)
