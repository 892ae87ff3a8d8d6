"""A store on both databases for the suites of ports that rest on one; service metrics; a practice in which answers lead
to help."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.adapters.sql.store.store import SqlStore
from support.care import Care
from support.helping import copied_practice, helping_practice
from support.measuring import Metrics, metrics
from support.stores import open_store


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    """A migrated store of the service `records` on each kind of database."""
    opened = open_store(database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
    """Service metrics with the facts that a test tells."""
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('metrics')}/metrics.db", "metrics")
    yield metrics(store)
    store.close()


@pytest.fixture(scope="session")
def practice_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The databases of a practice in which nothing was answered yet."""
    folder = tmp_path_factory.mktemp("practice")
    with helping_practice(folder, "sqlite://"):
        pass
    return folder


@pytest.fixture
def practice(practice_before: Path, tmp_path: Path) -> Iterator[Care]:
    """A practice that helps; what is about rules alone needs one database only."""
    with copied_practice(practice_before, tmp_path) as made:
        yield made


@pytest.fixture
def anywhere(practice_before: Path, tmp_path: Path, database_url: str) -> Iterator[Care]:
    """The same on each kind of database."""
    if database_url.startswith("sqlite"):
        with copied_practice(practice_before, tmp_path) as made:
            yield made
    else:
        with helping_practice(tmp_path, database_url) as made:
            yield made
