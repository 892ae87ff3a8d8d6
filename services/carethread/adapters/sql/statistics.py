"""Statistics of tables that have grown and have none yet.

PostgreSQL looks for such tables once a minute (https://www.postgresql.org/docs/15/runtime-config-autovacuum.html).
Until then it knows nothing of what is in them, and looks up a resource by the index of its type: among all of that
type, so that what is stored in a new database in that minute costs more with each resource.
"""

from __future__ import annotations

from sqlalchemy import Engine

from carethread.adapters.sql.direct import run, tell
from carethread.adapters.sql.engine import glancing, is_sqlite

_GROWN_BYTES = 16 * 8192
"""Of a smaller table PostgreSQL would rather read all, and would go on so while it grows."""

_WITHOUT = (
    "SELECT format('%I', relname) FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
    f" AND relkind = 'r' AND reltuples < 0 AND pg_relation_size(oid) >= {_GROWN_BYTES} ORDER BY relname"
)


def gather_missing(engine: Engine) -> list[str]:
    """Have PostgreSQL look at the tables of a service that have grown and have no statistics; which these are. Raises
    Busy."""
    if is_sqlite(engine):
        return []
    with glancing(engine) as connection:
        found = [name for (name,) in run(connection, _WITHOUT, [])]
        for name in found:
            tell(connection, f"ANALYZE {name}")
    return found
