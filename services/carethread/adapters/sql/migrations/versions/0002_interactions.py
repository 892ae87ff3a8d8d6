"""What the interactions keep beside the resources"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _tell_each_version_its_type()
    op.create_table(
        "exports",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
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
    op.create_index(
        "index_token_by_display",
        "index_token",
        ["param", "display", "row"],
        unique=False,
        sqlite_where=sa.text("display <> ''"),
        postgresql_where=sa.text("display <> ''"),
    )
    op.create_table(
        "staged",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("begun", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.add_column("resources", sa.Column("held", sa.String(length=64), server_default=sa.text("''"), nullable=False))
    op.create_index(
        "resources_held",
        "resources",
        ["held"],
        unique=False,
        sqlite_where=sa.text("held <> ''"),
        postgresql_where=sa.text("held <> ''"),
    )
    op.drop_index("claims_by_holder", "claims")
    op.create_index("claims_by_holder", "claims", ["holder", "kind"], unique=False)
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


def _tell_each_version_its_type() -> None:
    if op.get_bind().dialect.name == "sqlite":  # which cannot make a column NOT NULL that is there
        op.create_table(
            "new_versions",
            sa.Column("row", sa.Integer(), nullable=False),
            sa.Column("version", sa.Integer(), nullable=False),
            sa.Column("updated", sa.BigInteger(), nullable=False),
            sa.Column("method", sa.String(length=6), nullable=False),
            sa.Column("body", sa.LargeBinary(), nullable=False),
            sa.Column("type", sa.String(length=64), nullable=False),
            sa.PrimaryKeyConstraint("row", "version"),
        )
        op.execute("INSERT INTO new_versions SELECT v.*, r.type FROM versions v JOIN resources r ON r.row = v.row")
        op.drop_table("versions")
        op.rename_table("new_versions", "versions")
    else:
        op.add_column("versions", sa.Column("type", sa.String(length=64)))
        op.execute("UPDATE versions SET type = r.type FROM resources r WHERE r.row = versions.row")
        op.alter_column("versions", "type", nullable=False)
    op.create_index("versions_by_time", "versions", ["type", "updated", "row", "version"], unique=False)
