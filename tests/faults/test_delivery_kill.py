"""Workers killed between sending and marking: nothing is lost, nothing overtakes, and some is told twice."""

from __future__ import annotations

import os
import random
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from carethread.core.clock import system_clock, to_micros
from support.delivery_worker import Now
from support.receiver import Receiver, receiver
from support.servers import Process, until
from support.stores import open_store
from support.subscribers import subscription, told

KILLS = int(os.environ.get("CARETHREAD_TEST_KILLS", "4"))
"""100 take about five minutes."""

ROOT = Path(__file__).parents[2]


def worker(url: str, dawdle: float) -> Process:
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'services'}:{ROOT / 'tests'}"}
    command = [sys.executable, "-m", "support.delivery_worker", url, str(dawdle)]
    return Process("delivery-worker", command, lambda: True, env=env)


def more(department: Receiver, than: int) -> bool:
    return len(department.got) > than


def numbers(department: Receiver, path: str) -> list[int]:
    return [number for got in department.at(path) for number in told(got.body)[1]]


@pytest.mark.timeout(900)
def test_killed_between_send_and_mark(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/subscriptions.db"
    store = open_store(url, "subscriptions")
    desk = Now(store, now=to_micros(system_clock()))
    names = ["s1", "s2", "s3"]
    with receiver() as department:
        for name in names:
            desk.put(subscription(name, f"{department.url}/{name}", max_count=2))
        for _ in range(KILLS):
            desk.happen(*names, times=3)
            before = len(department.got)
            one = worker(url, 0.1)
            one.start()
            try:
                until(partial(more, department, before), seconds=60, what="sent", details=one.output)
                time.sleep(random.uniform(0, 0.3))
            finally:
                one.kill9()
            expire_leases(store)
        last = worker(url, 0)
        last.start()
        try:
            until(
                lambda: all(set(desk.states(name).values()) == {"acknowledged"} for name in names),
                seconds=60,
                what="told",
                details=last.output,
            )
        finally:
            last.stop()
        repeated = 0
        for name in names:
            got = numbers(department, f"/{name}")
            assert list(dict.fromkeys(got)) == list(range(1, 3 * KILLS + 1))
            for place, number in enumerate(got):
                assert number <= max(got[:place], default=0) + 1, "nothing overtakes"
            repeated += len(got) - len(set(got))
        assert repeated < 2 * 3 * KILLS, "at most one notification of each subscription for each kill"
    store.close()


def expire_leases(store) -> None:
    """As if the lease's time had passed, which the tests do not wait for."""
    from sqlalchemy import update

    from carethread.adapters.sql.deliveries.tables import subscribers

    with store.engine.begin() as connection:
        connection.execute(update(subscribers).values(expires=0))
