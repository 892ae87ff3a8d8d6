"""Offers in a service's own database; see `core.ports.offers`."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from carethread.adapters.sql.tables import offers
from carethread.core.ports.offers import Offer, Outcome

_OFFER = tuple(offers.c[name] for name in Offer.__slots__)


class SqlOffers:
    """One transaction's view of the offers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, offer: Offer) -> None:
        self._connection.execute(insert(offers).values({name: getattr(offer, name) for name in Offer.__slots__}))

    def settle(self, entry: str, outcome: Outcome, now: int) -> bool:
        open_one = update(offers).where(offers.c.entry == entry, offers.c.outcome == "open")
        return bool(self._connection.execute(open_one.values(outcome=outcome, settled=now)).rowcount)

    def of_slot(self, slot: str, begin: int) -> list[Offer]:
        found = select(*_OFFER).where(offers.c.slot == slot, offers.c.offered >= begin).order_by(offers.c.number)
        return [Offer(*row) for row in self._connection.execute(found)]

    def between(self, begin: int, end: int, after: int, count: int) -> list[tuple[int, Offer]]:
        found = (
            select(offers.c.number, *_OFFER)
            .where(offers.c.offered >= begin, offers.c.offered < end, offers.c.number > after)
            .order_by(offers.c.number)
            .limit(count)
        )
        return [(number, Offer(*row)) for number, *row in self._connection.execute(found)]
