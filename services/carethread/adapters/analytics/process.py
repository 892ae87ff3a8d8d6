"""Processes that run queries, each one at a time: begun when somebody asks, ended when they take too much.

An engine that is told to stop may not listen: one function of SQL can work for minutes, or take all memory. What cannot
be asked to end can be killed, and whoever asks next has another process.
"""

from __future__ import annotations

import os
import pickle
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from carethread.adapters.analytics.bounds import Bounds, Full, too_large, too_long
from carethread.adapters.analytics.talking import LENGTH, Opening, Query, packed, unpacked
from carethread.core.errors import Busy, FhirError, Invalid, TooCostly
from carethread.core.wanting import refuse_unwanted

_PROGRAM = "carethread.adapters.analytics.child"

MOST_BYTES = 256 * 1024 * 1024
"""That an answer may have."""

_GRACE_SECONDS = 2.0
"""That an engine has to stop by itself; then it is ended."""

_BEGIN_SECONDS = 30.0
"""That a process has to begin, which is no time of its first query."""

_READY = len(packed(True))
"""The size of what it says then."""

_RETRY_SECONDS = 5
"""After which a query that had no turn may be asked again."""

_ASKS_SECONDS = 1.0
"""After which it is asked anew whether an answer is wanted."""

_AT_ONCE = 1 << 20


class Ended(Exception):
    """The process is not there any more."""


class NotBegun(Exception):
    """The process takes too long to begin."""


class Larger(Exception):
    """The answer is larger than any may be."""


class Child:
    """One process. It is asked by one thread at a time."""

    def __init__(self, bounds: Bounds) -> None:
        # It has a session of its own: a signal to who runs this process is for that one, which may wait for an answer.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-m", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"TZ": "UTC"},
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        self._answers = select.poll()
        self._answers.register(self._process.stdout, select.POLLIN)  # type: ignore[arg-type]  # it is a pipe
        self.is_fresh = True
        """Whether nothing has been asked of it."""
        self._finalize = weakref.finalize(self, _end, self._process)
        self._hello = packed(bounds)

    @property
    def id(self) -> int:
        return self._process.pid

    def begin(self) -> float:
        """Wait until it takes queries; the seconds that this has taken. Raises Ended and NotBegun."""
        began = time.monotonic()
        if self._hello:
            try:
                _write(self._process.stdin, self._hello)
                self._read(_READY, began + _BEGIN_SECONDS)
            except TimeoutError:
                raise NotBegun from None
            except OSError:
                raise Ended from None
            self._hello = b""
        return time.monotonic() - began

    def ask(self, opening: Opening | None, query: Query) -> list[Any]:
        """All that the process says to a query: raises Ended where it is not there, TimeoutError where it takes too
        long, Unwanted where nobody wants it; then it is of no use any more, as where an error is raised that it
        tells."""
        found, left = [], MOST_BYTES
        try:
            _write(self._process.stdin, packed((opening, query)))
            self.is_fresh = False
            until = time.monotonic() + query.seconds + _GRACE_SECONDS
            while True:
                length = LENGTH.unpack(self._read(LENGTH.size, until))[0]
                left -= length
                if left < 0:
                    raise Larger
                message = unpacked(self._read(length, until))
                if isinstance(message, Exception):
                    raise message
                if message is None:
                    break
                found.append(message)
        except TimeoutError:
            raise
        except OSError:
            raise Ended from None
        return found

    def _read(self, size: int, until: float) -> bytes:
        pipe = self._process.stdout
        assert pipe is not None
        parts = bytearray()
        while len(parts) < size:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if not self._answers.poll(min(left, _ASKS_SECONDS) * 1000):
                refuse_unwanted()
                continue
            part = os.read(pipe.fileno(), min(size - len(parts), _AT_ONCE))
            if not part:
                raise Ended
            parts += part
        return bytes(parts)

    def ended(self) -> int:
        """With what status it has ended, whose pipe is closed; negative: by which signal."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_SECONDS)
        self._finalize()
        return int(self._process.returncode)

    def end(self) -> None:
        """Have it end now, whatever it does."""
        self._finalize()


def _write(pipe: Any, message: bytes) -> None:
    view = memoryview(message)
    while view:
        view = view[pipe.write(view) :]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


class Children:
    """As many processes as queries may run at the same time, each there only once it is needed."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._turns = threading.BoundedSemaphore(bounds.at_once)
        self._idle: list[Child] = []

    def ask(self, opening: Opening | None, query: Query) -> list[Any]:
        """What a process says to a query, for which there is the time that it has left when it is asked. Raises
        Invalid, TooCostly, Busy where there is no room, and Unwanted (`core.wanting`)."""
        until = time.monotonic() + query.seconds
        with self._turn(query.seconds):
            while True:
                child = self._taken()
                was_fresh, is_whole = child.is_fresh, False
                try:
                    until += child.begin()
                    left = until - time.monotonic()
                    if left <= 0:
                        raise too_long(self._bounds)
                    found = child.ask(opening, replace(query, seconds=left))
                    is_whole = True
                    return found
                except NotBegun:
                    raise Busy("Queries cannot be run now: their process does not begin.") from None
                except TimeoutError:
                    raise too_long(self._bounds) from None
                except pickle.UnpicklingError:
                    raise Invalid("The SQL finds values of a type that nothing reads here; cast them.") from None
                except Larger:
                    raise TooCostly(f"The SQL finds more than {MOST_BYTES >> 20} MB; let it count or limit.") from None
                except Full:  # what queries before have taken is not always given back
                    if was_fresh:
                        raise too_large(self._bounds) from None
                except Ended:
                    if was_fresh:
                        raise self._why(child.ended()) from None
                except (Busy, Invalid, TooCostly):
                    is_whole = True
                    raise
                finally:
                    if is_whole:
                        self._idle.append(child)
                    else:
                        child.end()

    def _taken(self) -> Child:
        try:
            return self._idle.pop()
        except IndexError:
            return Child(self._bounds)

    def _why(self, status: int) -> FhirError:
        """Why a query's own process has ended: by a signal where memory ran out, or the engine broke over the SQL."""
        if status < 0:
            return too_large(self._bounds)
        return Busy("Queries cannot be run now: their process ended by itself.")

    @contextmanager
    def _turn(self, seconds: float) -> Iterator[None]:
        if not self._turns.acquire(timeout=min(self._bounds.patience, seconds)):
            raise Busy("Other queries take all the room; try again.", retry_after=_RETRY_SECONDS)
        try:
            yield
        finally:
            self._turns.release()

    def close(self) -> None:
        """End them."""
        while self._idle:
            self._idle.pop().end()
