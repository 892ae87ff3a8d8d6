"""kill -9 at each step of a relay, and anywhere, on both buses and both databases: no event lost or out of order.

CARETHREAD_TEST_KILLS says how often at each step; 100 are a campaign of some minutes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from carethread.core.context import new_id
from support.deaths import SOMETIME, kills
from support.event_workers import Writer, check_published, drained, numbers, published, relaying, store_at
from support.relay_deaths import STEPS, relays_die
from support.servers import until

KILLS = kills(1)
BATCH = 10

EMBEDDED = tuple(step for step in STEPS if step != "ending")
"""Its commit is one call: there is nothing between asking and answer."""


def _check(url: str, bus: str, steps: tuple[str, ...]) -> None:
    prefix = f"d{new_id()[-8:]}"
    store = store_at(url, "scheduling")
    with Writer(store):
        relays_die(url, bus, prefix, steps, KILLS, BATCH)
    with relaying(store, bus, prefix):
        until(lambda: drained(store), seconds=60, what="the outbox empty")
    expected = numbers(store)
    repeated = check_published(published(bus, prefix, max(expected)), expected, BATCH)
    if "/" not in bus:
        assert repeated, "no death fell between acknowledgement and mark: the test has proved nothing"
    store.close()


@pytest.mark.timeout(120 + 100 * KILLS)
def test_on_the_embedded_bus(tmp_path: Path) -> None:
    _check(f"sqlite:///{tmp_path}/scheduling.db", str(tmp_path / "bus.db"), EMBEDDED)


@pytest.mark.timeout(120 + 100 * KILLS)
def test_on_kafka(kafka_bootstrap: str, tmp_path: Path) -> None:
    _check(f"sqlite:///{tmp_path}/scheduling.db", kafka_bootstrap, STEPS)


@pytest.mark.timeout(120 + 100 * KILLS)
def test_on_kafka_from_postgresql(kafka_bootstrap: str, postgres_database: str) -> None:
    _check(postgres_database, kafka_bootstrap, ("numbering", "taken", "ending", "acknowledged", "marking", SOMETIME))
