"""Waiting for a database to have something new, without asking it with queries.

SQLite: `PRAGMA data_version` changes when another connection has written (https://sqlite.org/pragma.html#pragma_data_version);
reading it costs microseconds, so it is looked at every few milliseconds, more seldom while nothing happens.
PostgreSQL: LISTEN, and a NOTIFY that each writing transaction sends along.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import Any

import psycopg
from sqlalchemy import Engine

from carethread.adapters.sql.engine import PATIENCE, is_sqlite

_SHORTEST, _LONGEST = 0.001, 0.05
"""Seconds between two looks at a SQLite file: busy, and after a second of silence."""


class Waker:
    """One per database; each thread that waits has a connection of its own."""

    def __init__(self, engine: Engine, channel: str) -> None:
        self._engine = engine
        self.channel = f"carethread_{channel}"
        self._local = threading.local()

    def wait(self, seconds: float) -> None:
        """Return when something was written since the last call, at the latest after `seconds`."""
        if is_sqlite(self._engine):
            self._wait_sqlite(seconds)
        else:
            self._wait_postgres(seconds)

    def _wait_sqlite(self, seconds: float) -> None:
        try:
            self._watch_file(seconds)
        except sqlite3.OperationalError:
            self._local.watch = None
            time.sleep(min(seconds, 1.0))

    def _watch_file(self, seconds: float) -> None:
        watch: sqlite3.Connection | None = getattr(self._local, "watch", None)
        if watch is None:
            watch = self._local.watch = sqlite3.connect(self._engine.url.database or "", isolation_level=None)
        seen: int = getattr(self._local, "seen", -1)
        end = time.monotonic() + seconds
        pause = _SHORTEST
        while True:
            now: int = watch.execute("PRAGMA data_version").fetchone()[0]
            left = end - time.monotonic()
            if now != seen or left <= 0:
                self._local.seen = now
                return
            time.sleep(min(pause, left))
            pause = min(pause * 1.1, _LONGEST)

    def _wait_postgres(self, seconds: float) -> None:
        try:
            watch: psycopg.Connection[Any] | None = getattr(self._local, "watch", None)
            if watch is None or watch.closed:
                url = self._engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
                watch = self._local.watch = psycopg.connect(url, autocommit=True, **PATIENCE)
                watch.execute(f'LISTEN "{self.channel}"')
                return  # what was written before the ear was open counts as new
            for _ in watch.notifies(timeout=seconds, stop_after=1):
                pass
        except psycopg.OperationalError:
            self._local.watch = None
            time.sleep(min(seconds, 1.0))
