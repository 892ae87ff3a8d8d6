"""The changes of SQLite files, counted for whoever waits for one: no thread of a process looks at a file by itself.

`PRAGMA data_version` changes when another connection has written (https://sqlite.org/pragma.html#pragma_data_version);
reading it costs microseconds. One thread reads it of all files that somebody waits for: after a change every few
milliseconds, more seldom while nothing happens.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from math import inf
from pathlib import Path
from threading import Condition, Lock, Thread
from threading import Event as Signal
from weakref import WeakValueDictionary

_SHORTEST, _LONGEST = 0.001, 0.05
"""Seconds between two looks at a file."""

_SLOWER, _CLOSER = 1.1, 4.0
"""The pause grows so with each look, and shrinks so with each change: one write alone, such as a lease that is renewed
in silence, is not followed by as many looks as the writes of a busy hour."""


class Changes:
    """The changes of one file."""

    def __init__(self, path: str) -> None:
        self._uri = f"{Path(path).absolute().as_uri()}?mode=rw"
        self._connection: sqlite3.Connection | None = None
        self._looking: sqlite3.Cursor
        self._version: int | None = None
        self._count = 0
        self._pause = _LONGEST
        self._changed = Condition()
        self._waiting = 0
        self.due = 0.0
        """When it is looked at next, while somebody waits."""
        self.soon = 0.0
        """From when on it is looked at where others are: what costs is to wake up, not to look."""

    @property
    def waited_for(self) -> bool:
        return self._waiting > 0

    def after(self, seen: int, seconds: float) -> int:
        """How many changes there were: at once when they are not as many as `seen`, else with the next one, at the
        latest after `seconds`. A file that is away does not change; that it came back is a change."""
        with self._changed:
            self._look()
            if self._count == seen and seconds > 0:
                self._waiting += 1
                try:
                    _watch.sooner(self.due)
                    self._changed.wait_for(lambda: self._count != seen, seconds)
                finally:
                    self._waiting -= 1
            return self._count

    def quietly(self, statement: str, values: Mapping[str, object]) -> bool:
        """Write what is news to nobody in this process: whether a row was changed; False when others are writing.

        A commit does not change the data version of its own connection, only that of others.
        """
        with self._changed:
            self._look()
            if self._connection is None:
                return False
            try:
                return self._connection.execute(statement, values).rowcount > 0
            except sqlite3.OperationalError:
                return False

    def look(self) -> None:
        """Look, since it is due."""
        with self._changed:
            self._pause = min(self._pause * _SLOWER, _LONGEST)
            self._look()
            self._put_off()

    def _look(self) -> None:
        try:
            version = self._read()
        except sqlite3.Error:
            self._connection, self._version = None, None
            return
        if version != self._version:
            self._version = version
            self._count += 1
            self._pause = max(self._pause / _CLOSER, _SHORTEST)
            self._put_off()
            self._changed.notify_all()

    def _put_off(self) -> None:
        now = time.monotonic()
        self.soon, self.due = now + self._pause / 2, now + self._pause

    def _read(self) -> int:
        if self._connection is None:
            self._connection = sqlite3.connect(
                self._uri, uri=True, isolation_level=None, check_same_thread=False, timeout=0
            )
            self._connection.execute("PRAGMA synchronous=NORMAL")  # what is written quietly need not outlive the power
            self._looking = self._connection.cursor()
        version: int = self._looking.execute("PRAGMA data_version").fetchone()[0]
        return version


class _Watch:
    """The thread that looks; it begins with the first who waits, in the process that he is in."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._files: WeakValueDictionary[str, Changes] = WeakValueDictionary()
        self._began = False
        self._called = Signal()
        self._until = inf

    def of(self, path: str) -> Changes:
        with self._lock:
            found = self._files.get(path)
            if found is None:
                found = self._files[path] = Changes(path)
            return found

    def sooner(self, due: float) -> None:
        """Somebody waits for a file that is due then."""
        with self._lock:
            if not self._began:
                self._began = True
                Thread(target=self._run, name="changes", daemon=True).start()
        if due < self._until:
            self._called.set()

    def _run(self) -> None:
        while True:
            self._called.clear()
            self._until = inf  # whoever comes from here on calls
            self._until = until = self._look()
            self._called.wait(None if until == inf else max(0.0, until - time.monotonic()))

    def _look(self) -> float:
        """Look at what is due; returns when something is due again."""
        with self._lock:
            files = [each for each in self._files.values() if each.waited_for]
        now = time.monotonic()
        for each in files:
            if each.soon <= now:
                each.look()
        return min((each.due for each in files), default=inf)


_watch = _Watch()


def changes_of(path: str) -> Changes:
    """The changes of a file, the same for all who ask for as long as one of them keeps them."""
    return _watch.of(path)
