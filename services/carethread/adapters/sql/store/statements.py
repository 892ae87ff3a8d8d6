"""The store's statements, made once: SQLAlchemy finds what it has compiled by the statement itself, and making one anew
for each call costs more than running it (measured: 3.2 ms of CPU for a booking's twenty statements, 1.6 ms so).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import sqlite

from carethread.adapters.sql.arrays import array
from carethread.adapters.sql.tables import INDEX_TABLES, claims, outbox, resources, versions

STORED = (
    resources.c.type,
    resources.c.id,
    versions.c.version,
    versions.c.updated,
    versions.c.method,
    versions.c.body,
    resources.c.key,
    resources.c.department,
    resources.c.row,
)
"""The columns of a `Stored`, in its order but for `deleted`, which the method tells."""

IS_CURRENT = and_(versions.c.row == resources.c.row, versions.c.version == resources.c.version)

_NEWEST = select(*STORED).join(versions, IS_CURRENT)

CURRENT_OF = _NEWEST.where(resources.c.type == bindparam("type"), resources.c.id.in_(bindparam("ids", expanding=True)))
"""For SQLite, which for a list of pairs goes through every resource."""
CURRENT_ROWS = _NEWEST.where(resources.c.row.in_(bindparam("rows", expanding=True)))
CURRENT_ONE = _NEWEST.where(resources.c.type == bindparam("type"), resources.c.id == bindparam("id"))
CURRENT_ONE_TEXT = (
    f"SELECT {', '.join(map(str, STORED))} FROM resources "
    "JOIN versions ON versions.row = resources.row AND versions.version = resources.version "
    "WHERE resources.type = $1 AND resources.id = $2"
)
"""`CURRENT_ONE` as the driver takes it, for PostgreSQL: what is asked most."""
CURRENT_ROWS_TEXT = (
    f"SELECT {', '.join(map(str, STORED))} FROM resources "
    "JOIN versions ON versions.row = resources.row AND versions.version = resources.version "
    f"WHERE resources.row = ANY ({array(1, 'bigint')}::bigint[])"
)
CURRENT_TEXT = (
    f"SELECT {', '.join(map(str, STORED))} FROM unnest({array(1, 'text')}, {array(2, 'text')}) AS asked (type, id) "
    "JOIN resources ON resources.type = asked.type AND resources.id = asked.id "
    "JOIN versions ON versions.row = resources.row AND versions.version = resources.version"
)
"""`CURRENT_OF` all types for PostgreSQL: of a list of 500 pairs the planning alone takes 20 ms."""
LOCKED_TEXT = (
    f"SELECT locked.row, locked.held FROM unnest({array(1, 'text')}, {array(2, 'text')}) AS asked (type, id) "
    "CROSS JOIN LATERAL "
    "(SELECT r.row, r.held FROM resources r WHERE r.type = asked.type AND r.id = asked.id FOR UPDATE) AS locked"
)
"""One lookup for each key, in the order given: a list of pairs is compared with every resource while the table is
young, until PostgreSQL has counted its rows."""

UPDATE_RESOURCE = (
    update(resources)
    .where(resources.c.row == bindparam("_row"))
    .values({name: bindparam(f"_{name}") for name in ("version", "updated", "deleted", "department")})
)
INSERT_RESOURCE = insert(resources).returning(resources.c.type, resources.c.id, resources.c.row)
INSERT_EVENT = insert(outbox)

CLEAR_INDEX = {
    kind: delete(table).where(table.c.row.in_(bindparam("rows", expanding=True)))
    for kind, table in INDEX_TABLES.items()
}


_PLACE: dict[str, Any] = {name: bindparam(name) for name in ("kind", "key", "holder")}

CLAIM = sqlite.insert(claims).values(_PLACE).on_conflict_do_nothing().returning(claims.c.holder)
CLAIM_TEXT = "INSERT INTO claims (kind, key, holder) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING holder"
CLAIM_ALL = insert(claims)
CLAIM_ALL_TEXT = (
    "WITH made AS (INSERT INTO claims (kind, key, holder) "
    f"SELECT $1::text, given.* FROM unnest({array(2, 'text')}, {array(3, 'text')}) AS given) SELECT 1"
)
CLAIMED = select(claims.c.key, claims.c.holder).where(
    claims.c.kind == bindparam("kind"), claims.c.key.in_(bindparam("keys", expanding=True))
)
CLAIMED_TEXT = f"SELECT key, holder FROM claims WHERE kind = $1 AND key = ANY ({array(2, 'text')}::text[])"
PLACES = select(claims.c.key).where(
    claims.c.kind == bindparam("kind"), claims.c.holder.in_(bindparam("holders", expanding=True))
)
PLACES_TEXT = f"SELECT key FROM claims WHERE kind = $1 AND holder = ANY ({array(2, 'text')}::text[])"
OCCUPIED = (
    select(claims.c.holder, func.count())
    .where(claims.c.kind == bindparam("kind"), claims.c.holder.in_(bindparam("holders", expanding=True)))
    .group_by(claims.c.holder)
)
RELEASE = (
    delete(claims)
    .where(
        claims.c.kind == bindparam("kind"),
        claims.c.holder == bindparam("holder"),
        claims.c.key.not_in(bindparam("keep", expanding=True)),
    )
    .returning(claims.c.key)
)

HOLD_TEXT = "SELECT pg_advisory_xact_lock(hashtext(current_schema()), name) FROM unnest($1::integer[]) AS name"
"""Names as numbers, in ascending order; those of two that are the same number only wait for each other."""
