"""Who is told and what of: the ledger of subscriptions; see `core.ports.deliveries`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, String, Table, UniqueConstraint, text

from carethread.adapters.sql.tables.base import metadata

_PENDING = text("state = 'pending'")

subscribers = Table(
    "subscribers",
    metadata,
    Column("subscription", String(64), primary_key=True),
    Column("topic", String, nullable=False),
    Column("filters", String, nullable=False),
    Column("starts", String, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("principal", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("heartbeat", Integer, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failing_since", BigInteger, nullable=False),
    Column("last_sent", BigInteger, nullable=False),
    Column("last_acknowledged", BigInteger, nullable=False),
    Column("error", String, nullable=False),
    Column("holder", String(140), nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("reader", BigInteger, nullable=False, server_default=text("0")),
    Index("subscribers_due", "due", "channel"),
    Index("subscribers_by_generation", "generation"),
    Index("subscribers_by_end", "ends"),
)
"""`filters` and `starts` are JSON; the lease of `holder` ends at `expires`, by the database's clock; `reader` counts
those who came to read a websocket or a stream."""

notifications = Table(
    "notifications",
    metadata,
    Column("subscription", String(64), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("ce_id", String(36), nullable=False),
    Column("service", String(32), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("type", String(64), nullable=False),
    Column("id", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("verb", String(32), nullable=False),
    Column("key", String(140), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("matched", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("settled", BigInteger, nullable=False),
    Column("reason", String, nullable=False),
    PrimaryKeyConstraint("subscription", "number"),
    UniqueConstraint("subscription", "ce_id"),
    Index("notifications_by_time", "subscription", "time"),
    Index(
        "notifications_pending",
        "subscription",
        "number",
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    ),
)

reached = Table(
    "reached",
    metadata,
    Column("service", String(32), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)
"""The highest sequence that was seen of each service; the row without a name counts the changes of interests."""

binding_tokens = Table(
    "binding_tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("subscriptions", String, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Index("binding_tokens_by_end", "expires"),
)
