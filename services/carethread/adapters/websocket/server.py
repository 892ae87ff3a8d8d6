"""Websockets as a `Channel`: a client binds subscriptions to its connection, and is sent what is notified.

Source: http://hl7.org/fhir/uv/subscriptions-backport, "Channels". `bind-with-token TOKEN`, or the same as JSON,
`{"type": "bind-with-token", "payload": {"token": TOKEN}}`, may be sent again and again; several subscriptions share a
connection, and one that is bound elsewhere, here or in another process, moves there. The specification knows no
acknowledgement: ours is the pong to a ping right behind the notification (RFC 6455 section 5.5.3), which says that the
client's end has read it. A client that gives none in time is slow, and its connection closed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from itertools import count
from typing import Any

import orjson
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from carethread.core.errors import Busy, FhirError
from carethread.core.ports.channels import Answer

log = logging.getLogger(__name__)

Redeem = Callable[[str], Mapping[str, int]]
"""The subscriptions of a token, each with its new reader's number; none for one that is not good. Raises Busy."""

Binding = tuple[int, int]
"""The connection's number, and the reader's."""

CONNECTIONS = 2000
SUBSCRIPTIONS = 100
"""On one connection."""

MESSAGE_BYTES = 16 * 1024
"""The longest that a client may say."""

BIND_SECONDS = 60.0
"""A connection that has bound nothing by then is closed."""

_PING_SECONDS = 20.0
_POLICY, _TOO_MANY, _TRY_AGAIN, _MOVED, _AWAY = 1008, 1013, 1013, 4000, 1001
_ELSEWHERE = "bound on another connection"
_BIND = "bind-with-token"


class Sockets:
    """A server for connections; `redeem` is called in threads. May be used by several threads once it has started."""

    def __init__(self, host: str, port: int, redeem: Redeem, *, connections: int = CONNECTIONS) -> None:
        self._host = host
        self._port = port
        self._redeem = redeem
        self._connections = connections
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="websockets", daemon=True)
        self._asking = ThreadPoolExecutor(4, "tokens")
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._bound: dict[str, tuple[Binding, ServerConnection]] = {}
        self._server: Server | None = None

    def start(self) -> None:
        """Listen. Raises OSError when the address cannot be listened on."""
        self._thread.start()
        self._server = self._now(self._listen(), 10)

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None:
            raise RuntimeError
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    def close(self) -> None:
        """Close all connections; clients come again."""
        if self._server is not None:
            self._server.close(code=_AWAY, reason="the server ends")
            self._now(self._server.wait_closed(), 10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._asking.shutdown(wait=False, cancel_futures=True)

    def bound(self) -> Mapping[str, Binding]:
        """What each subscription is bound to."""
        with self._lock:
            return {subscription: binding for subscription, (binding, _) in self._bound.items()}

    def supersede(self, subscription: str, binding: Binding) -> None:
        """Close the connection of a binding whose subscription is bound in another process by now. Not from the
        loop."""
        with self._lock:
            found = self._bound.get(subscription)
        if found is not None and found[0] == binding:
            asyncio.run_coroutine_threadsafe(found[1].close(_MOVED, _ELSEWHERE), self._loop)

    def send(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Answer:
        """Send to who has bound the subscription with the id `url`; see `core.ports.channels`. Not from the loop."""
        with self._lock:
            found = self._bound.get(url)
        if found is None:
            return Answer(problem="not connected")
        began = time.monotonic()
        sending = asyncio.run_coroutine_threadsafe(self._deliver(found[1], body, seconds), self._loop)
        try:
            problem = sending.result(seconds + 5)
        except NotInTime:
            problem = "timeout"
        return Answer(0 if problem else 200, problem, took=time.monotonic() - began)

    def _now(self, work: Any, seconds: float) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    async def _listen(self) -> Server:
        return await serve(
            self._talk,
            self._host,
            self._port,
            max_size=MESSAGE_BYTES,
            ping_interval=_PING_SECONDS,
            ping_timeout=_PING_SECONDS,
            server_header=None,
        )

    async def _deliver(self, connection: ServerConnection, body: bytes, seconds: float) -> str:
        """What went wrong, empty: nothing."""
        try:
            async with asyncio.timeout(seconds):
                await connection.send(body.decode())
                await (await connection.ping())
        except TimeoutError:
            connection.transport.abort()  # a closing handshake would wait behind what is not read
            return "timeout"
        except ConnectionClosed:
            return "connection lost"
        return ""

    async def _talk(self, connection: ServerConnection) -> None:
        server = self._server
        if server is not None and len(server.connections) > self._connections:
            await connection.close(_TOO_MANY, "too many connections")
            return
        number = next(self._numbers)
        mine: set[str] = set()
        try:
            async with asyncio.timeout(BIND_SECONDS) as patience:
                async for message in connection:
                    token = _token(message)
                    if token is None:
                        await connection.close(_POLICY, f"say {_BIND} TOKEN")
                        return
                    if not token:
                        await connection.send('{"type":"pong"}')
                        continue
                    if not await self._bind(connection, number, token, mine):
                        return
                    patience.reschedule(None)
        except TimeoutError:
            await connection.close(_POLICY, "nothing was bound in time")
        except ConnectionClosed:
            return
        finally:
            with self._lock:
                for subscription in mine:
                    if subscription in self._bound and self._bound[subscription][1] is connection:
                        del self._bound[subscription]

    async def _bind(self, connection: ServerConnection, number: int, token: str, mine: set[str]) -> bool:
        """False when the connection is closed: a token that is not good is no reason to stay."""
        try:
            subscriptions = await self._loop.run_in_executor(self._asking, self._redeem, token)
        except Busy:
            await connection.close(_TRY_AGAIN, "try again")
            return False
        except FhirError:
            subscriptions = {}
        if not subscriptions:
            await connection.close(_POLICY, "the token is unknown, used or expired")
            return False
        if len(mine.union(subscriptions)) > SUBSCRIPTIONS:
            await connection.close(_POLICY, f"at most {SUBSCRIPTIONS} subscriptions on a connection")
            return False
        with self._lock:
            before = {each: self._bound[each] for each in subscriptions if each in self._bound}
            first = all(reader < subscriptions[each] for each, ((_, reader), _) in before.items())
            if first:
                mine.update(subscriptions)
                self._bound |= {each: ((number, reader), connection) for each, reader in subscriptions.items()}
        others = {other for _, other in before.values()} - {connection} if first else {connection}
        for other in others:
            await other.close(_MOVED, _ELSEWHERE)
        return first


def _token(message: str | bytes) -> str | None:
    """The token of a bind message; empty for a client's own ping; None for what is neither."""
    text = message if isinstance(message, str) else ""
    word, _, rest = text.strip().partition(" ")
    if word.removesuffix(":") == _BIND and rest.strip():
        return rest.strip()
    try:
        said = orjson.loads(text)
        if said["type"] == "ping":
            return ""
        return str(said["payload"]["token"]) if said["type"] == _BIND and said["payload"]["token"] else None
    except (ValueError, KeyError, TypeError):
        return None
