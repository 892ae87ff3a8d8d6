"""The broker away for a while: writes go on as ever, and then the outbox drains in order, faster than it fills.

CARETHREAD_TEST_AWAY_SECONDS says for how long.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from carethread.core.consuming.consumer import Consumer
from carethread.core.context import new_id
from carethread.core.relaying.relay import BATCH
from support import postgres
from support.event_workers import (
    Writer,
    check_published,
    drained,
    numbers,
    published,
    relaying,
    remind,
    reminders,
    runtime,
    sent,
    store_at,
    subscription,
)
from support.kafka import Broker
from support.servers import until

pytestmark = pytest.mark.alone

AWAY_SECONDS = float(os.environ.get("CARETHREAD_TEST_AWAY_SECONDS", "20"))


Databases = Sequence[tuple[str, str]]


@pytest.fixture(params=["sqlite", "postgres"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Databases]:
    """Of two services: their files, or databases of a server."""
    services = ("scheduling", "careteams")
    if request.param == "sqlite":
        yield [(f"sqlite:///{tmp_path}/{service}.db", service) for service in services]
        return
    server = request.getfixturevalue("postgres_url")
    with postgres.database(server) as first, postgres.database(server) as second:
        yield list(zip((first, second), services, strict=True))


@pytest.mark.timeout(240 + AWAY_SECONDS)
def test_writes_go_on_and_the_outbox_drains(kafka_broker: Broker, databases: Databases) -> None:
    bus, prefix = kafka_broker.bootstrap, f"b{new_id()[-8:]}"
    front_desk, back_office = (store_at(url, service) for url, service in databases)
    stop = threading.Event()
    place = subscription(bus, prefix, "careteams", ["Appointment"], back_office)
    consumer = Consumer(runtime(back_office, "careteams"), place, [remind(0)])
    reading = threading.Thread(target=consumer.run, args=(stop,))
    threads = threading.active_count()
    try:
        with relaying(front_desk, bus, prefix):
            reading.start()
            with Writer(front_desk) as writer:
                until(lambda: len(reminders(back_office)) > 50, seconds=60, what="the first effects")
                kafka_broker.stop()
                away = len(writer.took)
                time.sleep(AWAY_SECONDS)
                meanwhile = writer.took[away:]
                assert sent(front_desk) < len(writer.took) - 100
                kafka_broker.start()
                back, before, written = time.monotonic(), sent(front_desk), len(writer.took)
                until(lambda: sent(front_desk) > away + len(meanwhile), seconds=60, what="what was written meanwhile")
                recovered = time.monotonic() - back
                drained_each, arrived_each = sent(front_desk) - before, len(writer.took) - written
            until(lambda: drained(front_desk), seconds=60, what="the outbox empty")
            until(lambda: len(reminders(back_office)) == len(writer.took), seconds=60, what="all effects")
    finally:
        stop.set()
        reading.join()
    assert len(meanwhile) > AWAY_SECONDS * 10, "a desk that books every 10 ms was not held up"
    assert sorted(meanwhile)[len(meanwhile) * 99 // 100] < 1.0
    assert recovered < 30
    assert drained_each >= 2 * arrived_each, (drained_each, arrived_each, recovered)
    assert set(reminders(back_office).values()) == {1}
    assert threading.active_count() <= threads + 5, "no threads are left of the attempts to reach the broker"
    check_published(published(bus, prefix, len(writer.took)), numbers(front_desk), BATCH)
