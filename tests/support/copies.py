"""A store made many times as large without a request: its Appointments again, as those of other patients elsewhere.

A copy is what another practice of the same size would have stored: the same times and codes with patients and
practitioners of its own, and all index rows. PostgreSQL only.
"""

from __future__ import annotations

import psycopg
from sqlalchemy import make_url

from carethread.adapters.sql.tables import INDEX_TABLES, resources, versions

_ID = "[0-9a-f-]{36}"
_NAMED = f'(Patient/|Practitioner/|"id":")({_ID})'
_COPIED = {
    ("resources", "id"): "id || %(suffix)s",
    ("resources", "key"): "key || %(suffix)s",
    ("versions", "body"): f"convert_to(regexp_replace(convert_from(body, 'UTF8'), '{_NAMED}', "
    "'\\1\\2' || %(suffix)s, 'g'), 'UTF8')",
    ("index_reference", "target_id"): "target_id || %(suffix)s",
}
"""What a copy has in place of a column's value, besides its row."""


def copy_appointments(url: str, schema: str, times: int) -> None:
    """Store every Appointment of a service so many times more, and let the planner know."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"SET search_path = {schema}")
        connection.execute("SET synchronous_commit = off")
        last = _one(connection, 'SELECT max("row") FROM resources')
        for number in range(1, times + 1):
            with connection.transaction():
                for table in (resources, versions, *INDEX_TABLES.values()):
                    names = [f'"{column.name}"' for column in table.c]
                    values = [_COPIED.get((table.name, column.name), f'"{column.name}"') for column in table.c]
                    values[names.index('"row"')] = '"row" + %(further)s'
                    connection.execute(
                        f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {', '.join(values)} FROM {table.name} "
                        'WHERE "row" IN (SELECT "row" FROM resources WHERE type = \'Appointment\' '
                        'AND "row" <= %(last)s) ORDER BY "row"',
                        {"further": last * number, "suffix": f"-{number}", "last": last},
                    )
        connection.execute("SELECT setval('resources_row_seq', (SELECT max(\"row\") FROM resources))")
        connection.execute("VACUUM (ANALYZE, PARALLEL 0)")


def _one(connection: psycopg.Connection, statement: str) -> int:
    ((number,),) = connection.execute(statement).fetchall()
    return int(number)
