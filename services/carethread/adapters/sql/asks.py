"""Who is asked what, in a service's own database; see `core.ports.asks`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import Connection, and_, bindparam, delete, or_, select, update

from carethread.adapters.sql.tables import asks
from carethread.adapters.sql.upsert import upsert
from carethread.core.ports.asks import ASKED, Ask

_ASK = tuple(asks.c[name] for name in Ask.__slots__)
_OF_CAUSES = select(*_ASK).where(asks.c.cause.in_(bindparam("causes", expanding=True))).order_by(asks.c.turn)
_PAGE = 500


class SqlAsks:
    """One transaction's view of the asks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def want(self, wanted: Sequence[Ask]) -> None:
        if wanted:
            rows = [{name: getattr(each, name) for name in Ask.__slots__} for each in wanted]
            self._connection.execute(upsert(self._connection, asks).on_conflict_do_nothing(), rows)

    def decide(self, ask: Ask) -> None:
        said = {name: getattr(ask, name) for name in ("form", "language", "outcome", "decided", "response", "ending")}
        self._connection.execute(update(asks).where(asks.c.want == ask.want).values(said))

    def last(self, causes: Collection[str]) -> dict[tuple[str, str, str, str], Ask]:
        found = [Ask(*row) for row in self._connection.execute(_OF_CAUSES, {"causes": list(causes)})] if causes else []
        return {(each.programme, each.action, each.cause, each.person): each for each in found}

    def waiting(self, persons: Collection[str]) -> list[Ask]:
        theirs = select(*_ASK).where(asks.c.person.in_(sorted(persons)), asks.c.decided == 0)
        return [Ask(*row) for row in self._connection.execute(theirs.order_by(asks.c.due, asks.c.number))]

    def asked(self, persons: Collection[str], since: int) -> list[Ask]:
        theirs = select(*_ASK).where(
            asks.c.person.in_(sorted(persons)),
            asks.c.outcome == ASKED,
            or_(asks.c.decided >= since, asks.c.ended >= since, asks.c.ending == ""),
        )
        return [Ask(*row) for row in self._connection.execute(theirs.order_by(asks.c.decided, asks.c.number))]

    def of_response(self, response: str) -> Ask | None:
        row = self._connection.execute(select(*_ASK).where(asks.c.response == response)).first() if response else None
        return Ask(*row) if row else None

    def step(self, ask: Ask) -> None:
        said = {name: getattr(ask, name) for name in ("opened", "started", "ended", "ending")}
        self._connection.execute(update(asks).where(asks.c.want == ask.want).values(said))

    def between(self, begin: int, end: int) -> Iterator[Ask]:
        place = (begin, -1)
        while True:
            behind = or_(asks.c.decided > place[0], and_(asks.c.decided == place[0], asks.c.number > place[1]))
            page = (
                select(asks.c.number, *_ASK)
                .where(asks.c.decided > 0, asks.c.decided >= begin, asks.c.decided < end, behind)
                .order_by(asks.c.decided, asks.c.number)
                .limit(_PAGE)
            )
            found = [(row[0], Ask(*row[1:])) for row in self._connection.execute(page)]
            yield from (ask for _, ask in found)
            if len(found) < _PAGE:
                return
            place = found[-1][1].decided, found[-1][0]

    def forget(self, before: int, count: int) -> int:
        over = or_(asks.c.ending != "", asks.c.outcome != ASKED)
        old = (asks.c.decided > 0, asks.c.decided < before, asks.c.ended < before, over)
        some = select(asks.c.number).where(*old).order_by(asks.c.decided, asks.c.number).limit(count)
        return self._connection.execute(delete(asks).where(asks.c.number.in_(some))).rowcount
