"""The first schema"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "claims",
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=140), nullable=False),
        sa.Column("holder", sa.String(length=140), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key"),
    )
    op.create_index("claims_by_holder", "claims", ["holder", "kind"], unique=False)
    op.create_table(
        "dead_letters",
        sa.Column("consumer", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("headers", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "topic", "partition", "position"),
    )
    op.create_table(
        "exports",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "inbox",
        sa.Column("reaction", sa.String(length=64), nullable=False),
        sa.Column("ce_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("reaction", "ce_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "index_composite",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("param", sa.String(length=120), nullable=False),
        sa.Column("element", sa.Integer(), nullable=False),
        sa.Column("component", sa.SmallInteger(), nullable=False),
        sa.Column("system", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.Column("code", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("text", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("row", "param", "element", "component", "system", "code", "low", "high", "text"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "index_composite_by_value", "index_composite", ["param", "component", "code", "low", "row"], unique=False
    )
    op.create_table(
        "index_date",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("param", sa.String(length=120), nullable=False),
        sa.Column("low", sa.BigInteger(), nullable=False),
        sa.Column("high", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row", "param", "low", "high"),
        sqlite_with_rowid=False,
    )
    op.create_index("index_date_by_value", "index_date", ["param", "low", "high", "row"], unique=False)
    op.create_table(
        "index_number",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("param", sa.String(length=120), nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("row", "param", "low", "high"),
        sqlite_with_rowid=False,
    )
    op.create_index("index_number_by_value", "index_number", ["param", "low", "high", "row"], unique=False)
    op.create_table(
        "index_quantity",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("param", sa.String(length=120), nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("system", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.Column("code", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.Column("unit", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("row", "param", "low", "high", "system", "code", "unit"),
        sqlite_with_rowid=False,
    )
    op.create_index("index_quantity_by_value", "index_quantity", ["param", "low", "high", "code", "row"], unique=False)
    op.create_table(
        "index_reference",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("param", sa.String(length=120), nullable=False),
        sa.Column("target_type", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.Column("target_id", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.Column("url", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.Column("target_version", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.Column(
            "identifier_system", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "identifier_value", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False
        ),
        sa.PrimaryKeyConstraint(
            "row", "param", "target_type", "target_id", "url", "target_version", "identifier_system", "identifier_value"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "index_reference_by_value", "index_reference", ["param", "target_id", "target_type", "row"], unique=False
    )
    op.create_table(
        "index_string",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("param", sa.String(length=120), nullable=False),
        sa.Column("folded", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.Column("exact", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("row", "param", "folded", "exact"),
        sqlite_with_rowid=False,
    )
    op.create_index("index_string_by_value", "index_string", ["param", "folded", "row"], unique=False)
    op.create_table(
        "index_token",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("param", sa.String(length=120), nullable=False),
        sa.Column("system", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.Column("code", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.Column("display", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("row", "param", "system", "code", "display"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "index_token_by_display",
        "index_token",
        ["param", "display", "row"],
        unique=False,
        sqlite_where=sa.text("display <> ''"),
        postgresql_where=sa.text("display <> ''"),
    )
    op.create_index("index_token_by_value", "index_token", ["param", "code", "system", "row"], unique=False)
    op.create_table(
        "index_uri",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("param", sa.String(length=120), nullable=False),
        sa.Column("uri", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("row", "param", "uri"),
        sqlite_with_rowid=False,
    )
    op.create_index("index_uri_by_value", "index_uri", ["param", "uri", "row"], unique=False)
    op.create_table(
        "mirrors",
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("type"),
    )
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("ce_id", sa.String(length=36), nullable=False),
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("verb", sa.String(length=32), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=140), nullable=False),
        sa.Column("dataschema", sa.String(), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("backfill", sa.Boolean(), nullable=False),
        sa.Column("changed", sa.String(), nullable=False),
        sa.Column("previous_status", sa.String(length=64), nullable=False),
        sa.Column("traceparent", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("row", "version"),
        sa.UniqueConstraint("sequence"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "outbox_unnumbered",
        "outbox",
        ["position"],
        unique=False,
        sqlite_where=sa.text("sequence IS NULL"),
        postgresql_where=sa.text("sequence IS NULL"),
    )
    op.create_table(
        "positions",
        sa.Column("consumer", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "topic", "partition"),
    )
    op.create_table(
        "relay",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("numbered", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "resources",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("key", sa.String(length=140), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("held", sa.String(length=64), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("type", "id"),
    )
    op.create_index("resources_by_time", "resources", ["type", "updated"], unique=False)
    op.create_index("resources_by_type", "resources", ["type", "row"], unique=False)
    op.create_index(
        "resources_held",
        "resources",
        ["held"],
        unique=False,
        sqlite_where=sa.text("held <> ''"),
        postgresql_where=sa.text("held <> ''"),
    )
    op.create_table(
        "staged",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("begun", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "versions",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.String(length=6), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("row", "version"),
    )
    op.create_index("versions_by_time", "versions", ["type", "updated", "row", "version"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        _tell_the_planner_what_goes_together()


def _tell_the_planner_what_goes_together() -> None:
    """A code or a target says much about its parameter; taken for independent, matches look a hundred times rarer."""
    for table, columns in {
        "index_token": "param, code, system",
        "index_reference": "param, target_id, target_type",
    }.items():
        op.execute(f"CREATE STATISTICS {table}_together (mcv, dependencies) ON {columns} FROM {table}")
        op.execute(f"ALTER STATISTICS {table}_together SET STATISTICS 1000")
