"""A statement of PostgreSQL given to the driver as it is, with its places as `$1`.

The driver looks through a statement for `%s` each time when it is longer than 4 kB or has more than 50 values, which
takes longer than all else that it does (0.4 ms); `$1` it hands on (psycopg's raw cursors).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

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
        lost = driver.closed or driver.broken
        if lost:
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement,
            None,
            error,
            psycopg.Error,
            hide_parameters=True,
            connection_invalidated=lost,
            dialect=connection.dialect,
        ) from error
