"""Calls on worker threads: the server's loop waits for work that blocks, and tells the work when its call is over.

A call that is cancelled, or whose deadline passes, before a worker is free is not begun. Work that has begun learns of
it where it asks; a write asks last before it commits, so that what the caller was told has failed is not written later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import BoundedSemaphore
from threading import Event as Signal
from typing import Any, TypeVar, cast

import grpc
import structlog

from carethread.adapters.rpc.errors import abort
from carethread.core.context import Context, context_of
from carethread.core.errors import Busy, FhirError
from carethread.core.faults import told
from carethread.core.ports import Session, Store
from carethread.core.service import Runtime

T = TypeVar("T")

CALLS_PER_WORKER = 32
"""How many calls may wait or run per worker thread; more are refused at once instead of waiting past their deadline."""

_log = structlog.get_logger(__name__)


class Call:
    """What the work of a call knows of it; `context` has its trace and mark of history."""

    def __init__(self, call: grpc.aio.ServicerContext) -> None:
        remaining = call.time_remaining()
        self._deadline = None if remaining is None else time.monotonic() + remaining
        self.metadata: Mapping[str, str] = {name: str(value) for name, value in call.invocation_metadata() or ()}
        self.over = Signal()

    @property
    def context(self) -> Context:
        return context_of(self.metadata)

    def check(self) -> None:
        """Raise Busy when nobody waits for the answer any more."""
        if self.over.is_set() or (self._deadline is not None and time.monotonic() > self._deadline):
            raise Busy("The call was cancelled or its deadline is over; nothing was written.")


class Workers:
    """The threads that calls are worked on. Streams get half of them, and a longest time each."""

    def __init__(self, threads: int, stream_seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="rpc")
        self._most = threads * CALLS_PER_WORKER
        self._waiting = 0
        self._streams = BoundedSemaphore(max(1, threads // 2))
        self._stream_seconds = stream_seconds

    async def answer(self, call: grpc.aio.ServicerContext, work: Callable[[Call], T]) -> T:
        """What the work answers; what goes wrong in it ends the call with its status."""
        if self._waiting >= self._most:  # without an OperationOutcome: nobody is to repeat it at once
            await call.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Too many calls wait already; try again later.")
        known = Call(call)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, _unless_over, known, work)
        except grpc.aio.InternalError:
            raise asyncio.CancelledError from None  # a message could not be sent: nobody is there
        except Exception as error:  # noqa: BLE001 the edge's last resort, see `failure`
            failed = failure(error)
        finally:
            self._waiting -= 1
            known.over.set()
        return await abort(call, failed)

    async def stream(self, call: grpc.aio.ServicerContext, work: Callable[[Call], Iterator[Any]]) -> None:
        """Write what the work yields, as the client takes it, up to the longest time."""
        loop = asyncio.get_running_loop()
        end = time.monotonic() + self._stream_seconds

        def drain(known: Call) -> None:
            if not self._streams.acquire(blocking=False):
                raise Busy("As many streams as may run at once are running; try again.")
            try:
                for message in work(known):
                    known.check()
                    written = asyncio.run_coroutine_threadsafe(call.write(message), loop)
                    try:
                        written.result(max(0.0, end - time.monotonic()))
                    except TimeoutError:
                        written.cancel()
                        raise Busy("A stream has its longest time; begin another.") from None
            finally:
                self._streams.release()

        await self.answer(call, drain)

    def close(self) -> None:
        """Begin nothing more; what runs may end."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _unless_over(known: Call, work: Callable[[Call], T]) -> T:
    known.check()
    return work(known)


def failure(error: Exception) -> FhirError:
    """What a client is told of an error. Of a fault of ours only that there was one: its text may quote a resource."""
    if isinstance(error, FhirError):
        return error
    _log.error("rpc.fault", **told(error))
    return FhirError("The server failed; its log says where.")


@dataclass(frozen=True, slots=True)
class _Timely:
    """A store that keeps nothing for a caller who has gone; see `timely`."""

    store: Store
    check: Callable[[], None]

    def transact(self, work: Callable[[Session], T]) -> T:
        def checked(session: Session) -> T:
            self.check()  # the lock may have taken long
            result = work(session)
            self.check()
            return result

        return self.store.transact(checked)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def timely(runtime: Runtime, check: Callable[[], None]) -> Runtime:
    """The runtime whose writes ask `check` when they have the lock and last before they commit: it may raise."""
    return replace(runtime, store=cast(Store, _Timely(runtime.store, check)))
