"""The first free slots of some schedules, or of all.

Few schedules are asked one by one, each for its first slots; of many, all slots are gone through in order of begin, for
enough of them are soon found.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge
from itertools import islice
from operator import attrgetter

from sqlalchemy import Connection, Select, bindparam, select

from carethread.adapters.sql.tables import openings
from carethread.core.ports.calendar import Opening

_FEW = 20
_COLUMNS = tuple(openings.c[name] for name in Opening.__slots__)

_FREE = (
    select(*_COLUMNS)
    .where(
        openings.c.begin >= bindparam("begin"),
        openings.c.begin < bindparam("end"),
        openings.c.free <= bindparam("now"),
    )
    .order_by(openings.c.begin, openings.c.row)
    .limit(bindparam("count"))
)
_OF_ONE = _FREE.where(openings.c.schedule == bindparam("schedule"))
_OF_MANY = _FREE.where(openings.c.schedule.in_(bindparam("schedules", expanding=True)))


def first_free(
    connection: Connection, schedules: Sequence[str], span: tuple[int, int], now: int, count: int, kind: str
) -> list[Opening]:
    """At most `count` free slots that begin within the span, in order of begin and row."""
    values = {"begin": span[0], "end": span[1], "now": now, "count": count}

    def found(statement: Select[tuple[object, ...]], **more: object) -> list[Opening]:
        if kind:
            statement = statement.where(openings.c.kinds.contains(kind, autoescape=True))
        return [Opening(*row) for row in connection.execute(statement, {**values, **more})]

    if not schedules:
        return found(_FREE)
    if len(schedules) > _FEW:
        return found(_OF_MANY, schedules=list(schedules))
    each = [found(_OF_ONE, schedule=schedule) for schedule in schedules]
    return list(islice(merge(*each, key=attrgetter("begin", "row")), count))
