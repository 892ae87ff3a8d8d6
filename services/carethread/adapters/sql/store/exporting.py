"""A service's resources as they were at one moment, piece by piece, while others go on writing.

Nothing is copied and no transaction stays open from one piece to the next: each resource is read in the version that
was current then, found by the resource's row. What was deleted since is still there; what was created since is not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    delete,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from carethread.adapters.sql.store.statements import STORED
from carethread.adapters.sql.tables import exports, outbox, references, relay, resources, versions
from carethread.core.ports import Extent


def measure(connection: Connection, extent: Extent, after: int, count: int) -> tuple[list[tuple[int, int, bool]], int]:
    """Row, bytes and doubt of the next resources of the extent; see `core.ports.Session`."""
    candidates = (
        select(resources.c.row)
        .where(resources.c.type == extent.type, resources.c.updated > extent.since, resources.c.row > after)
        .order_by(resources.c.row)
        .limit(count)
        .subquery()
    )
    through, number = connection.execute(select(func.max(candidates.c.row), func.count())).one()
    if through is None:
        return [], 0
    columns = resources.c.row, func.length(versions.c.body), _doubt(extent)
    found = connection.execute(_as_of(extent, after, through, *columns))
    return [(row, size, bool(doubt)) for row, size, doubt in found], through if number == count else 0


def part(connection: Connection, extent: Extent, after: int, through: int) -> Iterable[Row[Any]]:
    """The columns of a `Stored` and the doubt, of the resources behind row `after` through row `through`."""
    return connection.execute(_as_of(extent, after, through, *STORED, _doubt(extent)))


def sequence(connection: Connection, types: Collection[str], horizon: int) -> int:
    """The number behind which all events of the types are that happened after the horizon.

    One statement, hence one view: what gets its number meanwhile gets a higher one.
    """
    later = (
        select(func.min(outbox.c.sequence))
        .join(versions, (versions.c.row == outbox.c.row) & (versions.c.version == outbox.c.version))
        .where(versions.c.type.in_(types), versions.c.updated > horizon)
    )
    last = select(func.max(relay.c.numbered))
    found = connection.execute(
        select(func.coalesce(later.scalar_subquery() - 1, last.scalar_subquery(), 0))
    ).scalar_one()
    return int(found)


def _doubt(extent: Extent) -> ColumnElement[bool]:
    return resources.c.updated > extent.horizon if extent.params else false()


def _as_of(extent: Extent, after: int, through: int, *columns: Any) -> Select[Any]:
    """The extent's resources in a range of rows, in order, each in the version that was current at the horizon.

    The range is told of both tables: PostgreSQL cannot guess how few versions the join finds, and would read them all.
    """
    earlier = versions.alias()
    then = (
        select(func.max(earlier.c.version))
        .where(earlier.c.row == resources.c.row, earlier.c.updated <= extent.horizon)
        .correlate(resources)
        .scalar_subquery()
    )
    settled = resources.c.updated <= extent.horizon
    number = case((settled, resources.c.version), else_=then)
    gone = versions.c.method == "DELETE"
    conditions = [
        resources.c.type == extent.type,
        *(column > after for column in (resources.c.row, versions.c.row)),
        *(column <= through for column in (resources.c.row, versions.c.row)),
        resources.c.updated > extent.since,  # follows from the next, and spares most of the join
        versions.c.updated > extent.since,
        gone if extent.deleted else ~gone,
    ]
    if extent.params:
        placed = exists().where(
            references.c.row == resources.c.row,
            references.c.param.in_(extent.params),
            references.c.target_type == "Patient",
            references.c.target_id != "",
        )
        conditions.append(or_(~settled, placed))
    return (
        select(*columns)
        .select_from(resources)
        .join(versions, and_(versions.c.row == resources.c.row, versions.c.version == number))
        .where(*conditions)
        .order_by(resources.c.row)
    )


def kept(connection: Connection, job: str) -> bytes | None:
    """The state of an export."""
    found: bytes | None = connection.execute(select(exports.c.state).where(exports.c.id == job)).scalar()
    return None if found is None else bytes(found)


def keep(connection: Connection, job: str, created: int, state: bytes) -> None:
    """Begin an export, or one of the same id anew."""
    drop(connection, job)
    connection.execute(insert(exports).values(id=job, created=created, state=state))


def advance(connection: Connection, job: str, before: bytes, after: bytes) -> bool:
    """Note how far an export has come; False when it was not at `before` any more."""
    stands = update(exports).where(exports.c.id == job, exports.c.state == before)
    return connection.execute(stands.values(state=after)).rowcount > 0


def drop(connection: Connection, job: str) -> bool:
    """Forget an export; False when there is none."""
    return connection.execute(delete(exports).where(exports.c.id == job)).rowcount > 0


def expire(connection: Connection, before: int) -> None:
    """Forget the exports that began before a moment."""
    connection.execute(delete(exports).where(exports.c.created < before))
