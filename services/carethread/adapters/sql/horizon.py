"""Up to when the past is settled: what a transaction that is still open may yet add to it.

A version has the time at which its transaction looked at the clock, which is before it commits. Who reads on from what
he has read must not be shown anything younger than the oldest open write transaction, or he would pass over what that
one adds. On PostgreSQL each write transaction therefore says since when it is open, by a shared advisory lock whose
key is that time: it is there while the transaction lasts, nobody waits for it, and it comes in the message that begins
the transaction. SQLite has one writer: whoever gets the write lock knows that there is no other.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

from sqlalchemy import Connection, Engine, text

from carethread.adapters.sql.direct import tell
from carethread.adapters.sql.engine import is_sqlite, reading, writing

_MILLISECONDS = "EXTRACT(EPOCH FROM clock_timestamp()) * 1000"

_TAG_BITS, _TIME_BITS = 15, 48
"""The key of a lock is one positive bigint: the service's tag, then milliseconds since 1970."""

_OLDEST = text(
    f"SELECT coalesce(max(ceil({_MILLISECONDS}) - (((classid::bigint & 65535) << 32) | objid::bigint)), 0)::bigint "
    "FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> 16 = :tag "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def begin(connection: Connection, service: str) -> None:
    """Begin a write transaction of PostgreSQL that `oldest` sees. Raises Closed."""
    tell(connection, _beginning(service))


def oldest(engine: Engine, service: str) -> int:
    """For how many microseconds the service's oldest write transaction has been open; 0 when none is. Raises Busy."""
    if is_sqlite(engine):
        with writing(engine):
            return 0
    with reading(engine) as connection:
        milliseconds: int = connection.execute(_OLDEST, {"tag": _tag(service)}).scalar_one()
    return milliseconds * 1000


@lru_cache
def _tag(service: str) -> int:
    """Which service a lock is of, never 0; where two have one tag, each also waits for the other's transactions."""
    return zlib.crc32(service.encode()) % ((1 << _TAG_BITS) - 1) + 1


@lru_cache
def _beginning(service: str) -> str:
    key = f"{_tag(service) << _TIME_BITS} + floor({_MILLISECONDS})::bigint"
    return f"BEGIN; SELECT pg_advisory_xact_lock_shared({key})"
