"""Relays killed and frozen at random moments, as real processes on a real Kafka: no event lost or out of order."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from carethread.core.context import new_id
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


@pytest.mark.timeout(300)
def test_frozen_past_the_lease_and_woken(kafka_bootstrap: str, tmp_path: Path) -> None:
    url, prefix = f"sqlite:///{tmp_path}/scheduling.db", f"z{new_id()[-8:]}"
    store = store_at(url, "scheduling")
    relays = {name: _relay(url, kafka_bootstrap, prefix, name, dawdle=0.03) for name in ("one", "two")}
    try:
        with Writer(store):
            for relay in relays.values():
                relay.start()
            for _ in range(6):
                before = sent(store)
                until(lambda: sent(store) > before + BATCH, seconds=30, what="the leader at work")  # noqa: B023
                leader = holder(store)
                freeze(relays[leader], tmp_path / "scheduling.db")
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
    check_published(published(kafka_bootstrap, prefix, max(expected)), expected, BATCH)
