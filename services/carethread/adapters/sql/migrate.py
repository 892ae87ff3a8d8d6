"""Bring a service's database to the schema of this version."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.schema import CreateSchema

from carethread.adapters.sql.engine import is_sqlite, reading, writing

HEAD = "0006"
"""The newest revision; a test compares it with the scripts."""

_SCRIPTS = Path(__file__).parent / "migrations"


def revision(engine: Engine) -> str:
    """The revision that the database is at; empty when it has no schema yet. Raises Busy."""
    with reading(engine) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return ""
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def migrate(engine: Engine, schema: str) -> bool:
    """Migrate in one transaction; whether there was anything to do. Raises Busy, RuntimeError for an unknown revision.

    `schema` is made on PostgreSQL when it is missing, which needs a role that may; SQLite has none.
    """
    make_room(engine, schema)
    stands = revision(engine)
    if stands == HEAD:
        return False
    if stands > HEAD:
        raise RuntimeError(
            f"This database is at revision {stands}, which this version does not know: a later version made it, or one "
            "before the first release. Use that version, or begin with an empty database."
        )
    from alembic import command  # takes 100 ms, and a start with nothing to migrate should not wait for it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    with writing(engine) as connection:
        if not is_sqlite(engine):
            _take_turn(connection, schema)
            for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
                connection.exec_driver_sql(f"SET LOCAL {limit} = 0")  # an index of all that is stored takes its time
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    if revision(engine) != HEAD:
        raise RuntimeError(f"The migration scripts of this installation do not lead to {HEAD}; install it again.")
    return True


def make_room(engine: Engine, schema: str) -> None:
    """Make what is missing around the tables: SQLite's folder, PostgreSQL's schema. Raises Busy."""
    if is_sqlite(engine):
        Path(engine.url.database or "").parent.mkdir(parents=True, exist_ok=True)
        return
    with writing(engine) as connection:
        _take_turn(connection, schema)
        if schema not in inspect(connection).get_schema_names():
            connection.execute(CreateSchema(schema))


def _take_turn(connection: Connection, schema: str) -> None:
    """On PostgreSQL, wait until no other process migrates this schema; the transaction's end gives the turn on."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:schema))"), {"schema": schema})
