"""What belongs to a patient, and what that refers to: both in a fixed order, a page at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, literal, not_, or_, select, tuple_

from carethread.adapters.sql.store import merges
from carethread.adapters.sql.store.statements import IS_CURRENT, STORED
from carethread.adapters.sql.tables import dates, references, resources, versions
from carethread.core.ports import Belongings, Key


def members(connection: Connection, whose: Belongings, after: int, count: int) -> Iterable[Row[Any]]:
    """The columns of a `Stored` of what belongs to the patient, in order of rows, behind row `after`."""
    return connection.execute(
        select(*STORED)
        .select_from(resources)
        .join(versions, IS_CURRENT)
        .where(_belongs(connection, whose), resources.c.row > after)
        .order_by(resources.c.row)
        .limit(count)
    )


def referred(
    connection: Connection, whose: Belongings, types: Sequence[str], after: Key, count: int
) -> Iterable[tuple[str, str]]:
    """What the patient's belongings refer to that is of one of the types, each once, in order, behind `after`."""
    target = references.c.target_type, references.c.target_id
    rows = connection.execute(
        select(*target)
        .distinct()
        .where(
            references.c.row.in_(select(resources.c.row).where(_belongs(connection, whose))),
            references.c.target_type.in_(types),
            references.c.target_id != "",
            tuple_(*target) > tuple_(*map(literal, after)),
        )
        .order_by(*target)
        .limit(count)
    )
    return [(type_name, id_) for type_name, id_ in rows]


def _belongs(connection: Connection, whose: Belongings) -> ColumnElement[bool]:
    patient = merges.kin(connection, [whose.patient])
    inside = select(references.c.row).where(
        references.c.param.in_(whose.params),
        references.c.target_id.in_(patient),
        references.c.target_type == "Patient",
    )
    itself = select(resources.c.row).where(resources.c.type == "Patient", resources.c.id.in_(patient))
    conditions = [
        resources.c.row.in_(inside.union(itself) if whose.itself else inside),
        not_(resources.c.deleted),
        resources.c.updated > whose.since,
    ]
    if whose.dates:
        dated = and_(dates.c.row == resources.c.row, dates.c.param.in_(whose.dates))
        touching = and_(dated, dates.c.low < whose.before, dates.c.high > whose.begin)
        conditions.append(or_(~exists().where(dated), exists().where(touching)))
    return and_(*conditions)
