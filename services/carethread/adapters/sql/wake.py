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

    def wait(self, seconds: float) -> None:
        """Return when something was written since the last call, at the latest after `seconds`."""
        if is_sqlite(self._engine):
            self._wait_sqlite(seconds)
        else:
            self._wait_postgres(seconds)

    def _wait_sqlite(self, seconds: float) -> None:
        if self._changes is None:
            self._changes = changes_of(self._engine.url.database or "")
        self._local.seen = self._changes.after(getattr(self._local, "seen", -1), seconds)

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
