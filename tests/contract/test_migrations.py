"""Migrations on both databases: from nothing to the schema in `tables`, once, whoever comes at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from carethread.adapters.sql import migrate as module
from carethread.adapters.sql.engine import is_sqlite, make_engine, reading, writing
from carethread.adapters.sql.events.held import SqlHeld
from carethread.adapters.sql.migrate import HEAD, make_room, migrate, revision
from carethread.adapters.sql.tables import metadata
from carethread.core.ports import Record

SCHEMA = "scheduling"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url, "" if database_url.startswith("sqlite") else SCHEMA)
    yield engine
    engine.dispose()


def test_head_is_the_newest_script() -> None:
    scripts = ScriptDirectory(str(Path(module.__file__).parent / "migrations"))
    assert scripts.get_heads() == [HEAD]


def test_from_nothing_to_the_schema_and_no_further(engine: Engine) -> None:
    assert revision(engine) == ""
    assert migrate(engine, SCHEMA)
    assert revision(engine) == HEAD
    assert not migrate(engine, SCHEMA), "there is nothing left to do"
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_the_scripts_and_the_tables_make_the_same(engine: Engine, database_url: str, tmp_path: Path) -> None:
    """Also what Alembic does not compare: collations, WITHOUT ROWID, AUTOINCREMENT, partial indexes."""
    migrate(engine, SCHEMA)
    migrated = described(engine, SCHEMA)
    if is_sqlite(engine):
        other = make_engine(f"sqlite:///{tmp_path}/other.db")
        metadata.create_all(other)
        assert described(other, "") == migrated
    else:
        with writing(engine) as connection:
            connection.execute(text("CREATE SCHEMA other"))
        other = make_engine(database_url, "other")
        metadata.create_all(other)
        assert described(other, "other") == migrated
    other.dispose()


def described(engine: Engine, schema: str) -> list[tuple[str, ...]]:
    """Every table, column and index as the database itself tells them."""
    if is_sqlite(engine):
        statement = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%'"
    else:
        statement = (
            "SELECT table_name || '.' || column_name, concat_ws(' ', data_type, character_maximum_length, is_nullable, "
            f"collation_name, replace(column_default, '{schema}.', '')) FROM information_schema.columns "
            f"WHERE table_schema = '{schema}' AND table_name NOT LIKE 'alembic%' "
            f"UNION ALL SELECT indexname, replace(indexdef, '{schema}.', '') FROM pg_indexes "
            f"WHERE schemaname = '{schema}' AND tablename NOT LIKE 'alembic%'"
        )
    with reading(engine) as connection:
        rows = [tuple(row) for row in connection.execute(text(statement))]
    return sorted((name, "".join(part.split())) for name, sql in rows for part in [sql.replace('"', "")])


def test_processes_that_migrate_at_once_all_succeed(engine: Engine, database_url: str) -> None:
    program = (
        "import sys\n"
        "from carethread.adapters.sql.engine import make_engine\n"
        "from carethread.adapters.sql.migrate import migrate\n"
        f"print(migrate(make_engine(sys.argv[1], sys.argv[2]), {SCHEMA!r}))"
    )
    arguments = [sys.executable, "-c", program, database_url, "" if is_sqlite(engine) else SCHEMA]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    running = [
        subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ended = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * 4, ended
    assert revision(engine) == HEAD
    assert any(out.strip() == "True" for out, _ in ended)


def test_a_migration_that_fails_leaves_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr("alembic.op.create_index", fail)
    with pytest.raises(RuntimeError):
        migrate(engine, SCHEMA)
    monkeypatch.undo()
    assert revision(engine) == ""
    with reading(engine) as connection:
        assert inspect(connection).get_table_names() == []
    assert migrate(engine, SCHEMA)


def test_a_database_of_a_version_that_is_not_known_is_left_alone_and_told(engine: Engine) -> None:
    migrate(engine, SCHEMA)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RuntimeError, match="9999, which this version does not know"):
        migrate(engine, SCHEMA)
    assert revision(engine) == "9999"


def test_dead_letters_of_the_first_schema_are_kept(engine: Engine) -> None:
    make_room(engine, SCHEMA)
    config = Config()
    config.set_main_option("script_location", str(Path(module.__file__).parent / "migrations"))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        letter = "'careteams', 't', 3, 7, :key, :headers, :value, :outcome"
        values = {"key": b"k", "headers": b"[]", "value": b"\x00", "outcome": b"{}"}
        connection.execute(text(f"INSERT INTO dead_letters VALUES ({letter})"), values)
    assert migrate(engine, SCHEMA)
    with writing(engine) as connection:
        (kept,) = SqlHeld(connection).letters("careteams", 1)
    assert kept.waiting.record == Record("t", 3, 7, "k", [], b"\x00")
    assert (kept.outcome, kept.state) == (b"{}", "dead")
