"""Care teams, hand-offs and what follows from them"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _accountable()
    _ledger()
    _needs()
    _recipients()


def _accountable() -> None:
    """Who answers for whom when."""
    exact = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")
    op.create_table(
        "accountable",
        sa.Column("patient", exact, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("member", exact, nullable=False),
        sa.Column("team", sa.String(length=140), nullable=False),
        sa.Column("cause", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("patient", "since"),
        sa.UniqueConstraint("patient", "until"),
    )
    op.create_index("accountable_by_member", "accountable", ["member", "until"], unique=False)


def _ledger() -> None:
    """What happened to hand-offs; the database itself lets nobody change or delete it."""
    exact = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")
    op.create_table(
        "ledger",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("about", exact, nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("patient", exact, nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", exact, nullable=False),
        sa.Column("sender", exact, nullable=False),
        sa.Column("receiver", exact, nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("about", "turn"),
        sqlite_autoincrement=True,
    )
    op.create_index("ledger_by_patient", "ledger", ["patient", "number"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER ledger_no_{what.lower()} BEFORE {what} ON ledger "
                "BEGIN SELECT RAISE(ABORT, 'the ledger is only added to'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION ledger_stays() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger is only added to'; END $$"
    )
    op.execute(
        "CREATE TRIGGER ledger_stays BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_stays()"
    )
    op.execute("CREATE TRIGGER ledger_stays_whole BEFORE TRUNCATE ON ledger EXECUTE FUNCTION ledger_stays()")


def _needs() -> None:
    """Which needs were open when."""
    exact = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")
    op.create_table(
        "needs",
        sa.Column("need", exact, nullable=False),
        sa.Column("patient", exact, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("need", "since"),
    )
    op.create_index("needs_by_patient", "needs", ["patient", "until", "since"], unique=False)


def _recipients() -> None:
    """Who is to read which notice."""
    exact = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")
    op.create_table(
        "recipients",
        sa.Column("notice", sa.String(length=64), nullable=False),
        sa.Column("reader", exact, nullable=False),
        sa.Column("cause", exact, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged", sa.BigInteger(), nullable=False),
        sa.Column("departed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("notice", "reader"),
    )
    outstanding = sa.text("acknowledged = 0 AND departed = 0")
    op.create_index(
        "recipients_outstanding",
        "recipients",
        ["reader", "due"],
        sqlite_where=outstanding,
        postgresql_where=outstanding,
    )
