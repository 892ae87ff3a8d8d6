"""What slots are for, each combination once: a number in place of a text that a great many slots share."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256

from sqlalchemy import Connection, select

from carethread.adapters.sql.arrays import numbers, texts
from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.tables import purposes
from carethread.adapters.sql.upsert import upsert

_ENTER = (
    "WITH entered AS (INSERT INTO purposes (number, kinds) SELECT * FROM unnest($1::bigint[], $2::text[]) "
    "ON CONFLICT DO NOTHING) SELECT 1"
)
_KNOWN = select(purposes.c.number, purposes.c.kinds)


def number(kinds: str) -> int:
    """The number of a text, the same everywhere, so that nobody has to look it up."""
    return int.from_bytes(sha256(kinds.encode()).digest()[:8], "big", signed=True)


def enter(connection: Connection, kinds: Collection[str]) -> dict[str, int]:
    """The numbers of the texts, which are known from now on; in one order for all, so that two never wait for each
    other."""
    found = {each: number(each) for each in sorted(kinds)}
    if not is_sqlite(connection):
        run(connection, _ENTER, [numbers(found.values()), texts(found)])
        return found
    values = [{"number": known, "kinds": each} for each, known in found.items()]
    connection.execute(upsert(connection, purposes).on_conflict_do_nothing(), values)
    return found


def known(connection: Connection) -> dict[int, str]:
    """All that slots are for."""
    return dict(row._tuple() for row in connection.execute(_KNOWN))
