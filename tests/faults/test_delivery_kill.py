"""Workers killed at each step of a delivery: nothing is lost, nothing overtakes, and some is told twice."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from threading import Event as Signal

import pytest

from carethread.core.clock import system_clock, to_micros
from support.deaths import kills, possible
from support.delivery_worker import STEPS, Now, deliverers_die, expire_leases, worker
from support.looping import looping
from support.receiver import Receiver, receiver
from support.servers import until
from support.stores import open_store
from support.subscribers import subscription, told

KILLS = kills(1)
TOGETHER = 2
NAMES = ("s1", "s2", "s3")


def numbers(department: Receiver, path: str) -> list[int]:
    return [number for got in department.at(path) for number in told(got.body)[1]]


def waiting(desk: Now, name: str) -> bool:
    return bool(desk.store.glance(lambda session: session.deliveries.pending(name, 1)))


def delivered(desk: Now, url: str, done: Callable[[], bool]) -> None:
    """Let one that lives work until it is done."""
    living = worker(url)
    living.start()
    try:
        until(done, seconds=120, what="delivered", details=living.output)
    finally:
        living.stop()


@pytest.mark.timeout(120 + 60 * KILLS)
def test_killed_at_each_step(database_url: str) -> None:
    store = open_store(database_url, "subscriptions")
    desk = Now(store, now=to_micros(system_clock()))
    steps = possible(STEPS, database_url)

    def happening(stop: Signal) -> None:
        while not stop.wait(0.05):
            desk.happen(*NAMES)

    with receiver() as department:
        for name in NAMES:
            desk.put(subscription(name, f"{department.url}/{name}", max_count=TOGETHER))
        delivered(desk, database_url, lambda: all(desk.get(name)["status"] == "active" for name in NAMES))
        with looping(happening):
            deliverers_die(database_url, steps, KILLS)
        expire_leases(store)
        delivered(desk, database_url, lambda: not any(waiting(desk, name) for name in NAMES))
        repeated = 0
        for name in NAMES:
            got = numbers(department, f"/{name}")
            assert sorted(set(got)) == list(range(1, desk.subscriber(name).number + 1)), "nothing is lost"
            highest = [0, *accumulate(got, max)]
            assert all(number <= before + 1 for before, number in zip(highest, got, strict=False)), "nothing overtakes"
            repeated += len(got) - len(set(got))
    assert repeated, "no death fell between sending and marking: the test has proved nothing"
    at_most = len(NAMES) * TOGETHER * len(steps) * KILLS
    assert repeated <= at_most, "at most one notification of each subscription for each death"
    store.close()
