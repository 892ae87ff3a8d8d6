"""One front desk for all departments"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _calendar()
    _errands()
    _readers()


def _readers() -> None:
    """Which reader of a websocket or a stream is the newest: those that are connected come again."""
    op.add_column("subscribers", sa.Column("reader", sa.BigInteger(), nullable=False, server_default=sa.text("0")))


def _calendar() -> None:
    """Who is taken when, and which slots are open."""
    exact = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")
    op.create_table(
        "busy",
        sa.Column("appointment", sa.String(length=64), nullable=False),
        sa.Column("actor", exact, nullable=False),
        sa.Column("begin", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("appointment", "actor"),
    )
    op.create_index("busy_by_actor", "busy", ["actor", "end", "begin"], unique=False)
    op.create_table(
        "openings",
        sa.Column("row", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slot", sa.String(length=64), nullable=False),
        sa.Column("schedule", sa.String(length=64), nullable=False),
        sa.Column("begin", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("kinds", sa.String(), nullable=False),
        sa.Column("free", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("slot"),
    )
    op.create_index("openings_by_schedule", "openings", ["schedule", "begin"], unique=False)
    op.create_index("openings_by_begin", "openings", ["begin", "row"], unique=False)


def _errands() -> None:
    """What is to happen at a moment, and what is wanted of the owners of other types."""
    exact = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")
    op.create_table(
        "timers",
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("key", exact, nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failure", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index("timers_by_next", "timers", ["next"], unique=False)
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "requests",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("key", exact, nullable=False),
        sa.Column("new", sa.Boolean(), nullable=False),
        sa.Column("backfill", sa.Boolean(), nullable=False),
        sa.Column("traceparent", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "requests_waiting", "requests", ["key", "number"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_index("requests_by_resource", "requests", ["type", "id"], unique=False)
