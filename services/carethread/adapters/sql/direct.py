"""A statement of PostgreSQL given to the driver as it is, with its places as `$1`, or to libpq without any.

The driver looks through a statement for `%s` each time when it is longer than 4 kB or has more than 50 values, which
takes longer than all else that it does (0.4 ms); `$1` it hands on (psycopg's raw cursors).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

_DONE = frozenset({psycopg.pq.ExecStatus.COMMAND_OK, psycopg.pq.ExecStatus.TUPLES_OK})

_GENERIC, _AUTO = "SET plan_cache_mode = force_generic_plan", "SET plan_cache_mode = auto"


def run(
    connection: Connection,
    statement: str,
    values: Sequence[object],
    *,
    binary: bool = False,
    prepare: bool | None = None,
    once_for_all: bool = False,
) -> list[tuple[Any, ...]]:
    """Execute one statement and fetch what it returns; its errors are SQLAlchemy's, as for every other statement.

    `binary` has bodies come as they are, not as hexadecimal digits. `prepare` False has the statement planned for these
    very values; None leaves that to PostgreSQL once it has been sent some times. `once_for_all` has it planned for any
    values: where the plan is known to be the same, planning anew costs more than the rest.
    """
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    cursor = psycopg.RawCursor(driver)
    try:
        if not once_for_all:
            return cursor.execute(statement, values, binary=binary, prepare=prepare).fetchall()
        with driver.pipeline():  # one message there and back
            driver.execute(_GENERIC)
            cursor.execute(statement, values, binary=binary, prepare=True)
            driver.execute(_AUTO)
        return cursor.fetchall()
    except psycopg.Error as error:
        raise _told(connection, statement, error) from error


def tell(connection: Connection, statements: str) -> None:
    """Have statements done that have no values and no result that anybody wants, such as COMMIT.

    libpq waits for them by itself (https://www.postgresql.org/docs/15/libpq-exec.html#LIBPQ-PQEXEC), which takes a
    quarter of the driver's way (BEGIN and COMMIT: 18 instead of 81 microseconds of CPU, 230 by SQLAlchemy).
    """
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    try:
        result = driver.pgconn.exec_(statements.encode())
        if result.status not in _DONE:
            raise psycopg.errors.error_from_result(result)
    except psycopg.Error as error:
        raise _told(connection, statements, error) from error


def _told(connection: Connection, statement: str, error: psycopg.Error) -> Exception:
    """The driver's error as SQLAlchemy's; a connection that was lost with it is not used again."""
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    lost = driver.closed or driver.broken
    if lost:
        connection.invalidate(error)
    return cast(
        "Exception",
        DBAPIError.instance(
            statement,
            None,
            error,
            psycopg.Error,
            hide_parameters=True,
            connection_invalidated=lost,
            dialect=connection.dialect,
        ),
    )
