"""The schema of one service, the same on SQLite and PostgreSQL.

A resource is one `resources` row (what it is now) and one `versions` row for each version (what it said). `row`
joins them and the index tables: one narrow table per search-parameter type, clustered by resource so that replacing
a resource's rows is local, with a second index by value. Times are integers, microseconds since the epoch.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import postgresql

metadata = MetaData()

_TEXT = String().with_variant(postgresql.VARCHAR(collation="C"), "postgresql")
"""Text compared by code point, so that a prefix is a range and both databases sort alike."""

_Row = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for INTEGER

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


resources = Table(
    "resources",
    metadata,
    Column("row", _Row, primary_key=True, autoincrement=True),
    Column("type", String(64), nullable=False),
    Column("id", _TEXT, nullable=False),
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
    Column("row", _Row, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("method", String(6), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("type", String(64), nullable=False),
    PrimaryKeyConstraint("row", "version"),
    Index("versions_by_time", "type", "updated", "row", "version"),
)


def _index_table(name: str, *columns: Column[Any], by: tuple[str, ...], more: tuple[Index, ...] = ()) -> Table:
    """One search-parameter type: which resource, which parameter as `Type.code`, and the value in the order of its
    row."""
    return Table(
        f"index_{name}",
        metadata,
        Column("row", _Row, nullable=False),
        Column("param", String(120), nullable=False),
        *columns,
        PrimaryKeyConstraint("row", "param", *(column.name for column in columns)),
        Index(f"index_{name}_by_value", "param", *by, "row"),
        *more,
        sqlite_with_rowid=False,
    )


def _text(name: str) -> Column[Any]:
    return Column(name, _TEXT, nullable=False)


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

outbox = Table(
    "outbox",
    metadata,
    Column("position", _Row, primary_key=True, autoincrement=True),
    Column("sequence", BigInteger, unique=True),
    Column("ce_id", String(36), nullable=False),
    Column("row", _Row, nullable=False),
    Column("version", Integer, nullable=False),
    Column("type", String(64), nullable=False),
    Column("id", String(64), nullable=False),
    Column("verb", String(32), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("key", String(140), nullable=False),
    Column("dataschema", String, nullable=False),
    Column("department", String(64), nullable=False),
    Column("backfill", Boolean, nullable=False),
    Column("changed", String, nullable=False),
    Column("previous_status", String(64), nullable=False),
    Column("traceparent", String(64), nullable=False),
    UniqueConstraint("row", "version"),
    Index(
        "outbox_unnumbered",
        "position",
        sqlite_where=text("sequence IS NULL"),
        postgresql_where=text("sequence IS NULL"),
    ),
    sqlite_autoincrement=True,
)

relay = Table(
    "relay",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("numbered", BigInteger, nullable=False),
    Column("sent", BigInteger, nullable=False),
)

inbox = Table(
    "inbox",
    metadata,
    Column("reaction", String(64), nullable=False),
    Column("ce_id", String(36), nullable=False),
    PrimaryKeyConstraint("reaction", "ce_id"),
    sqlite_with_rowid=False,
)

forgotten = Table(
    "forgotten",
    metadata,
    Column("what", String(32), primary_key=True),
    Column("before", _TEXT, nullable=False),
)
"""Up to which event id (of notifications: which moment), itself not, a log was forgotten."""

positions = Table(
    "positions",
    metadata,
    Column("consumer", String(64), nullable=False),
    Column("topic", String(200), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    PrimaryKeyConstraint("consumer", "topic", "partition"),
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

held = Table(
    "held",
    metadata,
    Column("number", _Row, primary_key=True, autoincrement=True),
    Column("consumer", String(64), nullable=False),
    Column("topic", String(200), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("key", LargeBinary, nullable=False),  # as it came, whoever sent it
    Column("headers", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("ce_id", _TEXT, nullable=False),
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
    Column("key", _TEXT, nullable=False),
    Column("number", _Row, nullable=False),
    PrimaryKeyConstraint("consumer", "key", "number"),
    Index("held_keys_by_number", "number"),
    sqlite_with_rowid=False,
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("number", _Row, primary_key=True, autoincrement=False),
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
    Column("sender", _TEXT, nullable=False),
    Column("resource", _TEXT, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    PrimaryKeyConstraint("sender", "resource"),
    sqlite_with_rowid=False,
)

messages = Table(
    "messages",
    metadata,
    Column("number", _Row, primary_key=True, autoincrement=True),
    Column("ce_id", String(36), nullable=False),
    Column("type", String(64), nullable=False),
    Column("id", String(64), nullable=False),
    Column("verb", String(32), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("key", LargeBinary, nullable=False),  # as it came, whoever sent it
    Column("traceparent", String(64), nullable=False),
    Column("extra", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
