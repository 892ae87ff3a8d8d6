"""A department's system as a webhook meets it: it takes notifications, or fails in one of the ways that real ones do.

`behave` is changed while it runs, by path or for all: "ok", a status ("500"), "redirect", "hang" (no answer), "reset",
"slow" (an answer after `SLOW_SECONDS`), "banner", "long-line" and "many-headers" (what is no HTTP),
"drip" (an answer that never ends), "drip-head" (a status line that never ends), "large", "close" (no keep-alive).
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DRIP_SECONDS = 0.05
SLOW_SECONDS = 1.2


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    """What came, in order of arrival, and how to answer the next."""

    url: str
    got: list[Got] = field(default_factory=list)
    behave: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    connections: int = 0

    def at(self, path: str) -> list[Got]:
        with self.lock:
            return [each for each in self.got if each.path == path]


@contextmanager
def receiver(certificate: tuple[Path, Path] | None = None, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """A receiver on a free port; with a certificate and its key it speaks TLS."""
    server = _Server((host, 0), _Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.tls = context
    scheme = "https" if certificate else "http"
    server.mine = Receiver(f"{scheme}://{host}:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.mine
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    tls: ssl.SSLContext | None = None
    mine: Receiver

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.tls is not None:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:
                return
        with self.mine.lock:
            self.mine.connections += 1
        with suppress(OSError):
            super().finish_request(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        mine = self.server.mine
        length = int(self.headers["content-length"])
        body = self.rfile.read(length)
        if len(body) < length:  # the sender died in the middle
            self.close_connection = True
            return
        how = mine.behave.get(self.path, mine.behave.get("", "ok"))
        with mine.lock:
            mine.got.append(Got(self.path, dict(self.headers.items()), body))
        if how.isdigit():
            self._answer(int(how))
        else:
            getattr(self, f"_{how.replace('-', '_')}")()

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response_only(status)
        for name, value in {"content_length": "0", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _ok(self) -> None:
        self._answer(200)

    def _close(self) -> None:
        self._answer(200, connection="close")

    def _redirect(self) -> None:
        self._answer(307, location=f"{self.server.mine.url}/elsewhere")

    def _busy(self) -> None:
        self._answer(429, retry_after="120")

    def _large(self) -> None:
        self._answer(200, content_length=str(10**9))
        while True:
            self.wfile.write(b" " * 65536)

    def _hang(self) -> None:
        time.sleep(30)

    def _slow(self) -> None:
        time.sleep(SLOW_SECONDS)
        self._answer(200)

    def _banner(self) -> None:
        self._raw(b"SSH-2.0-OpenSSH_9\r\n")

    def _long_line(self) -> None:
        self._raw(b"HTTP/1.1 200 " + b"A" * 70_000 + b"\r\n\r\n")

    def _many_headers(self) -> None:
        self._raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"Content-Length: 0\r\n\r\n")

    def _raw(self, answer: bytes) -> None:
        self.wfile.write(answer)
        self.close_connection = True

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _drip(self) -> None:
        self._answer(200, content_length=str(10**6))
        self._drips()

    def _drip_head(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        self._drips()

    def _drips(self) -> None:
        while True:
            self.wfile.write(b".")
            time.sleep(DRIP_SECONDS)

    def log_message(self, format: str, *args: object) -> None:
        """Tests read what came, not a log."""
