"""Subscriptions on real websockets: in order, several on one connection, with heartbeats, and again after a pause."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from carethread.adapters.websocket.server import Sockets
from carethread.subscriptions.sockets import SocketEngine
from support.servers import until
from support.stores import open_store
from support.subscribers import SECOND, Desk, subscription, told


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = open_store(f"sqlite:///{tmp_path}/subscriptions.db", "subscriptions")
    yield Desk(store)
    store.close()


@pytest.fixture
def sockets(desk: Desk) -> Iterator[Sockets]:
    with served(desk) as sockets:
        yield sockets


@contextmanager
def served(desk: Desk, *, holder: str = "h1") -> Iterator[Sockets]:
    """A process of the role. A token is the subscriptions' ids with commas between."""

    def redeem(token: str) -> dict[str, int]:
        return desk.store.transact(lambda session: session.deliveries.bind(token.split(",")))

    sockets = Sockets("127.0.0.1", 0, redeem)
    sockets.start()
    stop = threading.Event()
    engine = SocketEngine(desk.delivery(sockets, holder=holder), sockets)
    thread = threading.Thread(target=engine.run, args=(stop, desk.store.wait))
    thread.start()
    yield sockets
    stop.set()
    thread.join()
    sockets.close()


def url(sockets: Sockets) -> str:
    return f"ws://127.0.0.1:{sockets.port}"


def test_bound_told_and_away(desk, sockets) -> None:
    for name in ("s1", "s2"):
        desk.put(subscription(name, "", channel="websocket", max_count=1))
    desk.happen("s1", "s2", times=2)
    with connect(url(sockets)) as client:
        client.send("bind-with-token s1,s2")
        first = [client.recv(10) for _ in range(6)]
        for name in ("s1", "s2"):
            mine = [told(body) for body in first if f"Subscription/{name}" in str(body)]
            assert [(kind, numbers) for kind, numbers, _ in mine] == [
                ("handshake", []), ("event-notification", [1]), ("event-notification", [2])
            ]  # fmt: skip
        assert desk.get("s1")["status"] == desk.get("s2")["status"] == "active"
        desk.happen("s2")
        assert told(client.recv(10))[1] == [3]
    desk.happen("s1", times=3)
    assert desk.subscriber("s1").attempts == 0, "to be away is no failure"
    with connect(url(sockets)) as client:
        client.send("bind-with-token s1")
        assert [told(client.recv(10))[:2] for _ in range(4)] == [
            ("handshake", []), *(("event-notification", [number]) for number in (3, 4, 5))
        ]  # fmt: skip


def test_heartbeats(desk, sockets) -> None:
    desk.put(subscription("s1", "", channel="websocket", heartbeat=60))
    with connect(url(sockets)) as client:
        client.send("bind-with-token s1")
        assert told(client.recv(10))[0] == "handshake"
        until(lambda: desk.get("s1")["status"] == "active", seconds=10, what="active")
        until(lambda: desk.subscriber("s1").due > desk.now, seconds=10, what="settled")
        desk.now += 61 * SECOND
        assert told(client.recv(10)) == ("heartbeat", [], "active")


def test_turned_off_while_bound(desk, sockets) -> None:
    desk.put(subscription("s1", "", channel="websocket"))
    with connect(url(sockets)) as client:
        client.send("bind-with-token s1")
        assert told(client.recv(10))[0] == "handshake"
        desk.happen("s1")
        assert told(client.recv(10))[1] == [1]
        desk.put({**desk.get("s1"), "status": "off"})
        desk.happen("s1")
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_bound_in_another_process(desk, sockets) -> None:
    """There it goes on; the connection here is closed, with what else was bound to it."""
    for name in ("s1", "s2"):
        desk.put(subscription(name, "", channel="websocket"))
    with served(desk, holder="h2") as others, connect(url(sockets)) as older:
        older.send("bind-with-token s1,s2")
        assert {told(older.recv(10))[0] for _ in range(2)} == {"handshake"}
        until(lambda: desk.get("s1")["status"] == "active", seconds=10, what="active")
        with connect(url(others)) as newer:
            newer.send("bind-with-token s1")
            with pytest.raises(ConnectionClosed) as caught:
                older.recv(10)
            assert caught.value.rcvd and caught.value.rcvd.code == 4000
            assert told(newer.recv(10))[0] == "handshake"
            desk.happen("s1", "s2")
            assert told(newer.recv(10))[:2] == ("event-notification", [1])
            with connect(url(sockets)) as back:
                back.send("bind-with-token s2")
                assert [told(back.recv(10))[1] for _ in range(2)] == [[], [1]]
