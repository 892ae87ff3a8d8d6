"""The Peer port, in one process and over HTTP; and what only HTTP has: bytes on the wire, timeouts, repeats."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from carethread.adapters import local
from carethread.adapters.http import peer as http_peer
from carethread.adapters.http.peer import HttpPeer
from carethread.core.context import Context
from carethread.core.errors import Busy, NotSupported, TooLarge
from carethread.core.ports import Peer, Request, Response
from carethread.core.service import Runtime, Service
from support.servers import free_port

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OUTCOME = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"conflict"}]}'


@dataclass
class Edge:
    """A service's REST interface: keeps what it was asked and gives what it was told to."""

    answer: Response = field(default_factory=lambda: Response(200))
    asked: list[Request] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    seconds: float = 0

    def handle(self, request: Request) -> Response:
        self.asked.append(request)
        time.sleep(self.seconds)
        return self.answer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    edge: Edge

    def answer(self) -> None:
        length = self.headers.get("content-length")
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.edge.ports.append(self.client_address[1])
        body = self.rfile.read(int(length)) if length else b""
        answer = self.edge.handle(
            Request(self.command, url.path.removeprefix("/fhir/"), parse_qsl(url.query), headers, body)
        )
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Keep-Alive", "timeout=5")
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, format: str, *args: Any) -> None:
        return


class Server(ThreadingHTTPServer):
    """Says nothing of clients that hung up on it: some tests do."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        return


@pytest.fixture
def edge() -> Edge:
    return Edge()


@pytest.fixture
def over_http(edge) -> Iterator[HttpPeer]:
    server = Server(("127.0.0.1", 0), type("EdgeHandler", (Handler,), {"edge": edge}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    peer = HttpPeer({"scheduling": f"http://127.0.0.1:{server.server_port}/fhir/"}, seconds=1.0)
    yield peer
    peer.close()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def in_process(edge, monkeypatch) -> local.LocalPeer:
    unused: Any = None

    def handle(runtime: Runtime, request: Request, context: Context) -> Response:
        assert runtime.service.name == "scheduling"
        assert context.traceparent == request.headers.get("traceparent", context.traceparent)
        assert context.backfill == ("x-carethread-backfill" in request.headers)
        response: Response = edge.handle(request)
        return response

    monkeypatch.setattr(local, "handle", handle)
    service = Service("scheduling", "for the test", ())
    return local.LocalPeer({"scheduling": Runtime(service, unused, unused, unused, "http://127.0.0.1/fhir")})


@pytest.fixture(params=["in_process", "over_http"])
def peer(request) -> Peer:
    made: Peer = request.getfixturevalue(request.param)
    return made


def test_a_request_arrives_as_it_was_sent(peer, edge):
    sent = Request(
        "POST",
        "Appointment/$find",
        (("date", "ge2026-01-01T08:00:00+01:00"), ("name", "Ä b&c=d"), ("date", "lt2027"), ("empty:x", "a,b|c")),
        {
            "content-type": "application/fhir+json",
            "if-match": 'W/"3"',
            "traceparent": TRACE,
            "x-carethread-backfill": "true",
        },
        b'{"resourceType" : "Parameters", "x": 1.10}',
    )
    peer.call("scheduling", sent)
    (got,) = edge.asked
    assert (got.method, got.path, got.body) == (sent.method, sent.path, sent.body)
    assert [pair for pair in got.query if pair[1]] == list(sent.query)
    assert {name: got.headers.get(name) for name in sent.headers} == sent.headers


@pytest.mark.parametrize(
    "answer",
    [
        Response(201, {"Location": "http://127.0.0.1/fhir/Slot/1/_history/1", "ETag": 'W/"1"'}, b'{ "x": 1.10 }'),
        Response(204, {"ETag": 'W/"2"'}),
        Response(303, {"Location": "http://127.0.0.1:1/elsewhere"}, b"{}"),
        Response(409, {"Content-Type": "application/fhir+json"}, OUTCOME),
        Response(503, {"Retry-After": "7"}, OUTCOME),
        Response(200, {"Content-Encoding": "gzip"}, gzip.compress(b"{}" * 5000, mtime=0)),
        Response(200, {}, b"x" * 3_000_000),
    ],
    ids=lambda answer: str(answer.status),
)
def test_an_answer_comes_back_as_it_was_given_whatever_its_status(peer, edge, answer):
    edge.answer = answer
    got = peer.call("scheduling", Request("GET", "Slot/1"))
    assert (got.status, got.body) == (answer.status, answer.body)
    assert {name: got.headers.get(name) for name in answer.headers} == answer.headers
    assert len(edge.asked) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_is_forwarded(peer, edge, method):
    peer.call("scheduling", Request(method, "Slot/1"))
    assert [request.method for request in edge.asked] == [method]


def test_a_service_that_nobody_set_up_is_not_supported(peer):
    with pytest.raises(NotSupported):
        peer.call("metrics", Request("GET", "metadata"))


def test_what_belongs_to_one_connection_stays_behind(over_http, edge):
    headers = {
        "host": "elsewhere",
        "connection": "keep-alive, x-hop",
        "x-hop": "1",
        "te": "trailers",
        "content-length": "999",
        "x-kept": "1",
    }
    answer = over_http.call("scheduling", Request("GET", "Slot", headers=headers))
    (got,) = edge.asked
    assert set(got.headers) == {"host", "x-kept"}
    assert got.headers["host"].startswith("127.0.0.1:")
    assert not {"Keep-Alive", "Connection", "Transfer-Encoding"} & set(answer.headers)


def test_a_connection_is_used_again(over_http, edge):
    edge.answer = Response(200, {}, b"{}")
    for _ in range(20):
        over_http.call("scheduling", Request("GET", "Slot"))
    assert len(edge.ports) == 20
    assert len(set(edge.ports)) == 1


def test_a_slow_service_is_busy_by_its_name(over_http, edge):
    edge.seconds = 1.5
    start = time.monotonic()
    with pytest.raises(Busy, match="scheduling"):
        over_http.call("scheduling", Request("GET", "Slot"))
    assert time.monotonic() - start < 1.4
    assert len(edge.asked) == 1


def test_a_service_that_is_not_there_is_busy_by_its_name():
    peer = HttpPeer({"scheduling": f"http://127.0.0.1:{free_port()}/fhir"})
    for method in ("GET", "POST"):
        with pytest.raises(Busy, match="scheduling"):
            peer.call("scheduling", Request(method, "Slot"))


def test_an_answer_over_the_bound_is_too_large(over_http, edge, monkeypatch):
    monkeypatch.setattr(http_peer, "ANSWER_BYTES", 100_000)
    edge.answer = Response(200, {}, b"x" * 200_000)
    with pytest.raises(TooLarge):
        over_http.call("scheduling", Request("GET", "Slot"))


Talk = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def raw() -> Iterator[Callable[..., tuple[HttpPeer, list[bytes]]]]:
    """A server of bare sockets: each connection gets the next of the talks; what was asked is kept."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(*talks: Talk) -> tuple[HttpPeer, list[bytes]]:
        asked: list[bytes] = []

        def run() -> None:
            for talk in talks:
                connection, _ = listener.accept()
                with connection:
                    asked.append(connection.recv(65536))
                    talk(connection)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return HttpPeer({"scheduling": f"http://127.0.0.1:{listener.getsockname()[1]}/fhir"}, seconds=0.5), asked

    yield serve
    for thread in threads:
        thread.join(5)
    listener.close()


def hang_up(connection: socket.socket) -> None:
    connection.close()


def answer_ok(connection: socket.socket) -> None:
    connection.sendall(OK)


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    try:
        for _ in range(40):
            connection.sendall(b"x")
            time.sleep(0.05)
    except OSError:
        return


def chunked(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")


def cut_short(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")


def test_a_get_is_sent_once_more_when_the_connection_fails(raw):
    peer, asked = raw(hang_up, answer_ok)
    assert peer.call("scheduling", Request("GET", "Slot")).body == b"{}"
    assert len(asked) == 2


def test_a_get_is_not_sent_a_third_time(raw):
    peer, asked = raw(hang_up, cut_short)
    with pytest.raises(Busy):
        peer.call("scheduling", Request("GET", "Slot"))
    assert len(asked) == 2


def test_a_write_is_never_sent_twice(raw):
    peer, asked = raw(hang_up)
    with pytest.raises(Busy):
        peer.call("scheduling", Request("PUT", "Slot/1", body=b"{}"))
    assert len(asked) == 1


def test_an_answer_that_drips_does_not_hold_the_caller(raw):
    peer, _ = raw(drip)
    start = time.monotonic()
    with pytest.raises(Busy):
        peer.call("scheduling", Request("GET", "Slot"))
    assert time.monotonic() - start < 1


def test_an_answer_in_chunks_is_whole(raw):
    peer, _ = raw(chunked)
    answer = peer.call("scheduling", Request("GET", "Slot"))
    assert answer.body == b"{}"
    assert "Transfer-Encoding" not in answer.headers
