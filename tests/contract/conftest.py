"""A store on both databases for the suites of ports that rest on one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carethread.adapters.sql.store.store import SqlStore
from support.stores import open_store


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    """A migrated store of the service `records` on each kind of database."""
    opened = open_store(database_url)
    yield opened
    opened.close()
