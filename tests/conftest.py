"""Real servers as fixtures, shared by all workers of a run; where none can be had a test is skipped, or fails in CI."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import settings

from support import kafka, postgres, run

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_T = TypeVar("_T")
_SERVER_FIXTURES = {
    "chromium",
    "kafka_bootstrap",
    "kafka_broker",
    "postgres_url",
    "postgres_database",
    "postgres_server",
}
_BEGUN_FIRST = (
    *("test_containers", "test_import", "test_startup", "test_grpc", "test_thread", "test_pages", "test_services"),
    *("test_profiles_oracle", "test_answers_oracle", "test_oracle", "test_search_sql", "test_kafka_security"),
    *("test_consumer_faults", "test_transaction_kill", "test_inbound_kill", "test_care_kill"),
)
"""Files that take longest, and those of models and of processes that die, are not left to the end, when other workers
have nothing to do any more."""


settings.register_profile("any machine", deadline=None)  # how long an example takes depends on what else runs
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in the background; what is started here needs Ctrl-C
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    run.finish()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: number for number, name in enumerate(_BEGUN_FIRST)}

    def turn(item: pytest.Item) -> int:
        name = item.path.stem
        return order.get(name, len(order) + (not name.endswith(("_model", "_kill", "_oracle"))))

    items.sort(key=turn)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CI=true, a skip of a test that needs servers is a failure."""
    report = yield
    needs = item.get_closest_marker("servers") or _SERVER_FIXTURES & set(getattr(item, "fixturenames", ()))
    if needs and report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"CI=true allows no skip of a test that needs servers. {reason}"
    return report


def _or_skip(start: Callable[[], _T]) -> _T:
    try:
        return start()
    except run.Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def kafka_bootstrap() -> str:
    """The run's Kafka as `host:port`; topics of other tests are there too, so name yours uniquely."""
    return _or_skip(kafka.bootstrap)


@pytest.fixture(scope="session")
def _own_broker() -> kafka.Broker:
    return _or_skip(kafka.start)


@pytest.fixture
def kafka_broker(_own_broker: kafka.Broker) -> Iterator[kafka.Broker]:
    """A Kafka that no other worker uses: stop, start, kill and pause it at will; it is brought back afterwards."""
    yield _own_broker
    _own_broker.restore()


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The run's PostgreSQL, its maintenance database, as `postgresql+psycopg://…`."""
    return _or_skip(postgres.url)


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """A fresh database of this test's own, as `postgresql+psycopg://…`; a module's own: `support.postgres.database`."""
    with postgres.database(postgres_url) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.servers)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_database")
        return url
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture(scope="session")
def _own_postgres() -> postgres.Postgres:
    return _or_skip(postgres.start)


@pytest.fixture
def postgres_server(_own_postgres: postgres.Postgres) -> Iterator[postgres.Postgres]:
    """A PostgreSQL that no other worker uses: stop, start, kill and pause it at will; it is brought back afterwards."""
    yield _own_postgres
    _own_postgres.restore()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser of this module's own."""
    from support.browser import chromium as a_browser  # few tests need what drives it

    try:
        with a_browser() as browser:
            yield browser
    except run.Unavailable as error:
        pytest.skip(str(error))
