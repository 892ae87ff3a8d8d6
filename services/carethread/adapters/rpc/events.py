"""EventService: a stream of events for each subscriber, on the server's loop, without a thread of its own.

A stream begins by reading the log from its cursor at the pace of its reader; when it has reached a service's feed it is
live there. A reader that falls behind is back to reading by himself. So what is held for a stream is one bounded queue,
or one bounded stretch of the log, and what gRPC's flow control has let out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import grpc

from carethread.adapters.rpc.calls import Call, failure
from carethread.adapters.rpc.errors import abort
from carethread.adapters.rpc.feed import Feed, Told
from carethread.adapters.rpc.health import EVENT_SERVICE
from carethread.adapters.rpc.messages import event_part
from carethread.core.context import Context
from carethread.core.errors import Busy, Malformed, NotSupported
from carethread.core.events import VERBS, Event
from carethread.core.fhir.definitions import resource_types
from carethread.core.fhir.targets import is_id
from carethread.core.fhir.validation.report import shown
from carethread.core.ports.log import EventLog, resumed
from carethread.interactions.streaming import Wanted, may_see
from carethread.v1 import events_pb2

T = TypeVar("T")

Holds = Callable[[Event], bool]
"""A filter that looks at an event's data."""

QUEUE_BYTES = 128 * 1024
"""What a live stream may have waiting; one event always fits."""

_HEARTBEAT_SECONDS = 15
_LONGEST_HEARTBEAT_SECONDS = 300
_READERS = 4
"""Threads on which streams that are not live read the log."""

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0


def _anything(event: Event) -> bool:
    return True


class Events:
    """The streams of a server; `most` may run at once; `types` are those of each service."""

    def __init__(self, logs: Mapping[str, EventLog], *, most: int, types: Mapping[str, Collection[str]]) -> None:
        self.feeds = {service: Feed(service, log) for service, log in logs.items()}
        self.readers = ThreadPoolExecutor(_READERS, thread_name_prefix="log")
        self.types = types
        self._most = most
        self._streams: set[_Stream] = set()
        self._closing = False

    def add_to(self, server: grpc.aio.Server) -> None:
        """Let the server answer Subscribe. Messages are bytes already: see `messages.event_part`."""
        subscribe = grpc.unary_stream_rpc_method_handler(
            self._subscribe, events_pb2.SubscribeRequest.FromString, response_serializer=bytes
        )
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(EVENT_SERVICE, {"Subscribe": subscribe})])

    def end(self) -> None:
        """End every stream, which may resume elsewhere. Called on the loop."""
        self._closing = True
        for stream in self._streams:
            stream.end()

    def close(self) -> None:
        """Give up the threads, once no stream is left."""
        self.readers.shutdown(wait=False, cancel_futures=True)

    async def _subscribe(self, request: events_pb2.SubscribeRequest, call: grpc.aio.ServicerContext) -> None:
        await self.stream(request, call)

    async def stream(
        self, request: events_pb2.SubscribeRequest, call: grpc.aio.ServicerContext, holds: Holds = _anything
    ) -> None:
        """Serve a subscriber for as long as he listens; `holds` says of events, by their data, which he is told of."""
        stream: _Stream | None = None
        try:
            if len(self._streams) >= self._most or self._closing:
                raise Busy("As many subscribers as may be at once are here, or the server is stopping; try again.")
            stream = _Stream(self, request, call, holds)
            self._streams.add(stream)
            await stream.run()
        except grpc.aio.InternalError:
            raise asyncio.CancelledError from None  # a message could not be sent: nobody is there
        except Exception as error:  # noqa: BLE001 the edge's last resort, see `failure`
            await abort(call, failure(error))
        finally:
            if stream:
                stream.leave()
                self._streams.discard(stream)


class _Stream:
    """One subscriber. `_at` is through which number of each service everything was sent or is queued."""

    def __init__(
        self, events: Events, request: events_pb2.SubscribeRequest, call: grpc.aio.ServicerContext, holds: Holds
    ) -> None:
        self._events = events
        self._holds = holds
        self._call = call
        self._context: Context = Call(call).context
        self._wanted = _wanted(request)
        self._feeds = _feeds(events.feeds, request)
        _some_type({name: events.types[name] for name in self._feeds}, self._wanted.types)
        self._after = dict(request.after)
        self._every = _seconds(request)
        self._at: dict[str, int] = {}
        self._behind = set(self._feeds)
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._news = asyncio.Event()
        self._ended = False

    async def run(self) -> None:
        """Send until the client ends the call, or something here does."""
        for service, feed in self._feeds.items():
            kept = await self._ask(feed.log.kept)
            after = self._after.get(service)
            self._at[service] = kept[1] if after is None else resumed(service, after, kept)
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._ended:
            if loop.time() >= due:
                await self._beat()
                due = loop.time() + self._every
            if self._queue:
                await self._flush()
            elif self._behind:
                for service in sorted(self._behind):
                    await self._catch_up(self._feeds[service])
            else:
                self._news.clear()
                try:
                    async with asyncio.timeout_at(due):
                        await self._news.wait()
                except TimeoutError:
                    continue
        raise Busy("The server is stopping; subscribe again with your cursor.")

    def offer(self, service: str, through: int, news: Sequence[Told]) -> bool:
        fresh = [each for each in news if each.event.sequence > self._at[service]]
        parts = [each.part for each in fresh if self._takes(each.event) and self._holds(each.event)]
        size = sum(map(len, parts))
        if self._queue and self._queued + size > QUEUE_BYTES:
            return False
        self._at[service] = max(through, self._at[service])
        if parts:
            self._queue.extend(parts)
            self._queued += size
            self._news.set()
        return True

    def fall_behind(self, service: str) -> None:
        self._behind.add(service)
        self._news.set()

    def leave(self) -> None:
        """Be told of nothing more."""
        for feed in self._feeds.values():
            feed.leave(self)

    def end(self) -> None:
        self._ended = True
        self._news.set()

    async def _flush(self, beat: bytes = b"") -> None:
        """Send what is queued as one message, and a heartbeat in it if one is due."""
        message = b"".join(self._queue) + beat
        self._queue.clear()
        self._queued = 0
        await self._call.write(message)

    async def _catch_up(self, feed: Feed) -> None:
        """Read and send one stretch of the log; at its end, be live."""
        at = self._at[feed.service]
        stretch = await self._ask(partial(feed.log.read, at, self._takes, most_bytes=QUEUE_BYTES))
        if stretch.through == at and feed.join(self, at):
            self._behind.discard(feed.service)
            return
        if told := [event_part(event) for event in stretch.events if self._holds(event)]:
            await self._call.write(b"".join(told))
        self._at[feed.service] = stretch.through

    async def _beat(self) -> None:
        newest = {name: (await self._ask(self._feeds[name].log.kept))[1] for name in self._behind.copy()}
        newest = {name: newest.get(name, at) for name, at in self._at.items()}  # who is live has what there is
        beat = events_pb2.Heartbeat(cursor=self._at, high_water=newest)
        await self._flush(events_pb2.SubscribeResponse(heartbeat=beat).SerializeToString())

    def _takes(self, event: Event) -> bool:
        return self._wanted.takes(event) and may_see(event, self._context)

    async def _ask(self, question: Callable[[], T]) -> T:
        """What a log answers; while its database is away, the stream waits."""
        pause = _SHORTEST_PAUSE
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._events.readers, question)
            except Busy:
                if self._ended:
                    raise
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)


def _wanted(request: events_pb2.SubscribeRequest) -> Wanted:
    """The filter. Raises Malformed for what would never match: a type that FHIR does not have, a verb that no event
    has, what is no id."""
    known = resource_types()
    for type_name in request.types:
        if type_name not in known:
            raise Malformed(f"'{shown(type_name)}' is no R4 resource type.", code="value", expression="types")
    for verb in request.verbs:
        if verb not in VERBS:
            raise Malformed(f"A verb is one of {', '.join(VERBS)}.", code="value", expression="verbs")
    for name, ids in (("patients", request.patients), ("departments", request.departments)):
        if not all(map(is_id, ids)):
            kind = "a Patient" if name == "patients" else "an Organization"
            raise Malformed(f"{name} has ids of {kind}, without its type.", code="value", expression=name)
    return Wanted(
        frozenset(request.types),
        frozenset(f"Patient/{patient}" for patient in request.patients),
        frozenset(request.verbs),
        frozenset(request.departments),
    )


def _feeds(feeds: Mapping[str, Feed], request: events_pb2.SubscribeRequest) -> dict[str, Feed]:
    """The feeds that are asked for. Raises NotSupported for one that is not here, Malformed for a bad cursor."""
    for name in (*request.services, *request.after):
        if name not in feeds:
            raise NotSupported(f"The service '{shown(name)}' is not here; here are {', '.join(feeds)}.")
    chosen = {name: feeds[name] for name in request.services} or dict(feeds)
    if strays := sorted(set(request.after) - set(chosen)):
        raise Malformed(f"The cursor names {', '.join(strays)}, which is not asked for.", expression="after")
    if any(number < 0 for number in request.after.values()):
        raise Malformed("A cursor has the number of an event, or 0 for none.", code="value", expression="after")
    return chosen


def _some_type(owned: Mapping[str, Collection[str]], asked: Collection[str]) -> None:
    """Raise Malformed where none of the types asked for is one of the services'."""
    if asked and not any(name in types for types in owned.values() for name in asked):
        said = f"No type asked for is one of {', '.join(owned)}; ask for others, or of another service."
        raise Malformed(said, code="value", expression="types")


def _seconds(request: events_pb2.SubscribeRequest) -> int:
    if not 0 <= request.heartbeat_seconds <= _LONGEST_HEARTBEAT_SECONDS:
        most = _LONGEST_HEARTBEAT_SECONDS
        raise Malformed(f"Heartbeats come every 1 to {most} seconds.", code="value", expression="heartbeat_seconds")
    return request.heartbeat_seconds or _HEARTBEAT_SECONDS
