"""EventService.Notifications as a `Channel`: a client reads a Subscription's notifications and acknowledges them.

A stream is to a Subscription what its endpoint is to a webhook: one message at a time, and the next when this one is
acknowledged. So what is held for a reader is one notification, however slow he is. One that does not acknowledge in
time is cut off, and a newer stream for the same Subscription, here or in another process, ends the older.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from contextlib import suppress
from functools import partial
from itertools import count

import grpc

from carethread.adapters.rpc.calls import Call, failure
from carethread.adapters.rpc.errors import abort
from carethread.adapters.rpc.health import EVENT_SERVICE
from carethread.core.context import Context
from carethread.core.errors import Busy, Conflict, FhirError, Malformed
from carethread.core.ports.channels import Answer
from carethread.v1 import events_pb2

Check = Callable[[str, Context], int]
"""The number of a Subscription's new reader. Raises a FhirError for one that the caller may not read, or that has no
stream."""

Binding = tuple[int, int]
"""The stream's number, and the reader's."""

OPEN_SECONDS = 60.0
"""A stream that has named no Subscription by then is ended."""

_TOO_LARGE = 413
_FRAME_BYTES = 64
"""More than what stands beside the Bundle in a message takes."""


class Notifications:
    """The streams of a server; `check` is called in threads. `send` and `bound` may be called by any thread."""

    def __init__(self, check: Check, *, most: int, message_bytes: int) -> None:
        self._check = check
        self._most = most
        self._message_bytes = message_bytes
        self._asking = ThreadPoolExecutor(4, "streams")
        self._numbers = count(1)
        self._open = 0
        self._bound: dict[str, _Reader] = {}
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def add_to(self, server: grpc.aio.Server) -> None:
        """Let the server answer Notifications. Called on its loop, as `end` is."""
        self._loop = asyncio.get_running_loop()
        talk = grpc.stream_stream_rpc_method_handler(
            self._talk,
            events_pb2.NotificationsRequest.FromString,
            events_pb2.NotificationsResponse.SerializeToString,
        )
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(EVENT_SERVICE, {"Notifications": talk})])

    def end(self) -> None:
        """End every stream; clients come again."""
        self._closing = True
        for reader in self._bound.values():
            reader.end(Busy("The server is stopping; come again."))

    def close(self) -> None:
        """Give up the threads, once no stream is left."""
        self._asking.shutdown(wait=False, cancel_futures=True)

    def bound(self) -> Mapping[str, Binding]:
        """The stream that reads each Subscription."""
        return {id_: reader.binding for id_, reader in self._bound.copy().items()}

    def supersede(self, subscription: str, binding: Binding) -> None:
        """End a stream whose Subscription has a newer one in another process. Not from the loop."""
        reader, loop = self._bound.get(subscription), self._loop
        if reader is not None and reader.binding == binding and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(reader.end, _newer())

    def send(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Answer:
        """Send to who reads the Subscription with the id `url`; see `core.ports.channels`. Not from the loop."""
        reader, loop = self._bound.get(url), self._loop
        if reader is None or loop is None or loop.is_closed():
            return Answer(problem="not connected")
        if len(body) + _FRAME_BYTES > self._message_bytes:
            return Answer(_TOO_LARGE)
        began = time.monotonic()
        sending = asyncio.run_coroutine_threadsafe(reader.deliver(body, seconds), loop)
        try:
            problem = sending.result(seconds + 5)
        except (NotInTime, CancelledError):
            problem = "timeout"
        return Answer(0 if problem else 200, problem, took=time.monotonic() - began)

    async def _talk(self, said: AsyncIterator[events_pb2.NotificationsRequest], call: grpc.aio.ServicerContext) -> None:
        self._open += 1
        try:
            if self._open > self._most or self._closing:
                raise Busy("As many streams as may be at once are here, or the server is stopping; try again.")
            id_ = await _named(said)
            check = partial(self._check, id_, Call(call).context)
            number = await asyncio.get_running_loop().run_in_executor(self._asking, check)
            await self._read(id_, number, said, call)
        except grpc.aio.InternalError:
            raise asyncio.CancelledError from None  # a message could not be sent: nobody is there
        except Exception as error:  # noqa: BLE001 the edge's last resort, see `failure`
            await abort(call, failure(error))
        finally:
            self._open -= 1

    async def _read(
        self,
        id_: str,
        number: int,
        said: AsyncIterator[events_pb2.NotificationsRequest],
        call: grpc.aio.ServicerContext,
    ) -> None:
        """Be the Subscription's reader until the client ends the stream, or something here does."""
        reader = _Reader((next(self._numbers), number), call)
        other = self._bound.get(id_)
        if other and other.binding[1] > number:
            raise _newer()
        self._bound[id_] = reader
        if other:
            other.end(_newer())
        if self._closing:
            self.end()
        try:
            await reader.run(said)
        finally:
            reader.end(None)
            if self._bound.get(id_) is reader:
                del self._bound[id_]


def _newer() -> Conflict:
    return Conflict("A newer stream reads this Subscription.")


async def _named(said: AsyncIterator[events_pb2.NotificationsRequest]) -> str:
    """The id that the first message names. Raises Malformed where it does not come, or names none."""
    wrong = Malformed("The first message names a Subscription, and nothing else.", expression="subscription")
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            first = await anext(said, None)
    except TimeoutError:
        raise wrong from None
    if first is None or not first.subscription or first.acknowledge:
        raise wrong
    return first.subscription


class _Reader:
    """One stream, on the loop: what was sent last, and whether it is acknowledged."""

    def __init__(self, binding: Binding, call: grpc.aio.ServicerContext) -> None:
        self.binding = binding
        self._call = call
        self._sent = 0
        self._acknowledged = 0
        self._over: asyncio.Future[FhirError | None] = asyncio.get_running_loop().create_future()
        self._taken = asyncio.Event()

    def end(self, error: FhirError | None) -> None:
        """End the stream, with an error where there is one."""
        if not self._over.done():
            self._over.set_result(error)
        self._taken.set()

    async def deliver(self, body: bytes, seconds: float) -> str:
        """Send, and wait until it is acknowledged; says what went wrong, empty: nothing."""
        if self._over.done():
            return "connection lost"
        self._sent += 1
        self._taken.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._call.write(events_pb2.NotificationsResponse(number=self._sent, json=body))
                await self._taken.wait()
        except TimeoutError:
            self.end(Busy("A message was not acknowledged in time; what is left comes again."))
            return "timeout"
        except (grpc.aio.UsageError, grpc.aio.InternalError):
            self.end(None)
        return "" if self._acknowledged == self._sent else "connection lost"

    async def run(self, said: AsyncIterator[events_pb2.NotificationsRequest]) -> None:
        """Take acknowledgements until the stream is over. Raises what it is over for."""
        taking = asyncio.ensure_future(self._take(said))
        try:
            await asyncio.wait((taking, self._over), return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                taking.result()
            elif error := self._over.result():
                raise error
        finally:
            taking.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait((taking,))

    async def _take(self, said: AsyncIterator[events_pb2.NotificationsRequest]) -> None:
        async for each in said:
            if each.subscription:
                raise Malformed("A stream is of one Subscription, named once.", expression="subscription")
            if not 1 <= each.acknowledge <= self._sent:
                raise Malformed(
                    "What is acknowledged is the number of a message that was sent.", expression="acknowledge"
                )
            if each.acknowledge == self._sent:
                self._acknowledged = self._sent
                self._taken.set()
