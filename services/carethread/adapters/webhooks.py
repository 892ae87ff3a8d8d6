"""The `Channel` port over HTTP: a POST to an endpoint that somebody outside has chosen.

At each send the host is resolved, every address judged (`core.webhooks.endpoints`), and the connection made to an
address that was judged, with the host in SNI, certificate and Host header: no second resolution can lead elsewhere.
Redirects are not followed and the environment's proxies not used. Connections are kept for the next notification. A
watch ends whatever is left of an attempt at its deadline: the timeout of a socket starts anew with every byte, and a
receiver may drip.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPException, RemoteDisconnected
from ipaddress import ip_address

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse
from urllib3.util import SKIP_HEADER, create_urllib3_context

from carethread.core.errors import Invalid
from carethread.core.hanging import Hanging
from carethread.core.ports.channels import Answer
from carethread.core.webhooks.endpoints import Address, Endpoint, Network, endpoint, refusal

CONNECT_SECONDS = 5.0
RESOLVE_SECONDS = 5.0
ANSWER_BYTES = 64 * 1024
"""What is read of an answer's body, of which nothing is used; a connection with more to come is closed."""

_IDLE_SECONDS = 30.0
_LOOK_SECONDS = 0.1
_AWAKE_SECONDS = 5.0
"""So long does the watch look on after it was needed: to wake it costs more than to look."""

_LONGEST_RETRY_AFTER = 3600.0

Resolve = Callable[[str, int], Sequence[str]]
_Place = tuple[str, str, int, str]


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, each once. Raises OSError when it has none; takes as long as the system's resolver
    does, which may be for ever."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]).partition("%")[0] for row in found))


class Webhooks:
    """Sends to endpoints; may be used by several threads.

    `allowed` are networks that would be refused otherwise, `http` allows URLs without encryption, `authorities` is a
    file of certificates to trust beside the system's, `idle` the most connections that are kept open.
    """

    def __init__(
        self,
        allowed: Sequence[Network] = (),
        *,
        http: bool = False,
        authorities: str = "",
        resolve: Resolve = resolve,
        resolve_seconds: float = RESOLVE_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
        idle: int = 256,
    ) -> None:
        self._allowed = tuple(allowed)
        self._http = http
        self._resolve = resolve
        self._resolving = Hanging()
        self._resolve_seconds = resolve_seconds
        self._connect_seconds = connect_seconds
        self._tls = create_urllib3_context()
        self._tls.load_default_certs()
        if authorities:
            self._tls.load_verify_locations(authorities)
        self._idle = _Idle(idle)
        self._watch = _Watch()

    def send(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Answer:
        """POST the body; see `core.ports.channels`."""
        began = time.monotonic()
        try:
            to = endpoint(url, http=self._http)
            addresses = self._addresses(to, min(seconds, self._resolve_seconds))
            answer = self._post(to, addresses, headers, body, began + seconds)
        except Invalid:
            answer = Answer(problem="endpoint not allowed")
        except _Refused as error:
            answer = Answer(problem=str(error))
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            answer = Answer(problem=_problem(error, time.monotonic() - began >= seconds))
        took = time.monotonic() - began
        return Answer(answer.status, answer.problem, answer.retry_after, took)

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._idle.clear()
        self._watch.close()

    def _addresses(self, to: Endpoint, seconds: float) -> list[Address]:
        """Where the host is; one address that is refused refuses them all."""
        own, name = to.address, (to.host, to.port)
        try:
            found = (
                [own] if own else [*map(ip_address, self._resolving.call(name, partial(self._resolve, *name), seconds))]
            )
        except TimeoutError:
            raise _Refused("name not resolved in time") from None
        except (OSError, UnicodeError, ValueError):
            raise _Refused("name not resolved") from None
        for address in found:
            kind = refusal(address, self._allowed)
            if kind:
                raise _Refused(f"address not allowed: {kind}")
        if not found:
            raise _Refused("name not resolved")
        return found

    def _post(
        self, to: Endpoint, addresses: Sequence[Address], headers: Mapping[str, str], body: bytes, deadline: float
    ) -> Answer:
        sent = {"Host": to.authority, "User-Agent": SKIP_HEADER, "Accept-Encoding": SKIP_HEADER, **headers}
        for address in addresses:  # a kept connection may have been closed meanwhile: then a new one
            place = (to.scheme, str(address), to.port, to.host)
            connection = self._idle.take(place)
            if connection is not None:
                with suppress(HTTPError, OSError):
                    return self._exchange(place, connection, to.target, sent, body, deadline)
        connection, place = self._connected(to, addresses, deadline)
        return self._exchange(place, connection, to.target, sent, body, deadline)

    def _connected(self, to: Endpoint, addresses: Sequence[Address], deadline: float) -> tuple[HTTPConnection, _Place]:
        """A new connection to the first of the addresses that takes one."""
        failed: Exception | None = None
        for address in addresses:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            connection = self._connection(to, address, min(self._connect_seconds, left))
            try:
                connection.connect()
            except (HTTPError, OSError) as error:
                connection.close()
                failed = error
            else:
                return connection, (to.scheme, str(address), to.port, to.host)
        raise failed or TimeoutError

    def _connection(self, to: Endpoint, address: Address, seconds: float) -> HTTPConnection:
        if to.scheme == "http":
            return HTTPConnection(str(address), to.port, timeout=seconds)
        return HTTPSConnection(
            str(address),
            to.port,
            timeout=seconds,
            ssl_context=self._tls,
            cert_reqs=ssl.CERT_REQUIRED,
            server_hostname=to.host,
        )

    def _exchange(
        self,
        place: _Place,
        connection: HTTPConnection,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        deadline: float,
    ) -> Answer:
        try:
            with self._watch.until(connection, deadline):
                connection.request("POST", target, body=body, headers=headers, preload_content=False)
                answer = connection.getresponse()
                whole = _read_off(answer)
        except BaseException:
            connection.close()
            raise
        if whole and not _closes(answer):
            self._idle.keep(place, connection)
        else:
            connection.close()
        problem = "redirect not followed" if 300 <= answer.status < 400 else ""
        return Answer(answer.status, problem, _retry_after(answer))


class _Refused(Exception):
    """The endpoint may not be called, or is nowhere; the message is fit for a log."""


def _problem(error: Exception, late: bool) -> str:
    """In a word what went wrong; never the error's text, which may quote what the receiver sent."""
    if not late and isinstance(error, (NewConnectionError, ConnectionRefusedError)):  # the former is a timeout too
        return "no connection"
    if late or isinstance(error, (ConnectTimeoutError, ReadTimeoutError, TimeoutError)):
        return "timeout"
    if isinstance(error, (SSLError, ssl.SSLError)):
        return "certificate or TLS"
    if isinstance(error, ValueError):
        return "header not allowed"
    if isinstance(error, HTTPException) and not isinstance(error, RemoteDisconnected):
        return "no HTTP answer"
    return "connection lost"


def _read_off(answer: BaseHTTPResponse) -> bool:
    """Read what is left of a small answer; False for one that is large."""
    size = 0
    while piece := answer.read(16 * 1024, decode_content=False):
        size += len(piece)
        if size > ANSWER_BYTES:
            return False
    return True


def _closes(answer: BaseHTTPResponse) -> bool:
    return answer.version < 11 or "close" in answer.headers.get("connection", "").lower()


def _retry_after(answer: BaseHTTPResponse) -> float:
    """Retry-After in seconds (RFC 9110 section 10.2.3); its form with a date is left alone."""
    text = answer.headers.get("retry-after", "").strip()
    return min(float(text), _LONGEST_RETRY_AFTER) if text.isascii() and text.isdigit() else 0.0


class _Idle:
    """Connections for the next time, the longest unused given up first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[_Place, int], tuple[float, HTTPConnection]] = OrderedDict()

    def take(self, place: _Place) -> HTTPConnection | None:
        with self._lock:
            found = next((name for name in reversed(self._kept) if name[0] == place), None)
            since, connection = self._kept.pop(found) if found else (0.0, None)
        if connection is not None and time.monotonic() - since > _IDLE_SECONDS:
            connection.close()
            return None
        return connection

    def keep(self, place: _Place, connection: HTTPConnection) -> None:
        with self._lock:
            self._kept[place, id(connection)] = (time.monotonic(), connection)
            oldest = self._kept.popitem(last=False)[1][1] if len(self._kept) > self._limit else None
        if oldest is not None:
            oldest.close()

    def clear(self) -> None:
        with self._lock:
            kept = [connection for _, connection in self._kept.values()]
            self._kept.clear()
        for connection in kept:
            connection.close()


class _Watch:
    """Cuts connections at their deadline; one thread, made when it is first needed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: dict[int, tuple[float, socket.socket]] = {}
        self._thread: threading.Thread | None = None
        self._closed = False
        self._asleep = False

    @contextmanager
    def until(self, connection: HTTPConnection, deadline: float) -> Iterator[None]:
        """Everything on the connection fails after `deadline` (monotonic seconds)."""
        wire = connection.sock
        if wire is None:
            raise ConnectionError
        connection.timeout = max(0.001, deadline - time.monotonic())  # set on the socket at each request and answer
        name = id(wire)
        with self._changed:
            if self._asleep:
                self._changed.notify()
            self._running[name] = (deadline, wire)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="webhook-deadlines", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._running.pop(name, None)
        if time.monotonic() > deadline:  # a cut answer may look like a short one
            raise TimeoutError

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _look(self) -> None:
        used = time.monotonic()
        while True:
            with self._changed:
                if self._closed:
                    return
                self._asleep = not self._running and time.monotonic() - used > _AWAKE_SECONDS
                self._changed.wait(None if self._asleep else _LOOK_SECONDS)
                self._asleep = False
                now = time.monotonic()
                used = now if self._running else used
                for deadline, wire in self._running.values():
                    if now > deadline:
                        with suppress(OSError):  # of the plain socket: the TLS object belongs to the thread that reads
                            socket.socket.shutdown(wire, socket.SHUT_RDWR)
