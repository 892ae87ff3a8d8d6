"""Webhooks to a real receiver that fails in every way that real ones do: one attempt ends in time, and says what
came."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from threading import Event, Thread

import pytest

from carethread.adapters.webhooks import Webhooks
from carethread.core.webhooks.endpoints import networks
from support.certificates import authority
from support.receiver import SLOW_SECONDS, receiver
from support.servers import free_port

LOCAL = networks("127.0.0.0/8, ::1/128")


@pytest.fixture
def hooks():
    made = Webhooks(LOCAL, http=True)
    yield made
    made.close()


@pytest.fixture
def department():
    with receiver() as made:
        yield made


def test_a_post_with_the_subscriptions_headers(hooks, department) -> None:
    headers = {"Authorization": "Bearer made-up", "Content-Type": "application/fhir+json"}
    answer = hooks.send(f"{department.url}/in?a=b", headers, b'{"a":1}', 5)
    assert answer.taken and answer.status == 200 and answer.took < 5
    (got,) = department.got
    assert (got.path, got.body) == ("/in?a=b", b'{"a":1}')
    assert got.headers["Authorization"] == "Bearer made-up" and got.headers["Content-Type"] == "application/fhir+json"
    assert got.headers["Host"] == department.url.removeprefix("http://")
    assert {name.lower() for name in got.headers} == {"host", "content-length", "authorization", "content-type"}


def test_a_connection_is_used_again(hooks, department) -> None:
    assert all(hooks.send(f"{department.url}/in", {}, b"{}", 5).taken for _ in range(5))
    assert department.connections == 1
    department.behave[""] = "close"
    assert all(hooks.send(f"{department.url}/in", {}, b"{}", 5).taken for _ in range(3))
    assert department.connections == 3, "one that the receiver closes is not kept"


@pytest.mark.parametrize(
    ("how", "status", "problem"),
    [
        ("500", 500, ""),
        ("404", 404, ""),
        ("redirect", 307, "redirect not followed"),
        ("hang", 0, "timeout"),
        ("drip", 0, "timeout"),
        ("drip-head", 0, "timeout"),
        ("reset", 0, "connection lost"),
        ("large", 200, ""),
        ("banner", 0, "no HTTP answer"),
        ("long-line", 0, "no HTTP answer"),
        ("many-headers", 0, "no HTTP answer"),
    ],
)
def test_failures_end_in_time_and_are_told(hooks, department, how, status, problem) -> None:
    department.behave[""] = how
    began = time.monotonic()
    answer = hooks.send(f"{department.url}/in", {}, b"{}", 0.6)
    assert time.monotonic() - began < 1.5
    assert (answer.status, answer.problem) == (status, problem)
    assert len(department.at("/in")) == 1 and not department.at("/elsewhere")
    department.behave[""] = "ok"
    assert hooks.send(f"{department.url}/in", {}, b"{}", 5).taken, "what was left of it is not in the way"


def test_an_answer_has_the_time_that_is_given_and_not_that_of_a_connection(department) -> None:
    hooks = Webhooks(LOCAL, http=True, connect_seconds=SLOW_SECONDS / 4)
    department.behave[""] = "slow"
    for _ in range(2):  # on a new connection, and on one that was kept
        answer = hooks.send(f"{department.url}/in", {}, b"{}", 4 * SLOW_SECONDS)
        assert answer.taken and answer.took > SLOW_SECONDS / 2
    assert (len(department.got), department.connections) == (2, 1)
    assert hooks.send(f"{department.url}/in", {}, b"{}", SLOW_SECONDS / 2).problem == "timeout"
    assert len(department.got) == 3, "what timed out on a kept connection is not sent again on a new one"
    hooks.close()


def test_retry_after(hooks, department) -> None:
    department.behave[""] = "busy"
    answer = hooks.send(department.url, {}, b"{}", 5)
    assert (answer.status, answer.retry_after) == (429, 120.0)


def test_nobody_listens(hooks) -> None:
    answer = hooks.send(f"http://127.0.0.1:{free_port()}/", {}, b"{}", 2)
    assert (answer.status, answer.problem) == (0, "no connection")


def test_a_dead_host_ends_at_the_deadline(hooks) -> None:
    """A listener whose queue is full answers no connection at all, as a host behind a silent firewall."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        crowd = [socket.socket() for _ in range(4)]
        for each in crowd:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        began = time.monotonic()
        answer = hooks.send(f"http://127.0.0.1:{port}/", {}, b"{}", 0.5)
        assert answer.problem == "timeout" and time.monotonic() - began < 1.5
        for each in crowd:
            each.close()


def test_a_receiver_that_reads_nothing(hooks) -> None:
    """The body does not fit into the buffers of the connection, and nobody takes it out."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        began = time.monotonic()
        answer = hooks.send(f"http://127.0.0.1:{deaf.getsockname()[1]}/", {}, b" " * 30_000_000, 0.6)
        assert answer.problem == "timeout" and time.monotonic() - began < 2


def test_a_kept_connection_that_was_closed_meanwhile(hooks) -> None:
    served = []

    def serve(listener: socket.socket) -> None:
        for _ in range(2):  # each connection answers once as if it were kept, and is closed
            connection, _ = listener.accept()
            with connection:
                served.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert hooks.send(url, {}, b"{}", 5).taken
        time.sleep(0.1)
        assert hooks.send(url, {}, b"{}", 5).taken
        thread.join()
    assert len(served) == 2


@pytest.mark.parametrize(
    ("url", "found", "problem"),
    [
        ("http://127.0.0.1:1/", None, "address not allowed: loopback"),
        ("http://127.0.0.1.:1/", None, "address not allowed: loopback"),
        ("http://[::ffff:127.0.0.1]:1/", None, "address not allowed: loopback"),
        ("http://[64:ff9b::7f00:1]:1/", None, "address not allowed: loopback"),
        ("http://0x7f.1:1/", None, "endpoint not allowed"),
        ("http://2130706433:1/", None, "endpoint not allowed"),
        ("http://user@ehr.example:1/", None, "endpoint not allowed"),
        ("http://ehr.example:1/", ["169.254.169.254"], "address not allowed: link-local"),
        ("http://ehr.example:1/", ["8.8.8.8", "10.0.0.1"], "address not allowed: private"),
        ("http://ehr.example:1/", ["2606:4700::1111", "::1"], "address not allowed: loopback"),
        ("http://ehr.example:1/", [], "name not resolved"),
    ],
)
def test_addresses_that_are_not_called(url, found, problem) -> None:
    hooks = Webhooks(http=True, resolve=lambda host, port: found)
    assert hooks.send(url, {}, b"{}", 2).problem == problem


def test_a_resolver_that_hangs(department) -> None:
    """It costs the time that is given, not a worker; other names are not waited for."""
    over, port = Event(), department.url.rpartition(":")[2]

    def resolve(host: str, _port: int) -> list[str]:
        if host.startswith("hangs"):
            over.wait(30)
        return ["127.0.0.1"]

    hooks = Webhooks(LOCAL, http=True, resolve=resolve, resolve_seconds=0.3)
    try:
        began = time.monotonic()
        answer = hooks.send("http://hangs.example/in", {}, b"{}", 10)
        assert (answer.status, answer.problem) == (0, "name not resolved in time")
        assert hooks.send("http://hangs.example/in", {}, b"{}", 0.1).problem == "name not resolved in time"
        assert time.monotonic() - began < 3
        assert hooks.send(f"http://desk.example:{port}/in", {}, b"{}", 5).taken
        over.set()
        assert hooks.send(f"http://hangs.example:{port}/in", {}, b"{}", 5).taken
    finally:
        over.set()
        hooks.close()


def test_http_is_a_choice(department) -> None:
    assert Webhooks(LOCAL).send(department.url, {}, b"{}", 2).problem == "endpoint not allowed"
    assert not department.got


def test_the_checked_address_is_the_one_that_is_called(department) -> None:
    """A name server that says something harmless first cannot send the connection elsewhere: it is asked once a
    send."""
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    hooks = Webhooks(LOCAL, http=True, resolve=rebinding)
    port = department.url.rpartition(":")[2]
    assert hooks.send(f"http://ehr.example:{port}/in", {}, b"{}", 2).taken
    assert department.got[0].headers["Host"] == f"ehr.example:{port}" and asked == ["ehr.example"]
    assert hooks.send(f"http://ehr.example:{port}/in", {}, b"{}", 2).problem == "address not allowed: private"
    assert len(department.got) == 1, "though a connection to the address of before is still open"


def test_the_environments_proxy_is_not_used(hooks, department, monkeypatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert hooks.send(department.url, {}, b"{}", 2).taken


def test_certificates(tmp_path: Path) -> None:
    """The certificate is for the host of the URL, though the connection is to an address."""
    trusted = authority(tmp_path)
    right = trusted.issue("right", hosts=("ehr.example", "127.0.0.1"))
    wrong = trusted.issue("wrong", hosts=("other.example",))
    hooks = Webhooks(LOCAL, authorities=str(trusted.ca), resolve=lambda host, port: ["127.0.0.1"])
    distrusting = Webhooks(LOCAL, resolve=lambda host, port: ["127.0.0.1"])
    with receiver((right.cert, right.key)) as department:
        port = department.url.rpartition(":")[2]
        for url in (
            f"https://ehr.example:{port}/in",
            f"https://EHR.example.:{port}/in",
            f"https://127.0.0.1:{port}/in",
        ):
            assert hooks.send(url, {}, b"{}", 5).taken
        assert hooks.send(f"https://other.example:{port}/in", {}, b"{}", 5).problem == "certificate or TLS"
        assert distrusting.send(f"https://ehr.example:{port}/in", {}, b"{}", 5).problem == "certificate or TLS"
        assert len(department.got) == 3
    with receiver((wrong.cert, wrong.key)) as department:
        port = department.url.rpartition(":")[2]
        assert hooks.send(f"https://ehr.example:{port}/in", {}, b"{}", 5).problem == "certificate or TLS"
        assert not department.got


def test_a_tls_handshake_that_does_not_end(tmp_path: Path) -> None:
    hooks = Webhooks(LOCAL, resolve=lambda host, port: ["127.0.0.1"])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        answer = hooks.send(f"https://ehr.example:{silent.getsockname()[1]}/", {}, b"{}", 0.5)
        assert answer.problem == "timeout" and time.monotonic() - began < 1.5
