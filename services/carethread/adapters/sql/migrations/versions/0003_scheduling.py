"""One front desk for all departments"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _calendar()
    _waiting()
    _errands()
    _readers()
    _beats()
    _calendar_of_what_is_there()


def _calendar_of_what_is_there() -> None:
    """Have what is stored entered into the calendar; only `scheduling` has Slots."""
    set_one = sa.text(
        "INSERT INTO timers (kind, key, due, next, payload, attempts, failure) "
        "SELECT 'calendar', :type, 0, 0, :payload, 0, '' WHERE EXISTS (SELECT 1 FROM resources WHERE type = 'Slot')"
    )
    for type_name in ("Slot", "Appointment"):
        op.get_bind().execute(set_one, {"type": type_name, "payload": b""})


def _readers() -> None:
    """Which reader of a websocket or a stream is the newest: those that are connected come again."""
    op.add_column("subscribers", sa.Column("reader", sa.BigInteger(), nullable=False, server_default=sa.text("0")))


def _beats() -> None:
    """When each loop of each process last came round."""
    op.create_table(
        "beats",
        sa.Column("part", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=140), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("part", "holder"),
    )


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
        sa.Column("purpose", sa.BigInteger(), nullable=False),
        sa.Column("free", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("slot"),
    )
    op.create_index("openings_by_schedule", "openings", ["schedule", "begin"], unique=False)
    may_be_free = sa.text("free < 4611686018427387904")
    for name, columns in (
        ("openings_free", ["begin", "row"]),
        ("openings_free_of", ["schedule", "begin", "row", "purpose"]),
        ("openings_free_for", ["purpose", "begin", "row"]),
    ):
        op.create_index(name, "openings", columns, sqlite_where=may_be_free, postgresql_where=may_be_free)
    op.create_table(
        "purposes",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kinds", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "offers",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("entry", sa.String(length=64), nullable=False),
        sa.Column("patient", sa.String(length=140), nullable=False),
        sa.Column("slot", sa.String(length=64), nullable=False),
        sa.Column("offered", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("ranking", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    is_open = sa.text("outcome = 'open'")
    op.create_index("offers_open", "offers", ["entry"], unique=True, sqlite_where=is_open, postgresql_where=is_open)
    op.create_index("offers_open_to", "offers", ["patient"], sqlite_where=is_open, postgresql_where=is_open)
    op.create_index("offers_by_entry", "offers", ["entry"], unique=False)
    op.create_index("offers_by_slot", "offers", ["slot", "offered"], unique=False)
    op.create_index("offers_by_time", "offers", ["offered"], unique=False)


def _waiting() -> None:
    """Who waits for what."""
    op.create_table(
        "waiting",
        sa.Column("entry", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.BigInteger(), nullable=False),
        sa.Column("begin", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("patient", sa.String(length=140), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("wish", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("entry", "kind"),
    )
    op.create_index("waiting_for", "waiting", ["kind", "actor", "end"], unique=False)
    op.create_table(
        "waited",
        sa.Column("entry", sa.String(length=64), nullable=False),
        sa.Column("patient", sa.String(length=140), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("entry"),
    )
    op.create_index("waited_until", "waited", ["until"], unique=False)


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
    failing = sa.text("failure <> ''")
    op.create_index("timers_failing", "timers", ["due"], sqlite_where=failing, postgresql_where=failing)
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "requests",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("key", exact, nullable=False),
        sa.Column("new", sa.Boolean(), nullable=False),
        sa.Column("condition", exact, nullable=False),
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
    op.create_index("requests_waiting", "requests", ["key", "number"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("requests_by_resource", "requests", ["type", "id"], unique=False)
