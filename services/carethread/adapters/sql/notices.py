"""The readers of notices in a service's own database; see `core.ports.notices`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, case, func, literal_column, select, update

from carethread.adapters.sql.tables import recipients
from carethread.adapters.sql.upsert import upsert
from carethread.core.ports.calendar import FOREVER
from carethread.core.ports.notices import Recipient, Tally

_RECIPIENT = tuple(recipients.c[name] for name in Recipient.__slots__)
_OUTSTANDING: ColumnElement[bool] = literal_column("acknowledged = 0 AND departed = 0")  # as the index spells it
_AT_ONCE = 1_000


class SqlNotices:
    """One transaction's view of who is to read what."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def enter(self, entered: Sequence[Recipient]) -> None:
        fresh = upsert(self._connection, recipients)
        back = {name: fresh.excluded[name] for name in ("cause", "since", "due", "departed")}
        statement = fresh.on_conflict_do_update(
            index_elements=["notice", "reader"], set_=back, where=recipients.c.departed > 0
        )
        rows = [{name: getattr(each, name) for name in Recipient.__slots__} for each in entered]
        for start in range(0, len(rows), _AT_ONCE):
            self._connection.execute(statement, rows[start : start + _AT_ONCE])

    def entered(self, notice: str, names: Collection[str]) -> Recipient | None:
        theirs = select(*_RECIPIENT).where(recipients.c.notice == notice, recipients.c.reader.in_(sorted(names)))
        row = self._connection.execute(theirs.order_by(recipients.c.reader).limit(1)).first()
        return Recipient(*row) if row else None

    def acknowledge(self, notice: str, reader: str, now: int) -> None:
        theirs = (recipients.c.notice == notice, recipients.c.reader == reader, recipients.c.acknowledged == 0)
        self._connection.execute(update(recipients).where(*theirs).values(acknowledged=now, departed=0))

    def depart(self, notice: str, readers: Collection[str] | None, now: int) -> None:
        gone = update(recipients).where(recipients.c.notice == notice, _OUTSTANDING).values(departed=now)
        if readers is None:
            self._connection.execute(gone)
            return
        some = sorted(readers)
        for start in range(0, len(some), _AT_ONCE):
            self._connection.execute(gone.where(recipients.c.reader.in_(some[start : start + _AT_ONCE])))

    def tally(self, notice: str) -> Tally:
        found = self._connection.execute(
            select(
                func.count(),
                func.count(case((recipients.c.acknowledged > 0, 1))),
                func.count(case((recipients.c.departed > 0, 1))),
                func.min(case((_OUTSTANDING, recipients.c.due))),
            ).where(recipients.c.notice == notice)
        ).one()
        readers, acknowledged, departed, soonest = found
        return Tally(readers, acknowledged, departed, FOREVER if soonest is None else soonest)

    def of_notice(self, notice: str, after: str, count: int, *, outstanding: bool = False) -> list[Recipient]:
        some = select(*_RECIPIENT).where(recipients.c.notice == notice, recipients.c.reader > after)
        some = some.where(_OUTSTANDING) if outstanding else some
        return [Recipient(*row) for row in self._connection.execute(some.order_by(recipients.c.reader).limit(count))]

    def unread(self, readers: Collection[str], count: int) -> list[Recipient]:
        theirs = select(*_RECIPIENT).where(recipients.c.reader.in_(list(readers)), _OUTSTANDING)
        in_order = theirs.order_by(recipients.c.due, recipients.c.notice, recipients.c.reader).limit(count)
        return [Recipient(*row) for row in self._connection.execute(in_order)] if readers else []
