"""A store made many times as large without a request: its resources of a type again, as those of another practice.

A copy is what another practice of the same size would have stored: the same times, codes and names with ids and
identifiers of its own, and all index rows. PostgreSQL only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
    ("index_token", "code"): "CASE WHEN param LIKE '%%.identifier' THEN code || %(suffix)s ELSE code END",
}
"""What a copy has in place of a column's value, besides its row."""

_SECONDARY = (
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = %s AND tablename = ANY(%s) AND indexname NOT IN "
    "(SELECT conname FROM pg_constraint WHERE connamespace = %s::regnamespace)"
)


def copy(url: str, schema: str, type_name: str, times: int) -> None:
    """Store every resource of the type so many times more, and let the planner know."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    tables = (resources, versions, *INDEX_TABLES.values())
    with psycopg.connect(address, autocommit=True) as connection:
        for setting in (f"search_path = {schema}", "synchronous_commit = off", "maintenance_work_mem = '512MB'"):
            connection.execute(f"SET {setting}")
        last = _one(connection, 'SELECT max("row") FROM resources')
        with _without_secondary_indexes(connection, schema, [table.name for table in tables]):
            for number in range(1, times + 1):
                with connection.transaction():
                    for table in tables:
                        names = [f'"{column.name}"' for column in table.c]
                        values = [_COPIED.get((table.name, column.name), f'"{column.name}"') for column in table.c]
                        values[names.index('"row"')] = '"row" + %(further)s'
                        connection.execute(
                            f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {', '.join(values)} "
                            f'FROM {table.name} WHERE "row" IN (SELECT "row" FROM resources WHERE type = %(type)s '
                            'AND "row" <= %(last)s) ORDER BY "row"',
                            {"further": last * number, "suffix": f"-{number}", "last": last, "type": type_name},
                        )
        connection.execute("SELECT setval('resources_row_seq', (SELECT max(\"row\") FROM resources))")
        connection.execute("VACUUM (ANALYZE, PARALLEL 0)")


@contextmanager
def _without_secondary_indexes(connection: psycopg.Connection, schema: str, tables: list[str]) -> Iterator[None]:
    """To make them anew at the end takes a small part of the time that filling them row by row does."""
    found = connection.execute(_SECONDARY, (schema, tables, schema)).fetchall()
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}")
    yield
    for _, definition in found:
        connection.execute(definition)


def _one(connection: psycopg.Connection, statement: str) -> int:
    ((number,),) = connection.execute(statement).fetchall()
    return int(number)
