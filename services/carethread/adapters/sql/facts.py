"""Facts in a service's own database; see `core.ports.facts`.

Whoever keeps facts takes the numbers of their changes first, and with these the row of the counter, so that others
wait: numbers become visible in their order, and who has read up to one has read all below it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from carethread.adapters.sql.arrays import array, numbers, texts
from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.tables import fact_marks, facts, mirrors
from carethread.adapters.sql.upsert import upsert
from carethread.core.ports.facts import Fact, Reached

CHANGED, SEQUENCE, GENERATION = "changed", "sequence", "generation"

_new = insert(facts)
_KEEP = _new.on_conflict_do_update(
    index_elements=[facts.c.type, facts.c.id],
    set_={name: _new.excluded[name] for name in ("changed", "version", "made")},
    where=facts.c.version < _new.excluded.version,
)
_KEEP_TEXT = (
    "WITH given AS (SELECT * FROM unnest("
    + ", ".join(array(place, kind) for place, kind in enumerate(("bigint", "text", "text", "int", "text"), 1))
    + ") AS given (changed, type, id, version, made)), kept AS (INSERT INTO facts (changed, type, id, version, made)"
    " SELECT * FROM given ON CONFLICT (type, id) DO UPDATE SET changed = excluded.changed, version = excluded.version,"
    " made = excluded.made WHERE facts.version < excluded.version) SELECT 1"
)
_SINCE = (
    select(facts.c.changed, facts.c.id, facts.c.made)
    .where(
        facts.c.changed > bindparam("after"),
        facts.c.changed <= bindparam("through"),
        facts.c.type == bindparam("type_name"),
    )
    .order_by(facts.c.changed)
    .limit(bindparam("count"))
)
_MARKS = select(fact_marks.c.kind, fact_marks.c.name, fact_marks.c.number)
_FILLED = select(mirrors.c.type, mirrors.c.began).where(mirrors.c.place.is_(None))
_SOME = select(facts.c.changed).where(facts.c.type == bindparam("type_name")).limit(bindparam("count"))
_FORGET = delete(facts).where(facts.c.changed.in_(_SOME.scalar_subquery()))


class SqlFacts:
    """One transaction's view of the facts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, facts: Sequence[Fact]) -> None:
        newest: dict[tuple[str, str], Fact] = {}
        for fact in facts:
            stands = newest.get((fact.type, fact.id))
            if stands is None or stands.version < fact.version:
                newest[fact.type, fact.id] = fact
        if not newest:
            return
        end = add(self._connection, CHANGED, "", len(newest))
        given = list(enumerate(newest.values(), end - len(newest) + 1))
        if is_sqlite(self._connection):
            rows = [
                {"changed": changed, "type": each.type, "id": each.id, "version": each.version, "made": each.rows}
                for changed, each in given
            ]
            self._connection.execute(_KEEP, rows)
            return
        columns = [
            numbers(changed for changed, _ in given),
            texts(each.type for _, each in given),
            texts(each.id for _, each in given),
            numbers(each.version for _, each in given),
            texts(each.rows for _, each in given),
        ]
        run(self._connection, _KEEP_TEXT, columns)

    def tell(self, service: str, sequences: Mapping[str, int]) -> None:
        raise_to(self._connection, SEQUENCE, {f"{service}/{name}": number for name, number in sequences.items()})

    def forget(self, type_name: str, mirror: str, count: int) -> int:
        raise_to(self._connection, GENERATION, {type_name: add(self._connection, CHANGED, "", 1)})
        others = mirrors.c.type.startswith(f"{type_name}:facts:", autoescape=True) & (mirrors.c.type != mirror)
        self._connection.execute(delete(mirrors).where(others))
        return self._connection.execute(_FORGET, {"type_name": type_name, "count": count}).rowcount

    def reached(self) -> Reached:
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for kind, name, number in self._connection.execute(_MARKS):
            found[kind][name] = number
        sources: dict[str, dict[str, int]] = defaultdict(dict)
        for name, number in found[SEQUENCE].items():
            service, _, type_name = name.partition("/")
            sources[service][type_name] = number
        filled = {row.type: row.began for row in self._connection.execute(_FILLED)}
        return Reached(found[CHANGED].get("", 0), dict(sources), found[GENERATION], filled)

    def since(self, type_name: str, after: int, through: int, count: int) -> list[tuple[int, str, str]]:
        asked = {"type_name": type_name, "after": after, "through": through, "count": count}
        return [(changed, id_, made) for changed, id_, made in self._connection.execute(_SINCE, asked)]


_ADD_TEXT = (
    "INSERT INTO fact_marks (kind, name, number) VALUES ($1::text, $2::text, $3::bigint) ON CONFLICT (kind, name)"
    " DO UPDATE SET number = fact_marks.number + excluded.number RETURNING number"
)
_RAISE_TEXT = (
    f"WITH raised AS (INSERT INTO fact_marks (kind, name, number) SELECT $1::text, * FROM unnest({array(2, 'text')},"
    f" {array(3, 'bigint')}) ON CONFLICT (kind, name) DO UPDATE SET number = excluded.number"
    " WHERE fact_marks.number < excluded.number) SELECT 1"
)
"""SQLAlchemy keeps no text of an upsert: it would be made anew for each batch of events."""


def add(connection: Connection, kind: str, name: str, number: int) -> int:
    """Add to a mark, and keep others from it until the transaction's end; returns what it is then."""
    if not is_sqlite(connection):
        return int(run(connection, _ADD_TEXT, [kind, name, str(number)])[0][0])
    entered = upsert(connection, fact_marks).values(kind=kind, name=name, number=number)
    added = entered.on_conflict_do_update(
        index_elements=[fact_marks.c.kind, fact_marks.c.name], set_={"number": fact_marks.c.number + number}
    )
    return int(connection.execute(added.returning(fact_marks.c.number)).scalar_one())


def raise_to(connection: Connection, kind: str, marks: Mapping[str, int]) -> None:
    """Raise marks to numbers that are higher."""
    if not marks:
        return
    if not is_sqlite(connection):
        run(connection, _RAISE_TEXT, [kind, texts(sorted(marks)), numbers(marks[name] for name in sorted(marks))])
        return
    entered = upsert(connection, fact_marks)
    raised = entered.on_conflict_do_update(
        index_elements=[fact_marks.c.kind, fact_marks.c.name],
        set_={"number": entered.excluded.number},
        where=fact_marks.c.number < entered.excluded.number,
    )
    rows = [{"kind": kind, "name": name, "number": number} for name, number in sorted(marks.items())]
    connection.execute(raised, rows)
