"""Events that departments can rely on"""

import sqlalchemy as sa
from alembic import op

from carethread.core.fhir.search.parameters import searchable, usual
from carethread.core.fhir.search.rows import MISSING, USUAL

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _ledger()
    _inbound()
    _put_aside()
    _forgotten()
    _searches()
    _mirroring()


def _searches() -> None:
    """What searches by a URL or an identifier of a reference begin with, and who has no value where most have one."""
    for name, column in {"index_reference_by_url": "url", "index_reference_by_identifier": "identifier_value"}.items():
        there = sa.text(f"{column} <> ''")
        op.create_index(name, "index_reference", ["param", column, "row"], sqlite_where=there, postgresql_where=there)
    for name in op.get_bind().scalars(sa.text("SELECT DISTINCT type FROM resources WHERE NOT deleted")).all():
        for code in sorted(USUAL & searchable(name).keys()):
            if usual((name,), code):
                values = sa.text(
                    "INSERT INTO index_token SELECT r.row, :missing, '', '', '' FROM resources r WHERE r.type = :type "
                    f"AND NOT r.deleted AND NOT EXISTS (SELECT 1 FROM index_{searchable(name)[code].type} i "
                    "WHERE i.row = r.row AND i.param = :param)"
                )
                param = f"{name}.{code}"
                op.get_bind().execute(values, {"type": name, "param": param, "missing": param + MISSING})


def _mirroring() -> None:
    """How far mirrors are: those that there are, to the end."""
    op.add_column("mirrors", sa.Column("began", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.add_column("mirrors", sa.Column("place", sa.BigInteger(), nullable=True))


def _forgotten() -> None:
    """Up to where logs were forgotten."""
    exact = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")
    op.create_table(
        "forgotten",
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("before", exact, nullable=False),
        sa.PrimaryKeyConstraint("what"),
    )


def _inbound() -> None:
    """What messages that came in were answered with, and which versions of their resources the senders have sent."""
    exact = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")
    op.create_table(
        "inbound_answers",
        sa.Column("message", sa.String(length=64), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("message"),
    )
    op.create_index("inbound_answers_by_time", "inbound_answers", ["received"], unique=False)
    op.create_table(
        "inbound_versions",
        sa.Column("sender", exact, nullable=False),
        sa.Column("resource", exact, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sender", "resource"),
        sqlite_with_rowid=False,
    )


def _ledger() -> None:
    """Who is to be told, what matched, and what became of it."""
    op.create_table(
        "subscribers",
        sa.Column("subscription", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("filters", sa.String(), nullable=False),
        sa.Column("starts", sa.String(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("heartbeat", sa.Integer(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.BigInteger(), nullable=False),
        sa.Column("last_sent", sa.BigInteger(), nullable=False),
        sa.Column("last_acknowledged", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("holder", sa.String(length=140), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subscription"),
    )
    op.create_index("subscribers_due", "subscribers", ["due", "channel"], unique=False)
    op.create_index("subscribers_by_generation", "subscribers", ["generation"], unique=False)
    op.create_index("subscribers_by_end", "subscribers", ["ends"], unique=False)
    op.create_table(
        "notifications",
        sa.Column("subscription", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("ce_id", sa.String(length=36), nullable=False),
        sa.Column("service", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("verb", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=140), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("matched", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("subscription", "number"),
        sa.UniqueConstraint("subscription", "ce_id"),
    )
    op.create_index("notifications_by_time", "notifications", ["subscription", "time"], unique=False)
    op.create_index(
        "notifications_pending",
        "notifications",
        ["subscription", "number"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "reached",
        sa.Column("service", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("service"),
    )
    op.create_table(
        "binding_tokens",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("subscriptions", sa.String(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("binding_tokens_by_end", "binding_tokens", ["expires"], unique=False)


def _put_aside() -> None:
    """What consumers have put aside, what waits behind it, what is published of it, and the replays asked for."""
    row = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    exact = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")
    op.create_table(
        "held",
        sa.Column("number", row, autoincrement=True, nullable=False),
        sa.Column("consumer", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("headers", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("ce_id", exact, nullable=False),
        sa.Column("needs", sa.LargeBinary(), nullable=False),
        sa.Column("behind", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("consumer", "topic", "partition", "position"),
        sqlite_autoincrement=True,
    )
    op.create_index("held_by_letter", "held", ["behind", "number"], unique=False)
    op.create_index("held_by_id", "held", ["consumer", "ce_id"], unique=False)
    op.create_table(
        "held_keys",
        sa.Column("consumer", sa.String(length=64), nullable=False),
        sa.Column("key", exact, nullable=False),
        sa.Column("number", row, nullable=False),
        sa.PrimaryKeyConstraint("consumer", "key", "number"),
        sqlite_with_rowid=False,
    )
    op.create_index("held_keys_by_number", "held_keys", ["number"], unique=False)
    _dead_letters(row)
    op.create_table(
        "replays",
        sa.Column("consumer", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("reset", sa.Boolean(), nullable=False),
        sa.Column("partial", sa.Boolean(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("targets", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("consumer"),
    )
    op.create_table(
        "messages",
        sa.Column("number", row, autoincrement=True, nullable=False),
        sa.Column("ce_id", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("verb", sa.String(length=32), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("traceparent", sa.String(length=64), nullable=False),
        sa.Column("extra", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )


def _dead_letters(row: sa.types.TypeEngine[int]) -> None:
    """Those that are there lie in `held` from now on like all that was put aside; they were put aside before it."""
    connection = op.get_bind()
    there = connection.execute(sa.text("SELECT * FROM dead_letters ORDER BY topic, partition, position")).mappings()
    letters = [dict(letter) for letter in there]
    op.drop_table("dead_letters")
    op.create_table(
        "dead_letters",
        sa.Column("number", row, autoincrement=False, nullable=False),
        sa.Column("consumer", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("escalated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("dead_letters_by_consumer", "dead_letters", ["consumer", "number"], unique=False)
    for letter in letters:
        outcome = letter.pop("outcome")
        held = {**letter, "time": 0, "ce_id": "", "needs": b"[]", "behind": 0, "since": 0}
        columns, values = ", ".join(held), ", ".join(f":{name}" for name in held)
        number = connection.execute(
            sa.text(f"INSERT INTO held ({columns}) VALUES ({values}) RETURNING number"), held
        ).scalar_one()
        connection.execute(
            sa.text("INSERT INTO dead_letters VALUES (:number, :consumer, :outcome, 'dead', 1, 0)"),
            {"number": number, "consumer": letter["consumer"], "outcome": outcome},
        )
