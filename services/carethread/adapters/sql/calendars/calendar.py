"""The calendar within one transaction; see `core.ports.Calendar`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, select, update

from carethread.adapters.sql.arrays import array, numbers, texts
from carethread.adapters.sql.calendars import entering, purposing
from carethread.adapters.sql.calendars.free import OPENING, Wanted, first_free
from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.tables import busy, openings, purposes
from carethread.core.ports.calendar import FOREVER, Occupied, Opening

_SEAT = "Slot/"

_CHUNK = 500
"""Values in one statement."""

_ROW = (busy.c.actor, busy.c.begin, busy.c.end, busy.c.appointment, busy.c.until)

_AMONG = (
    select(*_ROW)
    .where(
        busy.c.actor.in_(bindparam("actors", expanding=True)),
        busy.c.end > bindparam("after"),
        busy.c.begin < bindparam("before"),
    )
    .order_by(busy.c.begin, busy.c.appointment)
)
_AMONG_TEXT = (
    f'SELECT b.actor, b."begin", b."end", b.appointment, b.until FROM unnest({array(1, "text")}) AS asked (actor), '
    'LATERAL (SELECT * FROM busy WHERE busy.actor = asked.actor AND busy."end" > (SELECT $2::bigint) '
    'AND busy."begin" < (SELECT $3::bigint) OFFSET 0) AS b ORDER BY b."begin", b.appointment'
)
"""`_AMONG` as the driver takes it, for PostgreSQL: what finding asks again and again. It is planned once, and with an
OFFSET each actor is looked up by itself, whatever is guessed of how many rows they have."""

_WITHIN_TEXT = (
    'SELECT b.actor, b."begin", b."end", b.appointment, b.until '
    f"FROM unnest({array(1, 'text')}, {array(2, 'bigint')}, {array(3, 'bigint')}) AS asked (actor, after, before), "
    'LATERAL (SELECT * FROM busy WHERE busy.actor = asked.actor AND busy."end" > asked.after '
    'AND busy."begin" < asked.before) AS b'
)

_values = attrgetter("actor", "begin", "end", "appointment", "until")

_TAKEN = select(*_ROW).where(busy.c.appointment.in_(bindparam("appointments", expanding=True)))
_LEAVE = delete(busy).where(busy.c.appointment.in_(bindparam("appointments", expanding=True))).returning(*_ROW)

_slot = openings.c.slot
_seats = (
    select(func.count(), func.min(case((busy.c.until > 0, busy.c.until), else_=FOREVER)))
    .where(busy.c.actor == _SEAT + _slot)
    .correlate(openings)
)
_count, _first = (_seats.with_only_columns(column).scalar_subquery() for column in _seats.selected_columns)
_REFRESH = (
    update(openings)
    .where(_slot.in_(bindparam("slots", expanding=True)))
    .values(free=case((openings.c.status == "free", 0), (_count >= openings.c.capacity, _first), else_=FOREVER))
)
"""A slot with as many takers as seats is free when the first hold is over; one that is busy with fewer is closed."""

_FREE_TEXT = f"""CASE WHEN openings.status = 'free' THEN 0 WHEN seats.taken >= openings.capacity THEN seats.first
    ELSE {FOREVER} END"""
_FIRST_TEXT = f"count(*) AS taken, min(CASE WHEN until > 0 THEN until ELSE {FOREVER} END) AS first"
_REFRESH_TEXT = f"""
WITH refreshed AS (
  UPDATE openings SET free = {_FREE_TEXT}
  FROM unnest({array(1, "text")}) AS asked (slot), LATERAL (
    SELECT {_FIRST_TEXT} FROM busy WHERE busy.actor = '{_SEAT}' || asked.slot
  ) AS seats
  WHERE openings.slot = asked.slot)
SELECT 1"""
_OCCUPY_TEXT = f"""
WITH taken AS (
  INSERT INTO busy (actor, "begin", "end", appointment, until) SELECT * FROM
    unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[]) RETURNING actor, until),
refreshed AS (
  UPDATE openings SET free = {_FREE_TEXT}
  FROM unnest({array(6, "text")}) AS asked (slot), LATERAL (
    SELECT {_FIRST_TEXT} FROM (
      SELECT until FROM busy WHERE busy.actor = '{_SEAT}' || asked.slot
      UNION ALL SELECT until FROM taken WHERE taken.actor = '{_SEAT}' || asked.slot) AS all_of_them
  ) AS seats
  WHERE openings.slot = asked.slot)
SELECT 1"""
"""As the driver takes them, for PostgreSQL: each booking needs the second, which sees the table as it was before."""

_SLOTS = (
    select(*OPENING)
    .join(purposes, purposes.c.number == openings.c.purpose)
    .where(
        openings.c.schedule == bindparam("schedule"),
        openings.c.begin >= bindparam("after"),
        openings.c.begin < bindparam("before"),
    )
    .order_by(openings.c.begin, openings.c.row)
)
_AT_ROWS = (
    select(*OPENING)
    .join(purposes, purposes.c.number == openings.c.purpose)
    .where(openings.c.row.in_(bindparam("rows", expanding=True)))
)
_OF_SLOTS = (
    select(*OPENING)
    .join(purposes, purposes.c.number == openings.c.purpose)
    .where(_slot.in_(bindparam("slots", expanding=True)))
)


class SqlCalendar:
    """One transaction's calendar."""

    def __init__(self, connection: Connection, lock: Callable[[Iterable[str]], None]) -> None:
        self._connection = connection
        self._lock = lock

    def lock(self, actors: Iterable[str]) -> None:
        self._lock(f"calendar {actor}" for actor in actors)

    def busy(self, actors: Iterable[str], begin: int, end: int) -> list[Occupied]:
        wanted = sorted(set(actors))
        if not wanted:
            return []
        if is_sqlite(self._connection):
            found: Iterable[Sequence[Any]] = self._connection.execute(
                _AMONG, {"actors": wanted, "after": begin, "before": end}
            )
        else:
            found = run(self._connection, _AMONG_TEXT, [texts(wanted), begin, end], binary=True, prepare=True)
        return [Occupied(*row) for row in found]

    def within(self, spans: Sequence[tuple[str, int, int]]) -> list[Occupied]:
        if not spans:
            return []
        if is_sqlite(self._connection):
            return [row for actor, begin, end in spans for row in self.busy([actor], begin, end)]
        actors, begins, ends = zip(*spans, strict=True)
        sent = [texts(actors), numbers(begins), numbers(ends)]
        return [Occupied(*row) for row in run(self._connection, _WITHIN_TEXT, sent, binary=True)]

    def taken(self, appointments: Iterable[str]) -> list[Occupied]:
        return [Occupied(*row) for row in self._connection.execute(_TAKEN, {"appointments": list(appointments)})]

    def occupy(self, rows: Sequence[Occupied], *, instead: Iterable[str] = ()) -> list[Occupied]:
        leaving = {"appointments": list(instead)}
        left = [Occupied(*row) for row in self._connection.execute(_LEAVE, leaving)] if leaving["appointments"] else []
        touched = {row.actor for row in (*rows, *left)}
        slots = sorted(actor.removeprefix(_SEAT) for actor in touched if actor.startswith(_SEAT))
        if rows and not is_sqlite(self._connection):
            actors, begins, ends, whose, untils = zip(*map(_values, rows), strict=True)
            sent = [texts(actors), numbers(begins), numbers(ends), texts(whose), numbers(untils), texts(slots)]
            run(self._connection, _OCCUPY_TEXT, sent)
            return left
        if rows:
            values = [{name: getattr(row, name) for name in Occupied.__slots__} for row in rows]
            self._connection.execute(busy.insert(), values)
        self._refresh(slots)
        return left

    def open(self, entered: Sequence[Opening]) -> None:
        for start in range(0, len(entered), _CHUNK):
            some = entered[start : start + _CHUNK]
            if not entering.enter(self._connection, some):
                self._refresh([opening.slot for opening in some if opening.status != "free"])

    def shut(self, slots: Iterable[str]) -> None:
        self._connection.execute(delete(openings).where(_slot.in_(list(slots))))

    def _refresh(self, slots: Sequence[str]) -> None:
        if not is_sqlite(self._connection):
            if slots:
                run(self._connection, _REFRESH_TEXT, [texts(slots)])
            return
        for start in range(0, len(slots), _CHUNK):
            self._connection.execute(_REFRESH, {"slots": list(slots[start : start + _CHUNK])})

    def purposes(self) -> dict[int, str]:
        return purposing.known(self._connection)

    def openings(
        self,
        begin: int,
        end: int,
        now: int,
        count: int,
        *,
        schedules: Collection[str] | None = None,
        purposes: Collection[int] | None = None,
        behind: int = 0,
    ) -> list[Opening]:
        return first_free(self._connection, Wanted(begin, end, now, count, behind, schedules, purposes))

    def slots(self, schedule: str, begin: int, end: int) -> list[Opening]:
        wanted = {"schedule": schedule, "after": begin, "before": end}
        return [Opening(*row) for row in self._connection.execute(_SLOTS, wanted)]

    def openings_of(self, slots: Iterable[str]) -> list[Opening]:
        return [Opening(*row) for row in self._connection.execute(_OF_SLOTS, {"slots": list(slots)})]

    def at_rows(self, rows: Iterable[int]) -> list[Opening]:
        return [Opening(*row) for row in self._connection.execute(_AT_ROWS, {"rows": list(rows)})]
