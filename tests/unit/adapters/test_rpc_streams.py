"""Streams of events without a wire: whoever reads how, each gets every event once, and little is held for him."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.adapters.rpc.events import QUEUE_BYTES, Events
from carethread.adapters.rpc.feed import STRETCH_BYTES
from carethread.core.errors import Busy
from carethread.core.events import Event
from carethread.core.ports.log import Stretch, resumed
from carethread.v1 import events_pb2

TOGETHER = 20
"""Events that the log gives at once."""


class Log:
    """A log in memory."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._news = threading.Condition()

    def append(self, count: int, size: int) -> None:
        with self._news:
            for number in range(len(self._events) + 1, len(self._events) + count + 1):
                key = f"Patient/p{number % 3}"
                event = Event(
                    f"e{number}", "records", "updated", "Patient", key[8:], number, 0, key, b"x" * size, number
                )
                self._events.append(event)
            self._news.notify_all()

    def kept(self) -> tuple[int, int]:
        return 1, len(self._events)

    def read(self, after: int, wanted: Callable[[Event], bool] | None = None, *, most_bytes: int) -> Stretch:
        resumed("records", after, self.kept())
        seen = self._events[after : after + TOGETHER]
        taken: list[Event] = []
        for event in seen:
            if wanted is None or wanted(event):
                if taken and sum(len(each.data) for each in taken) + len(event.data) > most_bytes:
                    return Stretch(taken[-1].sequence, taken)
                taken.append(event)
        return Stretch(after + len(seen), taken)

    def wait(self, seconds: float) -> None:
        with self._news:
            self._news.wait(min(seconds, 0.02))


class Call:
    """A client's end: it reads a message whenever it may."""

    def __init__(self) -> None:
        self.may_read = asyncio.Semaphore(0)
        self.numbers: list[int] = []
        self.beats: list[events_pb2.Heartbeat] = []
        self.largest = 0
        self.aborted = ""

    def time_remaining(self) -> None:
        return None

    def invocation_metadata(self) -> tuple[()]:
        return ()

    def set_trailing_metadata(self, metadata: Any) -> None:
        pass

    async def abort(self, code: Any, details: str) -> None:
        self.aborted = code.name
        raise ConnectionAbortedError(details)

    async def write(self, message: bytes) -> None:
        await self.may_read.acquire()
        self.largest = max(self.largest, len(message))
        answer = events_pb2.SubscribeResponse.FromString(message)
        self.numbers += [event.sequence for event in answer.events]
        if answer.HasField("heartbeat"):
            self.beats.append(answer.heartbeat)
            before = answer.heartbeat.cursor["records"]
            assert all(number <= before for number in self.numbers)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 60), st.sampled_from([10, 5_000, 50_000])),
        st.tuples(st.just("read"), st.integers(0, 3), st.integers(1, 6)),
        st.tuples(st.just("join"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("pause"), st.just(0), st.just(0)),
    ),
    min_size=3,
    max_size=20,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_each_stream_gets_each_event_once_whoever_reads_how(steps):
    asyncio.run(_follow(steps))


async def _follow(steps: list[tuple[str, int, int]]) -> None:
    log = Log()
    events = Events({"records": log}, most=100, types={"records": ["Patient"]})
    calls: list[tuple[Call, list[str], int]] = []
    tasks: list[asyncio.Task[None]] = []

    def join(patient: int) -> None:
        call, patients = Call(), [f"p{patient}"] if patient else []
        request = events_pb2.SubscribeRequest(after={"records": 0}, patients=patients, heartbeat_seconds=300)
        tasks.append(asyncio.create_task(events._subscribe(request, call)))
        calls.append((call, patients, patient))

    join(0)
    for what, first, second in steps:
        if what == "append":
            log.append(first, second)
        elif what == "join":
            join(first)
        elif what == "read":
            for _ in range(second):
                calls[first % len(calls)][0].may_read.release()
        await asyncio.sleep(0.03 if what == "pause" else 0)
        for stream in events._streams:
            assert stream._queued <= max(QUEUE_BYTES, STRETCH_BYTES + 60_000)
    everything = list(range(1, log.kept()[1] + 1))
    for call, patients, patient in calls:
        expected = [number for number in everything if not patients or number % 3 == patient]
        for _ in range(1000):
            call.may_read.release()
        async with asyncio.timeout(10):
            while call.numbers != expected:
                assert call.numbers == expected[: len(call.numbers)]
                await asyncio.sleep(0.005)
    events.end()
    await asyncio.gather(*tasks, return_exceptions=True)
    events.close()
    assert {call.aborted for call, _, _ in calls} == {"UNAVAILABLE"}
    assert max(call.largest for call, _, _ in calls) <= 2 * STRETCH_BYTES


def test_one_that_waits_is_told_without_reading_the_log_itself(monkeypatch):
    """Live streams share the feed's reading: the log is read once for all of them."""
    log = Log()
    asked: list[str] = []
    read = log.read

    def counted(after: int, wanted: Any = None, *, most_bytes: int) -> Stretch:
        asked.append(threading.current_thread().name)
        return read(after, wanted, most_bytes=most_bytes)

    monkeypatch.setattr(log, "read", counted)

    async def follow() -> None:
        events = Events({"records": log}, most=100, types={"records": ["Patient"]})
        calls = [Call() for _ in range(20)]
        tasks = [asyncio.create_task(events._subscribe(events_pb2.SubscribeRequest(), call)) for call in calls]
        for call in calls:
            for _ in range(100):
                call.may_read.release()
        async with asyncio.timeout(10):
            while len(events.feeds["records"]._live) < 20:
                await asyncio.sleep(0.005)
        asked.clear()
        log.append(5, 10)
        async with asyncio.timeout(10):
            while not all(call.numbers == [1, 2, 3, 4, 5] for call in calls):
                await asyncio.sleep(0.005)
        assert set(asked) == {"feed-records"}
        events.end()
        await asyncio.gather(*tasks, return_exceptions=True)
        events.close()

    asyncio.run(follow())


def test_a_feed_outlives_what_goes_wrong_in_reading(monkeypatch):
    log = Log()
    faults: list[Exception] = [Busy("The database is away."), ValueError("unforeseen")]
    read = log.read

    def faulty(after: int, wanted: Any = None, *, most_bytes: int) -> Stretch:
        if faults and threading.current_thread().name == "feed-records":
            raise faults.pop(0)
        return read(after, wanted, most_bytes=most_bytes)

    monkeypatch.setattr(log, "read", faulty)

    async def follow() -> None:
        events, call = Events({"records": log}, most=1, types={"records": ["Patient"]}), Call()
        task = asyncio.create_task(events._subscribe(events_pb2.SubscribeRequest(), call))
        for _ in range(20):
            call.may_read.release()
        async with asyncio.timeout(10):
            while faults:
                await asyncio.sleep(0.005)
            log.append(3, 10)
            while call.numbers != [1, 2, 3]:
                await asyncio.sleep(0.005)
        events.end()
        await asyncio.gather(task, return_exceptions=True)
        events.close()

    asyncio.run(follow())
