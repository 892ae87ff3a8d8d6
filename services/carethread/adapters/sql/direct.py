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


def run(
    connection: Connection,
    statement: str,
    values: Sequence[object],
    *,
    binary: bool = False,
    prepare: bool | None = None,
) -> list[tuple[Any, ...]]:
    """Execute one statement and fetch what it returns; its errors are SQLAlchemy's, as for every other statement.

    `binary` has bodies come as they are, not as hexadecimal digits. `prepare` False has the statement planned for these
    very values; None leaves that to PostgreSQL once it has been sent some times.
    """
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    try:
        return psycopg.RawCursor(driver).execute(statement, values, binary=binary, prepare=prepare).fetchall()
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
