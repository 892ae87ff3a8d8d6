"""Versions newest first: of one resource, of types, or of all that the service owns.

An index holds the versions of each type in the order of their time, so a page is read from as many places as there
are types, a page from each, whatever the store holds. Within one moment the order is that of rows, then versions.
PostgreSQL asks for the types one after the other, for it would plan long on a hundred statements joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, column, select, text

from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.store import statements
from carethread.adapters.sql.tables import resources, versions
from carethread.core.ports import Span

_OF_TYPE = "v.type = :type{number}"
_OF_RESOURCE = "v.row = (SELECT row FROM resources WHERE type = :type{number} AND id = :id)"

_BOUNDS = "v.updated >= :since AND (v.updated, v.row, v.version) < (:updated, :row, :version)"

_CURRENT_THEN = (
    "v.updated < :end AND (v.method <> 'DELETE' OR v.updated >= :begin) AND NOT EXISTS "
    "(SELECT 1 FROM versions n WHERE n.row = v.row AND n.version = v.version + 1 AND n.updated <= :begin)"
)
"""Of a resource that was deleted in the time asked for, the deletion counts too; one deleted before has none."""

_NEWEST_FIRST = "ORDER BY v.updated DESC, v.row DESC, v.version DESC LIMIT :count"

_BEYOND = 2**62
"""More than any row."""


def page(connection: Connection, span: Span, count: int) -> Sequence[Row[Any]]:
    """The newest `count` versions, or fewer, as rows of `statements.STORED`."""
    if is_sqlite(connection) or len(span.types) == 1:
        newest = _newest(len(span.types), bool(span.id), bool(span.at))
        return connection.execute(newest, {**_values(span), "count": count}).all()
    values = {"types": list(span.types), "count": count}
    return connection.execute(_newest_of_each(bool(span.at)), {**_values(span), **values}).all()


def total(connection: Connection, span: Span) -> int:
    """How many versions the span has, wherever a page of it begins."""
    found = " UNION ALL ".join(_branches(len(span.types), bool(span.id), bool(span.at)))
    counted = text(f"SELECT count(*) FROM ({found}) AS found")
    number: int = connection.execute(counted, _values(span) | _from(span.until)).scalar_one()
    return number


@lru_cache(maxsize=64)
def _newest(types: int, resource: bool, at: bool) -> Select[Any]:
    branches = (f"SELECT * FROM ({b} {_NEWEST_FIRST}) AS newest" for b in _branches(types, resource, at))
    return _of_keys(" UNION ALL ".join(branches))


@lru_cache(maxsize=2)
def _newest_of_each(at: bool) -> Select[Any]:
    of_one = f"SELECT v.row, v.version FROM versions v WHERE v.type = t.type AND {_when(at)} {_NEWEST_FIRST}"
    return _of_keys(
        "SELECT newest.row, newest.version FROM unnest(CAST(:types AS varchar[])) AS t (type) "
        f"CROSS JOIN LATERAL ({of_one}) AS newest"
    )


def _of_keys(found: str) -> Select[Any]:
    """The versions, newest first, that a statement finds by row and number."""
    keys = text(found).columns(column("row"), column("version")).subquery("keys")
    return (
        select(*statements.STORED)
        .select_from(keys)
        .join(versions, (versions.c.row == keys.c.row) & (versions.c.version == keys.c.version))
        .join(resources, resources.c.row == versions.c.row)
        .order_by(versions.c.updated.desc(), versions.c.row.desc(), versions.c.version.desc())
        .limit(bindparam("count"))
    )


def _branches(types: int, resource: bool, at: bool) -> list[str]:
    which = _OF_RESOURCE if resource else _OF_TYPE
    return [
        f"SELECT v.row, v.version FROM versions v WHERE {which.format(number=number)} AND {_when(at)}"
        for number in range(types)
    ]


def _when(at: bool) -> str:
    return f"{_BOUNDS} AND {_CURRENT_THEN}" if at else _BOUNDS


def _values(span: Span) -> dict[str, object]:
    values: dict[str, object] = {f"type{number}": name for number, name in enumerate(span.types)}
    if span.id:
        values["id"] = span.id
    if span.at:
        values["begin"], values["end"] = span.at
    after = dict(zip(("updated", "row", "version"), span.after, strict=True)) if span.after else _from(span.until)
    return {**values, "since": span.since, **after}


def _from(until: int) -> dict[str, int]:
    """The bound behind which the newest version stands."""
    return {"updated": until, "row": _BEYOND, "version": 0}
