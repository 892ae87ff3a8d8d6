"""Waiting for a database to have something new, without asking it with queries.

SQLite: the changes of its file, see `changes`.
PostgreSQL: LISTEN, and a NOTIFY that each writing transaction sends along.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, func, select

from carethread.adapters.sql.changes import Changes, changes_of
from carethread.adapters.sql.engine import PATIENCE, is_sqlite


def wake(connection: Connection, channel: str) -> None:
    """Let those who wait know of this transaction, once it is committed; SQLite's file tells them by itself."""
    if not is_sqlite(connection):
        connection.execute(select(func.pg_notify(channel, "")))


class Waker:
    """One per database; on PostgreSQL each thread that waits has a connection of its own."""

    def __init__(self, engine: Engine, channel: str) -> None:
        self._engine = engine
        self.channel = f"carethread_{channel}"
        self._local = threading.local()
        self._changes: Changes | None = None

    def wait(self, seconds: float) -> bool:
        """Return when something was written since the last call, at the latest after `seconds`; whether it may have
        been."""
        return self._wait_sqlite(seconds) if is_sqlite(self._engine) else self._wait_postgres(seconds)

    def written(self) -> bool:
        """Whether something was written since this thread asked last; True where to know costs as much as to look."""
        if not is_sqlite(self._engine):
            return True
        before: int = getattr(self._local, "written", -1)
        self._local.written = self._changes_here().after(-1, 0.0)
        return bool(self._local.written != before)

    def _changes_here(self) -> Changes:
        if self._changes is None:
            self._changes = changes_of(self._engine.url.database or "")
        return self._changes

    def _wait_sqlite(self, seconds: float) -> bool:
        before: int = getattr(self._local, "seen", -1)
        self._local.seen = self._changes_here().after(before, seconds)
        return bool(self._local.seen != before)

    def _wait_postgres(self, seconds: float) -> bool:
        try:
            watch: psycopg.Connection[Any] | None = getattr(self._local, "watch", None)
            if watch is None or watch.closed:
                url = self._engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
                watch = self._local.watch = psycopg.connect(url, autocommit=True, **PATIENCE)
                watch.execute(f'LISTEN "{self.channel}"')
                return True  # what was written before the ear was open counts as new
            return any(True for _ in watch.notifies(timeout=seconds, stop_after=1))
        except psycopg.OperationalError:
            self._local.watch = None
            time.sleep(min(seconds, 1.0))
            return True
