"""Endpoints that hang, break and lie, beside one that is well: it is told at once, and they are told when they are
back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.webhooks import Webhooks
from carethread.core.clock import system_clock, to_micros
from carethread.core.ports import Request
from carethread.core.service import Call
from carethread.subscriptions import operations
from support.delivery_worker import Now
from support.looping import looping
from support.receiver import Receiver, receiver
from support.servers import free_port, until
from support.stores import open_store
from support.subscribers import HOUR, LOCAL, Desk, subscription, told


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    opened = open_store(database_url, "subscriptions")
    yield opened
    opened.close()


@pytest.fixture
def desk(store: SqlStore) -> Desk:
    return Now(store, now=to_micros(system_clock()))


@contextmanager
def delivering(desk: Desk, **options: int) -> Iterator[None]:
    hooks = Webhooks(LOCAL, http=True)
    engine = desk.engine(hooks, **options)
    try:
        with looping(lambda stop: engine.run(stop, desk.store.wait)):
            yield
    finally:
        hooks.close()


def told_of(department: Receiver, number: int) -> bool:
    return number in numbers(department, "/in")


def numbers(department: Receiver, path: str) -> list[int]:
    return [number for got in department.at(path) for number in told(got.body)[1]]


@pytest.mark.alone
def test_a_hundred_subscriptions_to_a_hanging_host_delay_nobody(desk) -> None:
    """With one thread for each attempt they would take 100 threads for 10 s each."""
    with receiver() as well, receiver() as hanging:
        for number in range(100):
            desk.put(subscription(f"h{number}", f"{hanging.url}/{number}", timeout=3))
        desk.put(subscription("well", f"{well.url}/in"))
        with delivering(desk, quick=4, slow=4, each=2):
            until(lambda: desk.get("well")["status"] == "active", seconds=20, what="active")
            until(lambda: len(hanging.got) == 100, seconds=30, what="handshakes")
            hanging.behave[""] = "hang"
            desk.happen(*(f"h{number}" for number in range(100)))
            until(lambda: len(hanging.got) > 101, seconds=20, what="somebody hangs")
            took = []
            for number in range(1, 11):
                began = time.monotonic()
                desk.happen("well")
                until(partial(told_of, well, number), seconds=20, what="told")
                took.append(time.monotonic() - began)
            assert numbers(well, "/in") == list(range(1, 11))
            assert sorted(took)[5] < 1.0 and max(took) < 3.0, took
            assert len(hanging.got) < 140, "two at a time, three seconds each"
            hanging.behave[""] = "ok"


@pytest.mark.parametrize("how", ["500", "reset", "redirect", "drip", "slow", "hang"])
def test_told_in_order_once_it_is_back(desk, how) -> None:
    with receiver() as department:
        desk.put(subscription("s1", f"{department.url}/in", timeout=1))
        with delivering(desk):
            until(lambda: desk.get("s1")["status"] == "active", seconds=20, what="active")
            department.behave["/in"] = how
            desk.happen("s1", times=3)
            until(lambda: desk.subscriber("s1").attempts > 0, seconds=20, what="failed")
            desk.happen("s1", times=3)
            department.behave["/in"] = "ok"
            until(lambda: set(desk.states("s1").values()) == {"acknowledged"}, seconds=30, what="told")
        assert list(dict.fromkeys(numbers(department, "/in"))) == [1, 2, 3, 4, 5, 6]
        assert department.at("/elsewhere") == [], "a redirect is not followed"


def test_a_dead_host_and_an_address_that_is_not_allowed(desk) -> None:
    desk.put(subscription("dead", f"http://127.0.0.1:{free_port()}/in"))
    desk.put(subscription("rebound", "http://rebound.example/in"))
    with delivering(desk):
        until(lambda: desk.get("dead")["status"] == desk.get("rebound")["status"] == "error", seconds=20, what="error")
    assert desk.get("dead")["error"] == "The handshake failed: no connection."
    assert "The handshake failed" in desk.get("rebound")["error"]


def test_away_for_a_day_then_asking_for_what_was_missed(store) -> None:
    """The clock is moved; the receiver, its connections and the database are real."""
    desk, hooks = Desk(store), Webhooks(LOCAL, http=True)
    with receiver() as department:
        desk.put(subscription("s1", f"{department.url}/in"))
        desk.deliver(hooks)
        desk.happen("s1")
        desk.deliver(hooks)
        assert numbers(department, "/in") == [1]
        department.behave["/in"] = "reset"
        for _ in range(24):
            desk.happen("s1", times=2)
            desk.deliver(hooks)
            desk.now += HOUR
        asked = {"eventsSinceNumber": ["2"], "eventsUntilNumber": ["49"]}
        call = Call("Subscription", "s1", asked, None, Request("GET", "Subscription/s1/$events"))
        missed = told(operations.events(desk.runtime, call, desk.context).body)
        assert missed == ("query-event", list(range(2, 50)), "active"), "it is not given up, and all can be asked for"
        department.behave["/in"] = "ok"
        department.got.clear()
        desk.now += HOUR
        desk.deliver(hooks)
        assert numbers(department, "/in") == list(range(2, 50)), "and it is told by itself"
        assert set(desk.states("s1").values()) == {"acknowledged"}
    hooks.close()
