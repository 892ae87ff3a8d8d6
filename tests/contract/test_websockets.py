"""Websockets as a channel, with a real client: binding, order, acknowledgement, and clients that are slow or rude."""

from __future__ import annotations

import socket
import threading
import time
from itertools import count

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from carethread.adapters.websocket.server import SUBSCRIPTIONS, Sockets
from carethread.core.errors import Busy
from support.servers import until

TOKENS = {"t1": ["s1"], "t2": ["s2", "s3"], "many": [f"m{number}" for number in range(SUBSCRIPTIONS + 1)]}


READERS = count(1)


def redeem(token: str) -> dict[str, int]:
    if token == "away":
        raise Busy("The database is away.")
    return {subscription: next(READERS) for subscription in TOKENS.get(token, ())}


@pytest.fixture
def sockets():
    made = Sockets("127.0.0.1", 0, redeem)
    made.start()
    yield made
    made.close()


def client(sockets: Sockets) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{sockets.port}/any", max_size=None)


def bind(sockets: Sockets, client: ClientConnection, token: str) -> None:
    before = dict(sockets.bound())
    client.send(f"bind-with-token {token}")
    until(lambda: dict(sockets.bound()) != before, seconds=5, what="bound")


def closed(client: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(5)
    close = caught.value.rcvd
    return (close.code, close.reason) if close else (1006, "")


@pytest.mark.parametrize(
    "said",
    ["bind-with-token t1", "bind-with-token: t1", '{"type":"bind-with-token","payload":{"token":"t1"}}'],
)
def test_bound_and_sent(sockets, said) -> None:
    with client(sockets) as one:
        one.send(said)
        until(lambda: "s1" in sockets.bound(), seconds=5, what="bound")
        answer: list[object] = []
        sending = threading.Thread(target=lambda: answer.append(sockets.send("s1", {}, '{"é":1}'.encode(), 5).taken))
        sending.start()
        assert one.recv(5) == '{"é":1}'
        sending.join()
        assert answer == [True]
    until(lambda: not sockets.bound(), seconds=5, what="unbound")
    assert sockets.send("s1", {}, b"{}", 1).problem == "not connected"


def test_several_subscriptions_in_order_on_one_connection(sockets) -> None:
    with client(sockets) as one:
        bind(sockets, one, "t1")
        bind(sockets, one, "t2")
        assert {connection for connection, _ in sockets.bound().values()} == {1} and len(sockets.bound()) == 3
        got: list[str | bytes] = []
        reading = threading.Thread(target=lambda: got.extend(one.recv(5) for _ in range(9)))
        reading.start()
        for number in range(3):
            assert all(sockets.send(name, {}, f"{name}-{number}".encode(), 5).taken for name in ("s1", "s2", "s3"))
        reading.join()
    assert got == [f"{name}-{number}" for number in range(3) for name in ("s1", "s2", "s3")]


def test_a_clients_own_ping(sockets) -> None:
    with client(sockets) as one:
        one.send('{"type":"ping"}')
        assert one.recv(5) == '{"type":"pong"}'


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        ("bind-with-token unknown", 1008, "the token is unknown, used or expired"),
        ("bind-with-token away", 1013, "try again"),
        ("bind-with-token many", 1008, "at most 100 subscriptions on a connection"),
        ("hello", 1008, "say bind-with-token TOKEN"),
        ("bind-with-token", 1008, "say bind-with-token TOKEN"),
        (b"bind-with-token t1", 1008, "say bind-with-token TOKEN"),
        ('{"type":"bind-with-token"}', 1008, "say bind-with-token TOKEN"),
        ("[" * 10_000, 1008, "say bind-with-token TOKEN"),
        ("[]", 1008, "say bind-with-token TOKEN"),
        ("x" * 20_000, 1009, None),
    ],
)
def test_what_ends_a_connection(sockets, said, code, reason) -> None:
    with client(sockets) as one:
        one.send(said)
        got = closed(one)
        assert got[0] == code and reason in (got[1], None)
    assert not sockets.bound()


def test_bound_elsewhere(sockets) -> None:
    """The subscription moves to the newer connection: with two, each would miss what the other gets."""
    with client(sockets) as one, client(sockets) as two:
        bind(sockets, one, "t1")
        bind(sockets, two, "t1")
        assert closed(one) == (4000, "bound on another connection")
        reading = threading.Thread(target=two.recv, args=(5,))
        reading.start()
        assert sockets.send("s1", {}, b"{}", 5).taken
        reading.join()  # one thread at a time may read
        binding = sockets.bound()["s1"]
        sockets.supersede("s1", (binding[0], binding[1] - 1))
        assert sockets.bound()["s1"] == binding, "it is another's by now"
        sockets.supersede("s1", binding)
        assert closed(two) == (4000, "bound on another connection")
        until(lambda: not sockets.bound(), seconds=5, what="unbound")


def test_who_has_come_earlier_gives_way_though_he_is_bound_later() -> None:
    """Two connections of one process bind at the same time: the ledger counts one before the other."""
    numbers = iter((2, 1))
    sockets = Sockets("127.0.0.1", 0, lambda token: {"s1": next(numbers)})
    sockets.start()
    try:
        with client(sockets) as newer, client(sockets) as older:
            bind(sockets, newer, "any")
            older.send("bind-with-token any")
            assert closed(older) == (4000, "bound on another connection")
            assert sockets.bound()["s1"][1] == 2
    finally:
        sockets.close()


def test_a_slow_client_is_closed_in_time_and_is_in_nobodys_way(sockets) -> None:
    """It reads nothing: neither the notification nor the ping behind it gets through."""
    with client(sockets) as quick, socket.create_connection(("127.0.0.1", sockets.port)) as slow:
        bind(sockets, quick, "t2")
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(_request("bind-with-token t1"))
        until(lambda: "s1" in sockets.bound(), seconds=5, what="bound")
        began = time.monotonic()
        answers: list[str] = []
        held = threading.Thread(target=lambda: answers.append(sockets.send("s1", {}, b" " * 20_000_000, 1.0).problem))
        held.start()
        threading.Thread(target=quick.recv, args=(5,)).start()
        assert sockets.send("s2", {}, b"{}", 5).taken
        assert time.monotonic() - began < 0.9
        held.join()
        assert answers == ["timeout"] and time.monotonic() - began < 3
        until(lambda: "s1" not in sockets.bound(), seconds=5, what="unbound")


def _request(said: str) -> bytes:
    """A handshake of RFC 6455 section 4.1, and a text frame masked with zeros (section 5.2)."""
    head = (
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    return head.encode() + bytes([0x81, 0x80 | len(said)]) + bytes(4) + said.encode()


def test_too_many_connections() -> None:
    few = Sockets("127.0.0.1", 0, redeem, connections=1)
    few.start()
    try:
        with client(few) as one, client(few) as two:
            assert closed(two) == (1013, "too many connections")
            bind(few, one, "t1")
    finally:
        few.close()


def test_the_server_says_that_it_ends() -> None:
    sockets = Sockets("127.0.0.1", 0, redeem)
    sockets.start()
    with client(sockets) as one:
        bind(sockets, one, "t1")
        threading.Thread(target=sockets.close).start()
        assert closed(one) == (1001, "the server ends")
