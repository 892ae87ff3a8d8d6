"""What a search finds by: one narrow table per search-parameter type, and how long a text in one may be.

Each is clustered by the resource's row, so that replacing a resource's entries is local, with a second index by value.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    text,
)

from carethread.adapters.sql.tables.base import ROW, TEXT, metadata

_LONGEST = 400
"""Bytes of a text in an index table. A row of a PostgreSQL index holds 2,704, and one of `references` six texts."""

_DIGEST = 64


def fit(text: str) -> str:
    """The text as an index table keeps it and a search asks for it: what is too long is cut and told by its digest.

    Strings, of which a search may know the beginning only, are cut by `core.fhir.search.text` and need no fitting.
    """
    if len(text) <= _LONGEST // 4:  # UTF-8 takes four bytes at most
        return text
    whole = text.encode()
    if len(whole) <= _LONGEST:
        return text
    return whole[: _LONGEST - _DIGEST].decode(errors="ignore") + sha256(whole).hexdigest()


def _index_table(name: str, *columns: Column[Any], by: tuple[str, ...], more: tuple[Index, ...] = ()) -> Table:
    """One search-parameter type: which resource, which parameter as `Type.code`, and the value in the order of its
    row."""
    return Table(
        f"index_{name}",
        metadata,
        Column("row", ROW, nullable=False),
        Column("param", String(120), nullable=False),
        *columns,
        PrimaryKeyConstraint("row", "param", *(column.name for column in columns)),
        Index(f"index_{name}_by_value", "param", *by, "row"),
        *more,
        sqlite_with_rowid=False,
    )


def _text(name: str) -> Column[Any]:
    return Column(name, TEXT, nullable=False)


def _range(kind: type[BigInteger] | type[Float[float]]) -> tuple[Column[Any], Column[Any]]:
    return Column("low", kind, nullable=False), Column("high", kind, nullable=False)


_HAS_DISPLAY = text("display <> ''")


def _where_there_is(name: str, column: str) -> Index:
    """An index by a column that most rows leave empty."""
    there = text(f"{column} <> ''")
    return Index(name, "param", column, "row", sqlite_where=there, postgresql_where=there)


tokens = _index_table(
    "token",
    _text("system"),
    _text("code"),
    _text("display"),
    by=("code", "system"),
    more=(
        Index(
            "index_token_by_display",
            "param",
            "display",
            "row",
            sqlite_where=_HAS_DISPLAY,
            postgresql_where=_HAS_DISPLAY,
        ),
    ),
)

references = _index_table(
    "reference",
    _text("target_type"),
    _text("target_id"),
    _text("url"),
    _text("target_version"),
    _text("identifier_system"),
    _text("identifier_value"),
    by=("target_id", "target_type"),
    more=(
        _where_there_is("index_reference_by_url", "url"),
        _where_there_is("index_reference_by_identifier", "identifier_value"),
    ),
)

dates = _index_table("date", *_range(BigInteger), by=("low", "high"))

strings = _index_table("string", _text("folded"), _text("exact"), by=("folded",))

numbers = _index_table("number", *_range(Float), by=("low", "high"))

quantities = _index_table(
    "quantity", *_range(Float), _text("system"), _text("code"), _text("unit"), by=("low", "high", "code")
)

uris = _index_table("uri", _text("uri"), by=("uri",))

composites = _index_table(
    "composite",
    Column("element", Integer, nullable=False),
    Column("component", SmallInteger, nullable=False),
    _text("system"),
    _text("code"),
    *_range(Float),
    _text("text"),
    by=("component", "code", "low"),
)

INDEX_TABLES = {
    "token": tokens,
    "reference": references,
    "date": dates,
    "string": strings,
    "number": numbers,
    "quantity": quantities,
    "uri": uris,
    "composite": composites,
}
"""By the name of the rows in `core.fhir.search.rows.IndexRows`."""
