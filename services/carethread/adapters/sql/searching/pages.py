"""One page of a search after the other.

Pages are found by key, not by offset: the cursor holds the last match's sort values and row, and the newest row that
there was when the search began, so that pages stay the same while resources are added.

A page is one statement, and brings the bodies. The first key of the order is read along its index: first the resources
that have a value, in the order of the values, then those that have none, in the order of their rows. So a page costs
what it holds, and nothing is sorted as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection

from carethread.adapters.sql.searching.planning import leads, plan_of
from carethread.adapters.sql.searching.search import At, lacking, matches, param_of, row_meets
from carethread.adapters.sql.searching.spelling import Spelling, both, either, quoted
from carethread.adapters.sql.store.statements import STORED
from carethread.adapters.sql.tables import INDEX_TABLES, resources
from carethread.core.fhir.search.cursor import decoded, encoded, text, whole
from carethread.core.fhir.search.parameters import one_row, only_system, usual
from carethread.core.fhir.search.query import Criterion, SearchQuery, Sort

_OF_RESOURCE = ", ".join(f'r."{column.name}"' for column in (*STORED, resources.c.version) if column.table is resources)
_STORED = ", ".join(f'{"p" if column.table is resources else "v"}."{column.name}"' for column in STORED)


@dataclass(frozen=True, slots=True)
class Key:
    """One column of the order, and what it holds."""

    column: str
    kind: type[str | int | float]
    descending: bool = False


_ROW = Key('r."row"', int)

_OWN = {"_id": ("r.id", str), "_lastUpdated": ("r.updated", int)}
"""What the resource's own row has to sort by."""

_SORT_COLUMN: dict[str, tuple[str, type[str | int | float]]] = {
    "token": ("code", str),
    "reference": ("target_id", str),
    "date": ("low", int),
    "string": ("folded", str),
    "number": ("low", float),
    "quantity": ("low", float),
    "uri": ("uri", str),
}


@dataclass(frozen=True, slots=True)
class Run:
    """A part of the order: the keys, of which the last is the row, and what else must be met.

    `sort` is the first key where its index is read along, and `missing` are those without a value of it, of which the
    cursors begin with null. `ranges` are criteria on the key's own row.
    """

    keys: Sequence[Key]
    sort: Sort | None = None
    missing: bool = False
    ranges: Sequence[Criterion] = ()


Columns = tuple[Any, ...]
"""Those of a `Stored`, in the order of `statements.STORED`."""

Found = tuple[list[Any], Columns]
"""A match: what its cursor holds, and what it is."""


def page(connection: Connection, query: SearchQuery, count: int) -> tuple[list[Columns], str]:
    """The columns of one page's matches, in order, and the cursor of the next page, empty at the end."""
    runs = _runs(query)
    last: list[Any] = []
    bound: int | None = None
    if query.cursor:
        runs, last, bound = decoded(query.cursor, partial(_resumed, runs))
    found: list[Found] = []
    for run in runs:
        found += _read(connection, query, run, last, bound, count + 1 - len(found))
        last = []
        if len(found) > count:
            break
    more = len(found) > count
    found = found[:count]
    return [row for _, row in found], encoded(found[-1][0]) if more and found else ""


def _runs(query: SearchQuery) -> list[Run]:
    """The parts of the order, one after the other."""
    if not query.sort or query.sort[0].param in _OWN:
        return [Run([*(key for sort in query.sort for key in _keys(query, sort)), _ROW])]
    first, *rest = query.sort
    more = [*(key for sort in rest for key in _keys(query, sort)), _ROW]
    column, kind = _SORT_COLUMN[first.type]
    same = [node for node in query.criteria if isinstance(node, Criterion) and _has_value_of(first, node)]
    with_value = Run(
        [Key(f"s.{column}", kind, first.descending), *more],
        first,
        ranges=same if one_row(query.kinds, first.param) else (),
    )
    return [with_value] if same else [with_value, Run(more, first, missing=True)]


def _has_value_of(sort: Sort, node: Criterion) -> bool:
    """Whether who meets the criterion has a value of the key; one of text may be empty."""
    return node.param == sort.param and node.modifier is None and _SORT_COLUMN[sort.type][1] is not str


def _conditions(query: SearchQuery, run: Run, sql: Spelling) -> list[str]:
    """What is met in a run besides the criteria of which the key's own row is not asked."""
    left = tuple(node for node in query.criteria if node not in run.ranges)
    met = [matches(replace(query, criteria=left), "r", sql)]
    sql.plan = plan_of(query.criteria)
    if run.sort is None:
        return met
    kinds, sort = query.kinds, run.sort
    probed = At("r", any(map(leads, query.criteria)))
    of_resource = f's."row" = r."row" AND {sql.afterwards(_of(query, sort, "s"))}'
    if not run.missing:
        met += [of_resource, *(either(row_meets(node, "s", kinds, sql)) for node in run.ranges)]
        if not one_row(kinds, sort.param):
            met.append(_is_first(query, sort))
        elif system := only_system(kinds, sort.param):
            met.append(f"s.system = {quoted(system)}")  # so that the index by value is in the order of codes and rows
    elif usual(kinds, sort.param):
        met.append(lacking(sort.param, sort.type, kinds, probed, sql))
    else:
        met.append(f"NOT EXISTS (SELECT 1 FROM index_{sort.type} s WHERE {of_resource})")
    return met


def _of(query: SearchQuery, sort: Sort, table: str) -> str:
    """The rows of a parameter that have something to sort by: a concept of which there is only a text has no code."""
    column, kind = _SORT_COLUMN[sort.type]
    of_param = param_of(table, query.kinds, sort.param)
    return f"{of_param} AND {table}.{column} <> ''" if kind is str else of_param


def _is_first(query: SearchQuery, sort: Sort) -> str:
    """Of a resource's rows for a parameter, the one that counts: the least, or of a descending order the greatest."""
    column, _ = _SORT_COLUMN[sort.type]
    names = [column, *(each.name for each in INDEX_TABLES[sort.type].c if each.name not in ("row", column))]
    beside, one = (f"({', '.join(f'{table}.{name}' for name in names)})" for table in ("b", "s"))
    before = f"{beside} {'>' if sort.descending else '<'} {one}"
    return (
        f'NOT EXISTS (SELECT 1 FROM index_{sort.type} b WHERE b."row" = s."row" AND {_of(query, sort, "b")} '
        f"AND {before})"
    )


def _keys(query: SearchQuery, sort: Sort) -> list[Key]:
    """The columns of a key: first whether the value is missing, which comes last, then the value."""
    if sort.param in _OWN:
        return [Key(*_OWN[sort.param], sort.descending)]
    column, kind = _SORT_COLUMN[sort.type]
    value = (
        f"(SELECT {'max' if sort.descending else 'min'}(o.{column}) FROM index_{sort.type} o "
        f'WHERE o."row" = r."row" AND {_of(query, sort, "o")})'
    )
    nothing = "''" if kind is str else "0"
    return [
        Key(f"CASE WHEN {value} IS NULL THEN 1 ELSE 0 END", int),
        Key(f"coalesce({value}, {nothing})", kind, sort.descending),
    ]


def _read(
    connection: Connection, query: SearchQuery, run: Run, last: Sequence[Any], bound: int | None, count: int
) -> list[Found]:
    """The next `count` of a run behind `last`; a cursor ends with the bound, which is the newest row at first."""
    sql = Spelling(connection)
    met = _conditions(query, run, sql)
    joined = sql.joined + (f", index_{run.sort.type} s" if run.sort and not run.missing else "")
    newest = '(SELECT coalesce(max("row"), 0) FROM resources)'
    if bound is not None:
        newest = sql.place(bound)
        met.append(f'r."row" <= {newest}')
    if last:
        met.append(_after(run.keys, last, sql))
    keys = ", ".join(f"{key.column} AS k{number}" for number, key in enumerate(run.keys))
    order = ", ".join(f"k{number}{' DESC' if key.descending else ''}" for number, key in enumerate(run.keys))
    names = ", ".join(f"p.k{number}" for number in range(len(run.keys)))
    statement = (
        f"SELECT {names}, p.bound, {_STORED} FROM ("
        f"SELECT {keys}, {newest} AS bound, {_OF_RESOURCE} FROM resources r{joined} "
        f"WHERE {both(met)} ORDER BY {order} LIMIT {count}"
        f') p JOIN versions v ON v."row" = p."row" AND v.version = p.version ORDER BY {order}'
    )
    width = len(run.keys) + 1
    nulls = [None] if run.missing else []
    return [([*nulls, *row[:width]], tuple(row[width:])) for row in sql.fetch(statement)]


def _after(keys: Sequence[Key], last: Sequence[Any], sql: Spelling) -> str:
    """What comes after the last match, key by key; that no first key is before the last's lets an index begin there."""
    (key, value), *rest = zip(keys, last, strict=True)
    sign = "<" if key.descending else ">"
    beyond = f"{key.column} {sign} {sql.place(value)}"
    if not rest:
        return beyond
    inner = _after([each for each, _ in rest], [each for _, each in rest], sql)
    return f"{key.column} {sign}= {sql.place(value)} AND ({beyond} OR {inner})"


def _resumed(runs: Sequence[Run], place: Any) -> tuple[list[Run], list[Any], int]:
    """The runs from the cursor's on, the last match's values there, and the bound. Raises ValueError, TypeError."""
    if not isinstance(place, list) or not place:
        raise ValueError
    in_missing = len(runs) > 1 and place[0] is None
    left = list(runs[1:] if in_missing else runs)
    kinds = [*(key.kind for key in left[0].keys), int]
    *last, bound = (_comparable(value, kind) for value, kind in zip(place[int(in_missing) :], kinds, strict=True))
    return left, last, int(bound)


def _comparable(value: object, kind: type[str | int | float]) -> str | float | int:
    """A cursor's value as the column has it. Raises ValueError."""
    if kind is str:
        return text(value)
    if kind is int:
        return whole(value, least=-(2**63))
    if isinstance(value, int | float):
        return float(value)
    raise ValueError
