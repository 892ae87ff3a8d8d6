"""The first free slots: of some schedules, for some purposes, or both.

Of few schedules, or for few purposes, the first are taken of each by itself, and the first of those are the first of
all; else all free slots are gone through in order of begin, for enough of them are soon found. What no longer can
become free by itself is not in the indexes (`tables.openings`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, bindparam, literal_column, select

from carethread.adapters.sql.arrays import numbers, texts
from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.tables import openings, purposes
from carethread.core.ports.calendar import FOREVER, Opening

_FEW = 50
"""Schedules, or purposes, of which the first are taken of each."""

OPENING = tuple(purposes.c.kinds if name == "kinds" else openings.c[name] for name in Opening.__slots__)


class Wanted(NamedTuple):
    """What `Calendar.openings` is asked for."""

    begin: int
    end: int
    now: int
    most: int
    behind: int
    schedules: Collection[str] | None
    purposes: Collection[int] | None


def first_free(connection: Connection, wanted: Wanted) -> list[Opening]:
    """At most `most` free slots that begin within the span, in order of begin and row."""
    if wanted.most < 1 or wanted.begin >= wanted.end or not _some(wanted.schedules) or not _some(wanted.purposes):
        return []
    each = _each(wanted)
    return _in_python(connection, wanted, each) if is_sqlite(connection) else _at_once(connection, wanted, each)


def _some(wanted: Collection[Any] | None) -> bool:
    return wanted is None or len(wanted) > 0


def _each(wanted: Wanted) -> str:
    """The column of whose values each is asked by itself; empty: all slots are gone through."""
    if wanted.schedules is not None and len(wanted.schedules) <= _FEW:
        return "schedule"
    return "purpose" if wanted.purposes is not None and len(wanted.purposes) <= _FEW else ""


_MAY_BE_FREE: ColumnElement[bool] = literal_column(
    f"free < {FOREVER}"
)  # as the indexes spell it, else they are not used

_FREE = (
    select(*OPENING)
    .join(purposes, purposes.c.number == openings.c.purpose)
    .where(
        _MAY_BE_FREE,
        openings.c.free <= bindparam("now"),
        openings.c.begin >= bindparam("begin"),
        openings.c.begin < bindparam("end"),
        (openings.c.begin > bindparam("begin")) | (openings.c.row > bindparam("behind")),
    )
    .order_by(openings.c.begin, openings.c.row)
    .limit(bindparam("most"))
)
_ONE = {name: openings.c[name] == bindparam(name) for name in ("schedule", "purpose")}
_AMONG = {name: openings.c[name].in_(bindparam(f"{name}s", expanding=True)) for name in ("schedule", "purpose")}
_STATEMENTS: dict[tuple[str, bool, bool], Select[Any]] = {
    (each, by_schedule, by_purpose): _FREE.where(
        *([_ONE[each]] if each else []),
        *([_AMONG["schedule"]] if by_schedule else []),
        *([_AMONG["purpose"]] if by_purpose else []),
    )
    for each in ("", "schedule", "purpose")
    for by_schedule in (False, True)
    for by_purpose in (False, True)
}
"""By what each is asked for, and what else it is to be among."""


def _in_python(connection: Connection, wanted: Wanted, each: str) -> list[Opening]:
    values = wanted._asdict()
    by_schedule = each != "schedule" and wanted.schedules is not None
    by_purpose = each != "purpose" and wanted.purposes is not None
    statement = _STATEMENTS[each, by_schedule, by_purpose]
    asked = [{each: value} for value in values[f"{each}s"]] if each else [{}]
    found = [map(_opening, connection.execute(statement, {**values, **one})) for one in asked]
    return list(islice(merge(*found, key=attrgetter("begin", "row")), wanted.most))


def _opening(row: Any) -> Opening:
    return Opening(*row)


_COLUMNS = ", ".join("p.kinds" if name == "kinds" else f'o."{name}"' for name in Opening.__slots__)


_SENT: dict[str, tuple[str, Callable[[Collection[Any]], str]]] = {
    "schedule": ("text[]", texts),
    "purpose": ("bigint[]", numbers),
}
"""How the values of a column are sent."""


def _at_once(connection: Connection, wanted: Wanted, each: str) -> list[Opening]:
    """In one statement of PostgreSQL, which cannot be told of a lateral join and of what is counted otherwise.

    Where an index has all that is asked for, the statement is planned once: PostgreSQL is not shown the values, for it
    would plan for each anew. Else how it is best done depends on them.
    """
    among = {name: asked for name in _SENT if (asked := getattr(wanted, f"{name}s")) is not None}
    once = bool(each) and all(len(asked) == 1 for name, asked in among.items() if name != each)
    values: list[object] = [wanted.begin, wanted.behind, wanted.end, wanted.now]

    def place(number: int, kind: str) -> str:
        return f"(SELECT ${number}::{kind})" if once else f"${number}::{kind}"

    begin, behind, end, now = (place(number, "bigint") for number in range(1, 5))
    met = [
        f"free < {FOREVER}",
        f'"begin" >= {begin}',  # follows from the next, but PostgreSQL does not see how little that leaves
        f'("begin", "row") > ({begin}, {behind})',
        f'"begin" < {end}',
        f"free <= {now}",
    ]
    source = ""
    for name, asked in among.items():
        kind, sent = _SENT[name]
        values.append(sent(asked))
        array = place(len(values), kind)
        if name == each:
            source = f"unnest({array}) AS asked (value) CROSS JOIN LATERAL "
            met.append(f"{name} = asked.value")
        else:
            met.append(f"{name} = ({array})[1]" if once else f"{name} = ANY({array})")
    limit = f'ORDER BY "begin", "row" LIMIT {wanted.most:d}'  # as a number: of a place nobody knows how small it is
    first = f"(SELECT * FROM openings WHERE {' AND '.join(met)} {limit})"
    found = run(
        connection,
        f"SELECT {_COLUMNS} FROM (SELECT o.* FROM {source}{first} AS o {limit}) AS o "
        f'JOIN purposes p ON p.number = o.purpose ORDER BY o."begin", o."row"',
        values,
        binary=True,
        prepare=once,
    )
    return [Opening(*row) for row in found]
