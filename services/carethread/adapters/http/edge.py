"""The way in: a request is read whole, within bounds of size and time, before a thread is spent on it.

granian's WSGI hands a thread to each request as soon as its header is there, and a few clients that send a byte now and
then would hold all of them. So the event loop collects the body (granian's RSGI 1.5), and a bounded pool of threads
answers what has arrived: FHIR at once, all else by the WSGI application (PEP 3333).
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from carethread.adapters.http.fhir import Answer
from carethread.core.errors import Busy, FhirError, Malformed, TooLarge
from carethread.interactions.rest.exchange import refusal

_FHIR = "/fhir"
"""The path of the FHIR base."""

Said = tuple[int, list[tuple[str, str]], bytes]
"""An answer: its status, headers and body."""

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_GATHERING_PER_THREAD = 4
"""Requests that for the most part wait to be stored together, for each other one that is worked on."""

_WAITING_PER_THREAD = 64
"""Requests that may wait for each thread; more are answered 503 at once instead of late."""


_BODY = {"CONTENT_LENGTH", "TRANSFER_ENCODING"}
"""Of the body as it came; here it has been read."""

_HEAD_OF_BODY = {"content-length", "transfer-encoding"}
"""One of them is there when a body follows (RFC 9112 section 6.3)."""

_DECIDING = {"if-match", "if-none-match", "if-none-exist", "content-type", "prefer", "x-carethread-backfill"}


class Scope(Protocol):
    """What RSGI tells of a request."""

    method: str
    path: str
    query_string: str
    server: str
    http_version: str
    headers: Any


def make_edge(
    application: WSGI,
    answer: Answer,
    *,
    threads: int,
    max_body_bytes: int,
    body_seconds: float,
    gathering: Collection[str] = (),
) -> Callable[..., Any]:
    """The RSGI application: `answer` below the FHIR base, a WSGI application for all else.

    `gathering` are operations whose calls are done together, as creates are, by their paths (`Appointment/$book`).
    Bodies that are too large or too slow are refused without reading on.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="http")
    gathered = ThreadPoolExecutor(threads * _GATHERING_PER_THREAD, thread_name_prefix="gathered")
    together = frozenset(f"{_FHIR}/{path}" for path in gathering)
    room = Room(threads * max_body_bytes)
    waiting = 0

    async def edge(scope: Scope, protocol: Any) -> None:
        nonlocal waiting
        body = Body(room)
        try:
            _refuse_unreadable(scope)
            if not _HEAD_OF_BODY.isdisjoint(scope.headers.keys()):
                await body.read(scope, protocol, max_body_bytes, body_seconds)
            if waiting >= threads * _WAITING_PER_THREAD:
                raise Busy("More requests are waiting than can be answered soon.")
            waiting += 1
            try:
                whole = body.taken()
                if scope.path == _FHIR or scope.path.startswith(f"{_FHIR}/"):
                    work = partial(_fhir, answer, scope, whole)
                else:
                    work = partial(_call, application, _environ(scope, whole))
                gathers = _creates(scope) or (scope.method == "POST" and scope.path in together)
                said = await asyncio.get_running_loop().run_in_executor(gathered if gathers else pool, work)
            finally:
                waiting -= 1
        except FhirError as error:
            refused = refusal(error)
            said = refused.status, [*refused.headers.items(), ("Connection", "close")], refused.body
        finally:
            room.left += body.size
        protocol.response_bytes(*said)

    return edge


def _creates(scope: Scope) -> bool:
    """Whether this is the create of a resource: POST /fhir/[type]."""
    return scope.method == "POST" and scope.path.startswith(f"{_FHIR}/") and scope.path[len(_FHIR) + 1 :].isalpha()


def _fhir(answer: Answer, scope: Scope, body: bytes) -> Said:
    headers: dict[str, str] = {}
    for name, value in scope.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value  # RFC 9110 section 5.3
    response = answer(scope.method, scope.path[len(_FHIR) + 1 :], scope.query_string, headers, body)
    # A length that another service told is of what it sent; granian tells ours.
    said = [(name, value) for name, value in response.headers.items() if name.lower() != "content-length"]
    if scope.method == "HEAD":
        return response.status, [*said, ("Content-Length", str(len(response.body)))], b""
    return response.status, said, response.body


def _refuse_unreadable(scope: Scope) -> None:
    """Raise Malformed for a header that decides what happens and that granian cannot hand on.

    It drops what is not ASCII, and an If-Match that is dropped would let any update through.
    """
    for name in _DECIDING & set(scope.headers.keys()):
        if scope.headers.get(name) is None:
            raise Malformed(f"The header {name} has characters beyond ASCII.", code="value", expression=name)


@dataclass(slots=True)
class Room:
    """Bytes that the bodies of all requests, arriving or waiting, may still take."""

    left: int


class Body:
    """One request's body as it arrives; `size` is what it has taken of the room."""

    def __init__(self, room: Room) -> None:
        self.size = 0
        self._room = room
        self._pieces: list[bytes] = []

    async def read(self, scope: Scope, protocol: Any, limit: int, seconds: float) -> None:
        """Read all of it. Raises TooLarge over `limit` bytes, Malformed for a short or slow one, Busy without room."""
        declared = scope.headers.get("content-length") or "0"
        too_large = TooLarge(f"A body may have {limit} bytes; send a large Bundle in parts.")
        if not declared.isascii() or not declared.isdigit():
            raise Malformed("Content-Length is a whole number.", code="value")
        if int(declared[:18]) > limit:
            raise too_large
        try:
            async with asyncio.timeout(seconds):
                async for piece in protocol:
                    if self.size + len(piece) > limit:
                        raise too_large
                    if len(piece) > self._room.left:
                        raise Busy("The bodies of other requests fill the room for them.")
                    self._pieces.append(piece)
                    self.size += len(piece)
                    self._room.left -= len(piece)
            if self.size < int(declared):
                raise Malformed(f"The body has {self.size} bytes of {declared}.")
        except TimeoutError:
            raise Malformed(f"The body did not arrive within {seconds:g} s.", code="timeout") from None

    def taken(self) -> bytes:
        """The whole body, once."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """The request as PEP 3333 has it."""
    host, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),  # granian has decoded the percent signs
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        key = name.upper().replace("-", "_")
        if key in _BODY:
            continue
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        environ[key] = f"{environ[key]}, {value}" if key in environ else value  # RFC 9110 section 5.3
    return environ


def _call(application: WSGI, environ: dict[str, Any]) -> Said:
    """Run the application to its end."""
    answer: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _exc_info: object = None) -> None:
        answer[:] = [int(status[:3]), headers]

    pieces = application(environ, start_response)
    try:
        body = b"".join(pieces)
    finally:
        close = getattr(pieces, "close", None)
        if close:
            close()
    return answer[0], answer[1], body
