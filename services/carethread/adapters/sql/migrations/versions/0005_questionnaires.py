"""Who is asked what, and what it took to answer"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _asks()
    _efforts()


def _asks() -> None:
    """Who is wanted to be asked what, and what became of it."""
    exact = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")
    op.create_table(
        "asks",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("want", sa.String(length=64), nullable=False),
        sa.Column("person", exact, nullable=False),
        sa.Column("programme", exact, nullable=False),
        sa.Column("action", exact, nullable=False),
        sa.Column("form", exact, nullable=False),
        sa.Column("cause", exact, nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("department", exact, nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("outcome", sa.String(length=24), nullable=False),
        sa.Column("decided", sa.BigInteger(), nullable=False),
        sa.Column("response", sa.String(length=64), nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        sa.Column("ending", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("want"),
    )
    op.create_index("asks_of_person", "asks", ["person", "decided"], unique=False)
    op.create_index("asks_of_cause", "asks", ["cause", "turn"], unique=False)
    op.create_index("asks_by_moment", "asks", ["decided", "number"], unique=False)
    made = sa.text("response <> ''")
    op.create_index("asks_of_response", "asks", ["response"], unique=True, sqlite_where=made, postgresql_where=made)


def _efforts() -> None:
    """What it took to fill forms in."""
    exact = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")
    op.create_table(
        "efforts",
        sa.Column("response", sa.String(length=64), nullable=False),
        sa.Column("form", exact, nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("author", exact, nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("saved", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        sa.Column("ending", sa.String(length=16), nullable=False),
        sa.Column("worked", sa.BigInteger(), nullable=False),
        sa.Column("given", sa.Integer(), nullable=False),
        sa.Column("prefilled", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("response"),
    )
    op.create_index("efforts_of_form", "efforts", ["form", "started"], unique=False)
