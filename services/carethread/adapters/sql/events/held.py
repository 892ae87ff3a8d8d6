"""What a consumer has put aside, in its own service's database; see `core.ports.held`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, bindparam, delete, exists, func, insert, or_, select, update

from carethread.adapters.sql.events.headers import pack, unpack
from carethread.adapters.sql.tables import dead_letters, held, held_keys
from carethread.adapters.sql.upsert import upsert
from carethread.core.ports import About, DeadLetter, LetterState, Record, Waiting

_CHUNK = 5000
"""Keys in one list; SQLite takes 32,766 variables."""

_LONGEST = 200
"""Characters of a key or id that is stored as it is: an index takes 2,704 bytes on PostgreSQL, and a character four."""

_BEHIND = held.alias()
_HOLDS = select(func.count()).where(_BEHIND.c.behind == held.c.number).scalar_subquery()
_PLACE = [column for column in held.c if column.name != "value"]
_LETTERS = (
    select(
        *_PLACE,
        dead_letters.c.outcome,
        dead_letters.c.state,
        dead_letters.c.attempts,
        dead_letters.c.escalated,
        _HOLDS.label("holds"),
    )
    .join(dead_letters, dead_letters.c.number == held.c.number)
    .order_by(held.c.number)
)
_DUE = select(
    exists(
        select(1)
        .select_from(dead_letters)
        .join(held, held.c.number == dead_letters.c.number)
        .where(
            dead_letters.c.consumer == bindparam("consumer"),
            or_(
                dead_letters.c.state != "dead",
                and_(dead_letters.c.escalated == 0, held.c.since < bindparam("before")),
            ),
        )
    )
)
"""Made once: every consumer asks it every second."""


class SqlHeld:
    """One transaction's view of what was put aside; see `core.ports.Held`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def bury(self, consumer: str, record: Record, about: About, outcome: bytes, since: int) -> int:
        number = self._put(consumer, record, about, 0, since)
        self.worsen(consumer, number, outcome)
        return number

    def hold(self, consumer: str, record: Record, about: About, behind: int, since: int) -> None:
        self._put(consumer, record, about, behind, since)

    def _put(self, consumer: str, record: Record, about: About, behind: int, since: int) -> int:
        """Enter a record; its number, which it keeps when it is here already."""
        place = {"topic": record.topic, "partition": record.partition, "position": record.position}
        row = {
            "consumer": consumer,
            **place,
            "key": record.key.encode(),
            "headers": pack(record.headers),
            "value": record.value,
            "time": record.time,
            "ce_id": _storable(about.id),
            "needs": orjson.dumps(sorted(about.needs)),
            "behind": behind,
            "since": since,
        }
        entered = upsert(self._connection, held).values(row).on_conflict_do_nothing().returning(held.c.number)
        number: int | None = self._connection.execute(entered).scalar()
        if number is None:
            where = [held.c.consumer == consumer, *(held.c[name] == value for name, value in place.items())]
            there: int = self._connection.execute(select(held.c.number).where(*where)).scalar_one()
            return there
        if about.keys:
            keys = dict.fromkeys(map(_storable, about.keys))
            rows = [{"consumer": consumer, "key": key, "number": number} for key in keys]
            self._connection.execute(insert(held_keys), rows)
        return number

    def known(self, consumer: str, ids: Collection[str]) -> set[str]:
        stored = {id_: _storable(id_) for id_ in ids}
        found: set[str] = set()
        for some in _chunks(stored.values()):
            statement = select(held.c.ce_id).where(held.c.consumer == consumer, held.c.ce_id.in_(some))
            found.update(self._connection.execute(statement).scalars())
        return {id_ for id_, as_stored in stored.items() if as_stored in found}

    def blocking(self, consumer: str, keys: Collection[str]) -> Mapping[str, Sequence[tuple[int, int]]]:
        stored = {key: _storable(key) for key in keys}
        found: dict[str, list[tuple[int, int]]] = {}
        for some in _chunks(set(stored.values())):
            statement = (
                select(held_keys.c.key, held.c.number, held.c.behind)
                .join(held, held.c.number == held_keys.c.number)
                .where(held_keys.c.consumer == consumer, held_keys.c.key.in_(some))
                .order_by(held.c.number)
            )
            for key, number, behind in self._connection.execute(statement):
                found.setdefault(key, []).append((number, behind or number))
        return {key: found[as_stored] for key, as_stored in stored.items() if as_stored in found}

    def behind(self, letter: int, limit: int) -> list[Waiting]:
        rows = self._connection.execute(
            select(held).where(held.c.behind == letter).order_by(held.c.number).limit(limit)
        ).all()
        keys = self._keys([row.number for row in rows])
        return [_waiting(row, keys.get(row.number, ())) for row in rows]

    def move(self, number: int, behind: int) -> None:
        self._connection.execute(update(held).where(held.c.number == number).values(behind=behind))

    def worsen(self, consumer: str, number: int, outcome: bytes) -> None:
        self.move(number, 0)
        row = {"number": number, "consumer": consumer, "outcome": outcome, "state": "dead"}
        statement = upsert(self._connection, dead_letters).values(**row, attempts=1, escalated=0)
        again = {"outcome": outcome, "state": "dead", "attempts": dead_letters.c.attempts + 1}
        self._connection.execute(statement.on_conflict_do_update(index_elements=[dead_letters.c.number], set_=again))

    def release(self, number: int) -> None:
        self._connection.execute(delete(held_keys).where(held_keys.c.number == number))
        self._connection.execute(update(dead_letters).where(dead_letters.c.number == number).values(state="released"))

    def displace(self, consumer: str, topic: str, partition: int) -> None:
        here = (held.c.consumer == consumer, held.c.topic == topic, held.c.partition == partition)
        self._connection.execute(update(held).where(*here).values(position=-held.c.number))

    def drop(self, numbers: Iterable[int]) -> None:
        for some in _chunks(list(numbers)):
            for table in (held_keys, dead_letters, held):
                self._connection.execute(delete(table).where(table.c.number.in_(some)))

    def ask(self, number: int, state: LetterState) -> bool:
        waits = (dead_letters.c.number == number) & (dead_letters.c.state != "released")
        return bool(self._connection.execute(update(dead_letters).where(waits).values(state=state)).rowcount)

    def letters(self, consumer: str = "", number: int = 0, *, asked: bool = False) -> list[DeadLetter]:
        statement = _LETTERS.add_columns(held.c.value) if number else _LETTERS
        if consumer:
            statement = statement.where(dead_letters.c.consumer == consumer)
        if number:
            statement = statement.where(dead_letters.c.number == number)
        if asked:
            statement = statement.where(dead_letters.c.state != "dead")
        return self._found(self._connection.execute(statement).all())

    def due(self, consumer: str, before: int) -> bool:
        return bool(self._connection.execute(_DUE, {"consumer": consumer, "before": before}).scalar())

    def escalate(self, consumer: str, before: int, now: int) -> list[DeadLetter]:
        late = (dead_letters.c.consumer == consumer, dead_letters.c.escalated == 0, held.c.since < before)
        found = self._found(self._connection.execute(_LETTERS.where(*late)).all())
        numbers = [letter.number for letter in found]
        for some in _chunks(numbers):
            marked = update(dead_letters).where(dead_letters.c.number.in_(some)).values(escalated=now)
            self._connection.execute(marked)
        return found

    def _found(self, rows: Sequence[Row[Any]]) -> list[DeadLetter]:
        keys = self._keys([row.number for row in rows])
        return [
            DeadLetter(
                _waiting(row, keys.get(row.number, ())),
                row.consumer,
                bytes(row.outcome),
                row.state,
                row.attempts,
                row.escalated,
                row.holds,
            )
            for row in rows
        ]

    def _keys(self, numbers: Sequence[int]) -> dict[int, tuple[str, ...]]:
        found: dict[int, tuple[str, ...]] = {}
        for some in _chunks(numbers):
            statement = select(held_keys.c.number, held_keys.c.key).where(held_keys.c.number.in_(some))
            for number, key in self._connection.execute(statement):
                found[number] = (*found.get(number, ()), key)
        return found


def _storable(text: str) -> str:
    """A key or id as every database can store and index it: what is long or not printable as a hash, always the same.

    A hash is stored as it is, so that what was read from here is found again.
    """
    if len(text) <= _LONGEST and text.isprintable():
        return text
    return f"sha256:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _waiting(row: Row[Any], keys: tuple[str, ...]) -> Waiting:
    record = Record(
        row.topic,
        row.partition,
        row.position,
        bytes(row.key).decode("utf-8", "replace"),
        unpack(bytes(row.headers)),
        bytes(row._mapping.get("value", b"")),
        row.time,
    )
    about = About(row.ce_id, keys, frozenset(orjson.loads(row.needs)))
    return Waiting(row.number, row.behind, record, about, row.since)


def _chunks(values: Collection[Any]) -> Iterable[list[Any]]:
    listed = list(values)
    return (listed[start : start + _CHUNK] for start in range(0, len(listed), _CHUNK))
