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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, create_engine, event, literal_column
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from carethread.adapters.sql.direct import tell
from carethread.core.errors import Busy

log = logging.getLogger(__name__)

READ_SECONDS = 30.0
"""How long one view of a SQLite database may be read for an answer."""

_STEPS_BETWEEN_LOOKS = 100_000
"""Instructions of SQLite's machine, some milliseconds."""

BUSY_SECONDS = 15.0
"""How long a writer waits for SQLite's write lock, or for a pooled connection."""


_IDLE_SECONDS = 60
"""How long a transaction on PostgreSQL may be open while its client says nothing: one that is gone holds its locks."""

PATIENCE: Mapping[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""When libpq takes a silent PostgreSQL for gone (https://www.postgresql.org/docs/current/libpq-connect.html): seconds,
the last in milliseconds. By itself it waits for hours."""


class Closed(Busy):
    """The connection was closed before anything was kept: a new one may do what was asked."""


class Overran(Busy):
    """A statement was ended because it took too long."""


_CANCELED = "57014"
"""PostgreSQL's query_canceled, which is what its statement_timeout ends a statement with."""

CONFLICT_STATES = frozenset({"40001", "40P01"})
"""PostgreSQL's serialization_failure and deadlock_detected: the database is there, and the same work may succeed."""

_AWAY_CLASSES = frozenset({"08", "53", "55", "57", "58"})
"""The classes of PostgreSQL's states that tell of the server: connection, resources, locks, shutdown, its system
(https://www.postgresql.org/docs/current/errcodes-appendix.html). All others tell of what it was asked."""

_NO_SCHEMA = frozenset({"3F000", "42P01", "42703"})
"""PostgreSQL's invalid_schema_name, undefined_table, undefined_column."""

_NO_DATABASE = frozenset({"SQLITE_NOTADB", "SQLITE_CORRUPT"})

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
    limits = f"-cstatement_timeout=30s -cidle_in_transaction_session_timeout={_IDLE_SECONDS}s"
    options = f"-csearch_path={schema} {limits}" if schema else limits
    return create_engine(
        url,
        hide_parameters=True,  # they hold what patients said; an error in the log names the statement only
        pool_size=pool,
        max_overflow=pool,
        pool_timeout=busy_seconds,
        isolation_level="AUTOCOMMIT",  # a statement that stands alone is sent alone; `reading` and `writing` begin
        connect_args={"options": options, "application_name": f"carethread-{schema}", **PATIENCE},
    )


def _tune_sqlite(connection: Any, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def is_sqlite(bind: Engine | Connection) -> bool:
    """Whether this is SQLite; the few statements that differ ask here."""
    return bind.dialect.name == "sqlite"


def _begin(connection: Connection) -> None:
    tell(connection, "BEGIN")


def _commit(connection: Connection) -> None:
    if is_sqlite(connection):
        connection.commit()
    else:
        tell(connection, "COMMIT")


@contextmanager
def writing(engine: Engine, begin: Callable[[Connection], None] = _begin) -> Iterator[Connection]:
    """A connection inside a write transaction: committed at the end of the block, rolled back when it raises.

    `begin` is how PostgreSQL is told of it. Raises Busy when the database is away or its lock is not to be had in time.
    """
    with _away_is_busy(), engine.connect() as connection, _begun(connection, begin):
        yield connection
        try:
            _commit(connection)
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
        begin(connection)
        with _ended_as_told(connection):
            yield


@contextmanager
def _ended_as_told(connection: Connection) -> Iterator[None]:
    """Roll back past PostgreSQL's driver when the block raises: at a rollback of its own it drops all it prepared."""
    try:
        yield
    except BaseException:
        if not connection.invalidated:
            with suppress(DBAPIError):
                tell(connection, "ROLLBACK")
        raise


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Inside a transaction: what the block has done is undone when it raises, and the transaction goes on."""
    if is_sqlite(connection):
        with connection.begin_nested():
            yield
        return
    tell(connection, "SAVEPOINT here")
    try:
        yield
    except BaseException:
        if not connection.invalidated:
            tell(connection, "ROLLBACK TO here; RELEASE here")
        raise
    tell(connection, "RELEASE here")


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
        try:
            driver: Any = connection.connection.dbapi_connection
            driver.rollback()  # what was not committed; the next in turn would wait for it
            driver.execute(f"PRAGMA busy_timeout={round(seconds * 1000)}").close()
        finally:
            turn.release()


@contextmanager
def reading(engine: Engine, *, seconds: float | None = READ_SECONDS) -> Iterator[Connection]:
    """A connection on one consistent view of the database; nothing is written.

    Raises Busy when the database is away, on SQLite Overran after `seconds`; PostgreSQL bounds each statement itself.
    Without `seconds` the view may be held for as long as its reader takes between two statements.
    """
    with _away_is_busy(), engine.connect() as connection:
        if not is_sqlite(engine):
            tell(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if seconds is None:
                tell(connection, "SET LOCAL idle_in_transaction_session_timeout = 0")
            with _ended_as_told(connection):
                yield connection
                tell(connection, "COMMIT")
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
        if _was_ended(error):
            raise Overran("The database took longer for this than is allowed; try again.") from error
        if error.connection_invalidated:
            raise Closed("The database closed the connection.") from error
        if _is_wrong_statement(error):
            raise
        log.warning("database_away", extra={"reason": _reason(error)})
        raise _noted(Busy("The database is away or locked."), error) from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorname", None) in _NO_DATABASE:
            raise _noted(Busy("The file is no SQLite database, or it is damaged."), error) from error
        if getattr(error.orig, "sqlstate", None) in _NO_SCHEMA:
            raise Busy("The database has not this version's schema; run `carethread migrate`.") from error
        if error.connection_invalidated:
            raise Closed("The database closed the connection.") from error
        raise


def _noted(away: Busy, error: DBAPIError) -> Busy:
    """With the reason as a note, which is for those who operate the database and not for clients."""
    away.add_note(_reason(error))
    return away


def _was_ended(error: DBAPIError) -> bool:
    """Whether the statement ran out of the time that is allowed."""
    ended_by_sqlite = getattr(error.orig, "sqlite_errorname", None) == "SQLITE_INTERRUPT"
    return ended_by_sqlite or getattr(error.orig, "sqlstate", None) == _CANCELED


def _is_wrong_statement(error: DBAPIError) -> bool:
    """Whether the database is there and refuses the statement itself, such as for a table that is missing or a value
    that no index takes, or because of a conflict; waiting mends nothing."""
    state = getattr(error.orig, "sqlstate", None)
    refused_by_sqlite = getattr(error.orig, "sqlite_errorname", None) == "SQLITE_ERROR"
    return refused_by_sqlite or (state is not None and state[:2] not in _AWAY_CLASSES)


def _reason(error: DBAPIError) -> str:
    return str(error.orig).splitlines()[0].strip().rstrip(".")[:200] if error.orig else "no answer"


NOW_MICROS: dict[str, ColumnElement[int]] = {
    "sqlite": literal_column("CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"),
    "postgresql": literal_column("CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"),
}
"""The database's own clock in microseconds, by dialect: leases must not depend on a process's clock."""


def micros(seconds: float) -> int:
    """A duration as that clock counts."""
    return round(seconds * 1_000_000)
