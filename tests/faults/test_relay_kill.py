"""Two relays of one outbox: whichever is stopped, killed or frozen, the other goes on, and no event is lost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from carethread.core.context import new_id
from carethread.core.relaying.relay import LEASE_SECONDS
from support.event_workers import (
    Writer,
    check_published,
    drained,
    freeze,
    holder,
    numbers,
    published,
    relay_worker,
    sent,
    store_at,
)
from support.servers import Process, until

pytestmark = pytest.mark.alone

BATCH = 10


Where = tuple[str, str]


def _relay(where: Where, prefix: str, name: str, *more: str) -> Process:
    url, bus = where
    given = ("--database", url, "--bus", bus, "--prefix", prefix, "--service", "scheduling", "--name", name)
    return relay_worker(*given, *more)


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.servers)])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    """SQLite and the embedded bus, PostgreSQL and Kafka."""
    if request.param == "kafka":
        return request.getfixturevalue("postgres_database"), request.getfixturevalue("kafka_bootstrap")
    return f"sqlite:///{tmp_path}/scheduling.db", str(tmp_path / "bus.db")


@pytest.mark.timeout(300)
def test_frozen_past_the_lease_and_woken(where: Where) -> None:
    url, bus = where
    prefix, store = f"z{new_id()[-8:]}", store_at(url, "scheduling")
    hasty = ("--lease", "0.6", "--batch", str(BATCH), "--dawdle", "0.03")
    relays = {name: _relay(where, prefix, name, *hasty) for name in ("one", "two")}

    def said() -> str:
        return "\n".join(relay.output() for relay in relays.values())

    try:
        with Writer(store):
            for relay in relays.values():
                relay.start()
            for _ in range(6):
                before = sent(store)
                until(lambda: sent(store) > before + BATCH, seconds=30, what="the leader at work", details=said)  # noqa: B023
                leader = holder(store)
                freeze(relays[leader], store, bus)
                try:
                    until(lambda: holder(store) != leader, seconds=30, what="another leader")  # noqa: B023
                    before = sent(store)
                    until(lambda: sent(store) > before + BATCH, seconds=30, what="the new leader at work")  # noqa: B023
                finally:
                    relays[leader].unpause()
        until(lambda: drained(store), seconds=60, what="the outbox empty")
        assert all(relay.alive for relay in relays.values()), "a fenced relay goes on as a candidate"
    finally:
        for relay in relays.values():
            relay.stop()
    expected = numbers(store)
    check_published(published(bus, prefix, max(expected)), expected, BATCH)


@pytest.mark.timeout(300)
def test_another_takes_over_within_seconds(where: Where) -> None:
    """A relay that is told to stop hands the lead over; one that is killed has it for the rest of its lease."""
    url, bus = where
    prefix, store = f"o{new_id()[-8:]}", store_at(url, "scheduling")
    relays = {name: _relay(where, prefix, name, "--lease", str(LEASE_SECONDS)) for name in ("one", "two")}
    took: dict[str, float] = {}

    def said() -> str:
        return "\n".join(relay.output() for relay in relays.values())

    try:
        with Writer(store):
            for how in ("stopped", "killed"):
                for relay in relays.values():
                    relay.start()
                before = sent(store)
                until(lambda: sent(store) > before, seconds=30, what="the leader at work", details=said)  # noqa: B023
                time.sleep(2)  # both are candidates by now
                leader = holder(store)
                began = time.monotonic()
                (relays[leader].stop if how == "stopped" else relays[leader].kill9)()
                until(lambda: holder(store) != leader, seconds=30, what="another leader")  # noqa: B023
                before = sent(store)
                until(lambda: sent(store) > before, seconds=30, what="the new leader at work")  # noqa: B023
                took[how] = time.monotonic() - began
        until(lambda: drained(store), seconds=60, what="the outbox empty")
    finally:
        for relay in relays.values():
            relay.stop()
    assert took["stopped"] < LEASE_SECONDS, took
    assert took["killed"] < 2 * LEASE_SECONDS, took
    expected = numbers(store)
    check_published(published(bus, prefix, max(expected)), expected, BATCH)
