"""The register of who answers for whom in a service's own database; see `core.ports.register`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from carethread.adapters.sql.tables import accountable
from carethread.core.ports.register import Answering

_ANSWERING = tuple(accountable.c[name] for name in Answering.__slots__)
_PATIENTS = accountable.c.patient.in_(bindparam("patients", expanding=True))
_IN_ORDER = (accountable.c.patient, accountable.c.since)
_THEIRS = accountable.c.patient == bindparam("person")

_AT = select(*_ANSWERING).where(
    _PATIENTS, accountable.c.since <= bindparam("moment"), accountable.c.until > bindparam("moment")
)
_BETWEEN = (
    select(*_ANSWERING)
    .where(_PATIENTS, accountable.c.since < bindparam("end"), accountable.c.until > bindparam("begin"))
    .order_by(*_IN_ORDER)
)
_MEMBERS = (
    select(accountable.c.member)
    .distinct()
    .where(accountable.c.since < bindparam("end"), accountable.c.until > bindparam("begin"))
)
_BORNE = (
    select(*_ANSWERING)
    .where(
        accountable.c.member.in_(bindparam("members", expanding=True)),
        accountable.c.until > bindparam("moment"),
        accountable.c.patient > bindparam("after"),
    )
    .order_by(*_IN_ORDER)
    .limit(bindparam("count"))
)
_OPEN = select(*_ANSWERING).where(
    _THEIRS, accountable.c.since < bindparam("begin"), accountable.c.until > bindparam("begin")
)
_FORGET = delete(accountable).where(_THEIRS, accountable.c.since >= bindparam("begin"))
_END = update(accountable).where(_THEIRS, accountable.c.since == bindparam("began")).values(until=bindparam("ends"))


class SqlRegister:
    """One transaction's view of the register."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def at(self, patients: Collection[str], moment: int) -> dict[str, Answering]:
        asked = {"patients": list(patients), "moment": moment}
        return {row.patient: Answering(*row) for row in self._connection.execute(_AT, asked)} if patients else {}

    def between(self, patients: Collection[str], begin: int, end: int) -> list[Answering]:
        asked = {"patients": list(patients), "begin": begin, "end": end}
        return [Answering(*row) for row in self._connection.execute(_BETWEEN, asked)] if patients else []

    def members(self, begin: int, end: int) -> set[str]:
        return set(self._connection.execute(_MEMBERS, {"begin": begin, "end": end}).scalars())

    def borne(self, members: Collection[str], moment: int, after: str, count: int) -> list[Answering]:
        asked = {"members": list(members), "moment": moment, "after": after, "count": count + 1}
        found: list[Row[Any]] = list(self._connection.execute(_BORNE, asked)) if members else []
        if len(found) > count and found[0].patient != (cut := found[-1].patient):
            found = [row for row in found if row.patient != cut]
        return [Answering(*row) for row in found]

    def plan(self, patient: str, begin: int, planned: Sequence[Answering]) -> None:
        self._connection.execute(_FORGET, {"person": patient, "begin": begin})
        rows = [{name: getattr(one, name) for name in Answering.__slots__} for one in planned]
        if row := self._connection.execute(_OPEN, {"person": patient, "begin": begin}).first():
            standing = Answering(*row)
            first = planned[0] if planned else None
            goes_on = first and (first.since, first.member, first.team) == (begin, standing.member, standing.team)
            ends = first.until if first and goes_on else begin
            if ends != standing.until:
                self._connection.execute(_END, {"person": patient, "began": standing.since, "ends": ends})
            rows = rows[1:] if goes_on else rows
        if rows:
            self._connection.execute(insert(accountable), rows)
