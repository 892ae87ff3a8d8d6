"""What all tables share: the one MetaData, and the column types on which the two databases differ."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData, String
from sqlalchemy.dialects import postgresql

metadata = MetaData()

TEXT = String().with_variant(postgresql.VARCHAR(collation="C"), "postgresql")
"""Text compared by code point, so that a prefix is a range and both databases sort alike."""

ROW = BigInteger().with_variant(Integer, "sqlite")
"""The number of a row; SQLite numbers rows by itself only for INTEGER."""
