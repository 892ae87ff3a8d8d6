"""What slots are for, each combination once: a number in place of a text that a great many slots share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import sha256

from sqlalchemy import Connection

from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.tables import purposes
from carethread.adapters.sql.upsert import upsert

_KNOWN = "SELECT number, kinds FROM purposes"


def number(kinds: str) -> int:
    """The number of a text, the same everywhere, so that nobody has to look it up."""
    return int.from_bytes(sha256(kinds.encode()).digest()[:8], "big", signed=True)


def numbered(kinds: Collection[str]) -> dict[str, int]:
    """The numbers of the texts, in one order for all, so that two who enter them never wait for each other."""
    return {each: number(each) for each in sorted(kinds)}


def enter(connection: Connection, numbers: Mapping[str, int]) -> None:
    """Have the texts known from now on, each by its number; for SQLite."""
    values = [{"number": known, "kinds": each} for each, known in numbers.items()]
    connection.execute(upsert(connection, purposes).on_conflict_do_nothing(), values)


def known(connection: Connection) -> dict[int, str]:
    """All that slots are for."""
    if is_sqlite(connection):
        return dict(row._tuple() for row in connection.exec_driver_sql(_KNOWN))
    return dict(run(connection, _KNOWN, [], binary=True))
