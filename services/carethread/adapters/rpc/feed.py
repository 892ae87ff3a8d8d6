"""One reader for each service's events, shared by the streams that keep up; who does not reads by himself.

A feed's thread reads the log behind the number that it has told of, makes each event into bytes once, and offers it to
the live streams on the server's loop. All that says who is where belongs to the loop, so that a stream which has read
up to the feed's number joins it without gap or overlap. A stream that cannot take what it is offered is dropped from
the feed: it holds no more than it has, and delays nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event as Signal
from threading import Thread
from typing import Protocol

import structlog

from carethread.adapters.rpc.messages import event_part
from carethread.core.errors import Busy
from carethread.core.events import Event
from carethread.core.faults import told
from carethread.core.ports.log import EventLog, NotKept

STRETCH_BYTES = 256 * 1024
"""What a feed reads at a time."""

_WAIT_SECONDS = 0.5
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """An event, and its part of a message."""

    event: Event
    part: bytes


class Listener(Protocol):
    """A live stream, as a feed sees it."""

    def offer(self, service: str, through: int, news: Sequence[Told]) -> bool:
        """Take what is news, which is complete through a number; False when that is too much for now."""
        ...

    def fall_behind(self, service: str) -> None:
        """Be told no more, and read on by itself."""
        ...


class Feed:
    """The events of one service as they get their numbers. Its methods are called on the loop."""

    def __init__(self, service: str, log: EventLog) -> None:
        self.service = service
        self.log = log
        self._at = 0
        self._live: set[Listener] = set()
        self._stop = Signal()

    def join(self, listener: Listener, at: int) -> bool:
        """Let a stream that has everything through `at` be told from there on; False when it has to read on first."""
        if not self._live:
            self._at = at
            self._stop = Signal()
            loop = asyncio.get_running_loop()
            Thread(target=self._run, args=(at, self._stop, loop), name=f"feed-{self.service}", daemon=True).start()
        if at < self._at:
            return False
        self._live.add(listener)
        return True

    def leave(self, listener: Listener) -> None:
        """Tell a stream no more; the last one that leaves ends the reading."""
        self._live.discard(listener)
        if not self._live:
            self._stop.set()

    def _run(self, at: int, stop: Signal, loop: asyncio.AbstractEventLoop) -> None:
        """The feed's thread. It reads nothing more before the loop has taken what was read."""
        pause = _SHORTEST_PAUSE
        while not stop.is_set() and not loop.is_closed():
            try:
                stretch = self.log.read(at, most_bytes=STRETCH_BYTES)
                if stretch.through == at:
                    self.log.wait(_WAIT_SECONDS)
                    continue
                news = [Told(event, event_part(event)) for event in stretch.events]
                asyncio.run_coroutine_threadsafe(self._tell(stretch.through, news, stop), loop).result()
                at, pause = stretch.through, _SHORTEST_PAUSE
            except NotKept:
                asyncio.run_coroutine_threadsafe(self._give_up(stop), loop).result()
                return
            except Exception as error:  # noqa: BLE001  # whatever it was, streams that hear nothing more are worse
                _log.log(logging.WARNING if isinstance(error, Busy) else logging.ERROR, "rpc.feed_waits", **told(error))
                stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _tell(self, through: int, news: Sequence[Told], stop: Signal) -> None:
        if stop.is_set():
            return
        self._at = through
        for listener in list(self._live):
            if not listener.offer(self.service, through, news):
                self._drop(listener)

    async def _give_up(self, stop: Signal) -> None:
        """What comes next is not kept: let each stream find that out for itself."""
        for listener in list(self._live) if not stop.is_set() else ():
            self._drop(listener)

    def _drop(self, listener: Listener) -> None:
        self.leave(listener)
        listener.fall_behind(self.service)
