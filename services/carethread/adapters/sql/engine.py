"""Connections: how a transaction begins, and how the two databases are told to keep what they were given.

SQLite: WAL with synchronous=FULL, so that an answered write survives a power cut; a write transaction begins
IMMEDIATE, for writers that begin deferred starve (https://sqlite.org/lang_transaction.html). PostgreSQL: the
service's schema is the search path; READ COMMITTED with row locks for writing, REPEATABLE READ for a consistent view.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, create_engine, event, literal_column
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from carethread.core.errors import Busy, TooCostly

log = logging.getLogger(__name__)

READ_SECONDS = 30.0
"""How long one view of a SQLite database may be read for an answer."""

_STEPS_BETWEEN_LOOKS = 100_000
"""Instructions of SQLite's machine, some milliseconds."""

BUSY_SECONDS = 15.0
"""How long a writer waits for SQLite's write lock, or for a pooled connection."""


class Closed(Busy):
    """The connection was closed before anything was kept: a new one may do what was asked."""


CONFLICT_STATES = frozenset({"40001", "40P01"})
"""PostgreSQL's serialization_failure and deadlock_detected: the database is there, and the same work may succeed."""

_turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
"""By SQLite file: which of this process's threads may ask for the write lock."""

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "temp_store=MEMORY",
    "cache_size=-8000",
    "journal_size_limit=67108864",
)


def make_engine(url: str, schema: str = "", *, pool: int = 10, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """An engine for one service's database; no connection is made yet.

    `schema` is the PostgreSQL schema that the service's role owns; SQLite has a file for each service instead.
    `busy_seconds` is how long a lock or a pooled connection is waited for.
    """
    if url.startswith("sqlite"):
        engine = create_engine(
            url,
            hide_parameters=True,
            poolclass=QueuePool,
            pool_size=pool,
            max_overflow=pool,
            pool_timeout=busy_seconds,
            connect_args={"check_same_thread": False, "timeout": busy_seconds, "isolation_level": None},
            execution_options={"busy_seconds": busy_seconds},
        )
        event.listen(engine, "connect", _tune_sqlite)
        return engine
    options = f"-csearch_path={schema} -cstatement_timeout=30000" if schema else "-cstatement_timeout=30000"
    return create_engine(
        url,
        hide_parameters=True,  # they hold what patients said; an error in the log names the statement only
        pool_size=pool,
        max_overflow=pool,
        pool_timeout=busy_seconds,
        isolation_level="AUTOCOMMIT",  # a statement that stands alone is sent alone; `reading` and `writing` begin
        connect_args={"options": options, "connect_timeout": 5, "application_name": f"carethread-{schema}"},
    )


def _tune_sqlite(connection: Any, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def is_sqlite(bind: Engine | Connection) -> bool:
    """Whether this is SQLite; the few statements that differ ask here."""
    return bind.dialect.name == "sqlite"


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


@contextmanager
def writing(engine: Engine, begin: Callable[[Connection], None] = _begin) -> Iterator[Connection]:
    """A connection inside a write transaction: committed at the end of the block, rolled back when it raises.

    `begin` is how PostgreSQL is told of it. Raises Busy when the database is away or its lock is not to be had in time.
    """
    with _away_is_busy(), engine.connect() as connection, _begun(connection, begin):
        yield connection
        try:
            connection.commit()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise Busy("The database went away while it was keeping this; look, then try again.") from error
            raise


@contextmanager
def _begun(connection: Connection, begin: Callable[[Connection], None]) -> Iterator[None]:
    if is_sqlite(connection):
        with _sqlite_turn(connection):
            yield
    else:
        connection.begin()  # so that its commit commits, even what only the driver was given
        begin(connection)
        yield


@contextmanager
def _sqlite_turn(connection: Connection) -> Iterator[None]:
    """Begin a write transaction in turn: by a lock among this process's threads, by asking often among processes.

    SQLite's own waiting sleeps up to 100 ms between two looks at its lock: whoever waits long waits ever longer.
    """
    seconds: float = connection.get_execution_options()["busy_seconds"]
    deadline = time.monotonic() + seconds
    turn = _turns[connection.engine.url.database or ""]
    if not turn.acquire(timeout=seconds):
        raise Busy("Others kept writing to the database; try again.")
    try:
        connection.exec_driver_sql("PRAGMA busy_timeout=0")
        while True:
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                break
            except OperationalError as error:
                if time.monotonic() > deadline or getattr(error.orig, "sqlite_errorcode", 0) != sqlite3.SQLITE_BUSY:
                    raise
                time.sleep(random.uniform(0.0005, 0.002))
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={round(seconds * 1000)}")
        turn.release()


@contextmanager
def reading(engine: Engine, *, seconds: float | None = READ_SECONDS) -> Iterator[Connection]:
    """A connection on one consistent view of the database; nothing is written.

    Raises Busy when the database is away, on SQLite TooCostly after `seconds`; PostgreSQL bounds each statement itself.
    """
    with _away_is_busy(), engine.connect() as connection:
        if not is_sqlite(engine):
            connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection
            return
        with _ended_after(connection, seconds):
            connection.exec_driver_sql("BEGIN")
            yield connection


@contextmanager
def glancing(engine: Engine) -> Iterator[Connection]:
    """A connection on which each statement has a view of its own, for who needs one statement only. Raises Busy."""
    with _away_is_busy(), engine.connect() as connection, _ended_after(connection, READ_SECONDS):
        yield connection


@contextmanager
def _ended_after(connection: Connection, seconds: float | None) -> Iterator[None]:
    """Let SQLite interrupt a statement that runs beyond the time: it asks now and then whether it may go on."""
    if not is_sqlite(connection):
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    if seconds is not None:
        deadline = time.monotonic() + seconds
        driver.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


@contextmanager
def _away_is_busy() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise Busy("Every connection to the database is in use.") from error
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorname", None) == "SQLITE_INTERRUPT":
            raise TooCostly("This takes longer than is allowed; narrow the search.") from error
        if getattr(error.orig, "sqlstate", None) in CONFLICT_STATES or _is_wrong_statement(error):
            raise
        if error.connection_invalidated:
            raise Closed("The database closed the connection.") from error
        log.warning("database_away", extra={"reason": _reason(error)})
        raise Busy("The database is away or locked.") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Closed("The database closed the connection.") from error
        raise


def _is_wrong_statement(error: DBAPIError) -> bool:
    """Whether SQLite refuses the statement itself, such as for a table that is missing; waiting mends nothing."""
    return getattr(error.orig, "sqlite_errorname", None) == "SQLITE_ERROR"


def _reason(error: DBAPIError) -> str:
    return str(error.orig).splitlines()[0].strip().rstrip(".")[:200] if error.orig else "no answer"


NOW_MICROS: dict[str, ColumnElement[int]] = {
    "sqlite": literal_column("CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"),
    "postgresql": literal_column("CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"),
}
"""The database's own clock in microseconds, by dialect: leases must not depend on a process's clock."""
