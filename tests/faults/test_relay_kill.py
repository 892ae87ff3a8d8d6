"""Relays killed and frozen at random moments, as real processes on a real Kafka: no event lost or out of order."""

from __future__ import annotations

import random
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
    relaying,
    sent,
    store_at,
    worker,
)
from support.servers import Process, until

KILLS = 20
BATCH = 10


def _relay(url: str, bus: str, prefix: str, name: str, dawdle: float) -> Process:
    where = ("--database", url, "--bus", bus, "--prefix", prefix, "--service", "scheduling")
    return worker("relay", *where, "--name", name, "--lease", "0.6", "--batch", str(BATCH), "--dawdle", str(dawdle))


@pytest.mark.timeout(300)
def test_killed_between_send_and_mark(kafka_bootstrap: str, tmp_path: Path) -> None:
    url, prefix = f"sqlite:///{tmp_path}/scheduling.db", f"k{new_id()[-8:]}"
    store = store_at(url, "scheduling")
    with Writer(store):
        for n in range(KILLS):
            before = sent(store)
            relay = _relay(url, kafka_bootstrap, prefix, f"relay{n}", dawdle=0.1)
            relay.start()
            try:
                until(lambda: sent(store) > before, seconds=30, what="a mark", details=relay.output)  # noqa: B023
                time.sleep(random.uniform(0, 0.2))
            finally:
                relay.kill9()
    with relaying(store, kafka_bootstrap, prefix):
        until(lambda: drained(store), seconds=60, what="the outbox empty")
    expected = numbers(store)
    got = published(kafka_bootstrap, prefix, max(expected))
    repeated = check_published(got, expected, BATCH)
    assert repeated, "no kill fell between send and mark: the test has proved nothing"


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.servers)])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return request.getfixturevalue("kafka_bootstrap") if request.param == "kafka" else str(tmp_path / "bus.db")


@pytest.mark.timeout(300)
def test_frozen_past_the_lease_and_woken(bus: str, tmp_path: Path) -> None:
    url, prefix = f"sqlite:///{tmp_path}/scheduling.db", f"z{new_id()[-8:]}"
    store = store_at(url, "scheduling")
    databases = [tmp_path / "scheduling.db", *([Path(bus)] if "/" in bus else [])]
    relays = {name: _relay(url, bus, prefix, name, dawdle=0.03) for name in ("one", "two")}
    try:
        with Writer(store):
            for relay in relays.values():
                relay.start()
            for _ in range(6):
                before = sent(store)
                until(lambda: sent(store) > before + BATCH, seconds=30, what="the leader at work")  # noqa: B023
                leader = holder(store)
                freeze(relays[leader], *databases)
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
def test_another_takes_over_within_seconds(bus: str, tmp_path: Path) -> None:
    """A relay that is told to stop hands the lead over; one that is killed has it for the rest of its lease."""
    url, prefix = f"sqlite:///{tmp_path}/scheduling.db", f"o{new_id()[-8:]}"
    store = store_at(url, "scheduling")
    where = ("--database", url, "--bus", bus, "--prefix", prefix, "--service", "scheduling")
    relays = {name: worker("relay", *where, "--name", name, "--lease", str(LEASE_SECONDS)) for name in ("one", "two")}
    took: dict[str, float] = {}
    try:
        with Writer(store):
            for how in ("stopped", "killed"):
                for relay in relays.values():
                    relay.start()
                before = sent(store)
                until(lambda: sent(store) > before, seconds=30, what="the leader at work")  # noqa: B023
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
