"""Both databases for the suites of ports that rest on one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.adapters.sql.store.store import SqlStore
from support.stores import open_store

POSTGRES = pytest.param("postgres", marks=pytest.mark.servers)


@pytest.fixture(params=["sqlite", POSTGRES])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_database")
        return url
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    """A migrated store of the service `records` on each kind of database."""
    opened = open_store(database_url)
    yield opened
    opened.close()
