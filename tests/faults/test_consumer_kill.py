"""Consumers killed between effect and position, as real processes on a real Kafka: each effect happens once."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from carethread.core.context import new_id
from support.event_workers import Writer, drained, numbers, relaying, reminders, store_at, unnumbered, worker
from support.servers import until

KILLS = 20


@pytest.mark.timeout(300)
def test_killed_between_effect_and_position(kafka_bootstrap: str, tmp_path: Path) -> None:
    prefix = f"c{new_id()[-8:]}"
    front_desk = store_at(f"sqlite:///{tmp_path}/scheduling.db", "scheduling")
    url = f"sqlite:///{tmp_path}/careteams.db"
    back_office = store_at(url, "careteams")
    where = ("--database", url, "--bus", kafka_bootstrap, "--prefix", prefix, "--service", "careteams")

    def progress() -> int:
        return sum(back_office.positions("careteams").values())

    consumer = worker("consumer", *where, "--name", "c1", "--dawdle", "0.1")
    with relaying(front_desk, kafka_bootstrap, prefix):
        with Writer(front_desk):
            for _ in range(KILLS):
                before = progress()
                consumer.start()
                try:
                    until(lambda: progress() > before, seconds=30, what="progress", details=consumer.output)  # noqa: B023
                    time.sleep(random.uniform(0, 0.2))
                finally:
                    consumer.kill9()
        until(lambda: drained(front_desk), seconds=60, what="the outbox empty")
    booked = len(numbers(front_desk))
    finisher = worker("consumer", *where, "--name", "c1")
    finisher.start()
    try:
        until(lambda: len(reminders(back_office)) >= booked, seconds=60, what="the effects", details=finisher.output)
        time.sleep(1)
    finally:
        finisher.stop()
    happened = reminders(back_office)
    assert set(happened) == {f"Appointment/a{n}" for n in range(1, booked + 1)}
    assert set(happened.values()) == {1}
    assert unnumbered(back_office) == booked, "each effect's own event waits in the outbox beside it"
