"""Needs and when they were open, in a service's own database; see `core.ports.needs`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from sqlalchemy import BindParameter, Connection, and_, bindparam, delete, exists, func, insert, or_, select, update

from carethread.adapters.sql.tables import accountable, needs
from carethread.core.ports.calendar import FOREVER
from carethread.core.ports.needs import Looked, Need

_NEED = tuple(needs.c[name] for name in Need.__slots__)
_BEGIN: BindParameter[int] = bindparam("begin")
_END: BindParameter[int] = bindparam("end")
_WITHIN = (needs.c.since < _END, needs.c.until > _BEGIN)

_OPEN = select(*_NEED).where(needs.c.need.in_(bindparam("those", expanding=True)), needs.c.until == FOREVER)
_THIS = and_(needs.c.need == bindparam("which"), needs.c.since == bindparam("began"))
_CLOSE = update(needs).where(_THIS).values(until=bindparam("ends"))
_DROP = delete(needs).where(_THIS)
_BETWEEN = (
    select(*_NEED)
    .where(needs.c.patient.in_(bindparam("patients", expanding=True)), *_WITHIN)
    .order_by(needs.c.patient, needs.c.since, needs.c.need)
)
_LOOKED = select(func.count(needs.c.patient.distinct()), func.count(needs.c.need.distinct()), func.count()).where(
    *_WITHIN
)
_ANSWERING = select(func.count()).where(accountable.c.since < _END, accountable.c.until > _BEGIN)
_COVERED = exists().where(
    accountable.c.patient == needs.c.patient,
    accountable.c.member.not_in(bindparam("nobody", expanding=True)),
    or_(accountable.c.since <= needs.c.since, accountable.c.since <= _BEGIN),
    or_(accountable.c.until >= needs.c.until, accountable.c.until >= _END),
)
_DOUBTFUL = (
    select(needs.c.patient)
    .distinct()
    .where(needs.c.patient > bindparam("after"), *_WITHIN, ~_COVERED)
    .order_by(needs.c.patient)
    .limit(bindparam("count"))
)


class SqlNeeds:
    """One transaction's view of the needs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, states: Mapping[str, tuple[str, int]]) -> None:
        if not states:
            return
        found = self._connection.execute(_OPEN, {"those": list(states)})
        standing = {row[0]: Need(*row) for row in found}
        over = [each for need, each in standing.items() if states[need][0] != each.patient]
        ended = [replace(each, until=max(each.since, states[each.need][1])) for each in over]
        if brief := [each for each in ended if each.until == each.since]:
            self._connection.execute(_DROP, [{"which": each.need, "began": each.since} for each in brief])
        if closed := [each for each in ended if each.until > each.since]:
            rows = [{"which": each.need, "began": each.since, "ends": each.until} for each in closed]
            self._connection.execute(_CLOSE, rows)
        begun = {each.need: each.until for each in ended}
        opened = [
            {"need": need, "patient": patient, "since": max(at, begun.get(need, at)), "until": FOREVER}
            for need, (patient, at) in states.items()
            if patient and (need not in standing or need in begun)
        ]
        if opened:
            self._connection.execute(insert(needs), opened)

    def between(self, patients: Collection[str], begin: int, end: int) -> list[Need]:
        asked = {"patients": list(patients), "begin": begin, "end": end}
        return [Need(*row) for row in self._connection.execute(_BETWEEN, asked)] if patients else []

    def looked(self, begin: int, end: int) -> Looked:
        asked = {"begin": begin, "end": end}
        persons, some, open_ = self._connection.execute(_LOOKED, asked).one()._tuple()
        return Looked(persons, some, open_, self._connection.execute(_ANSWERING, asked).scalar_one())

    def doubtful(self, begin: int, end: int, after: str, count: int, nobody: Collection[str] = ()) -> list[str]:
        asked = {"begin": begin, "end": end, "after": after, "count": count, "nobody": list(nobody)}
        return list(self._connection.execute(_DOUBTFUL, asked).scalars())
