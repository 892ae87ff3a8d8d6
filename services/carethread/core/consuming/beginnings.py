"""A bus that began anew: its positions count from the start again, and ours lie beyond its end.

So is a bus whose file or topics were lost and made again. Whatever it has is read from its beginning, for effects that
happened stay in the inbox. One that has grown past our position by then cannot be told from one that went on.

A rebuild may set positions back, too: then what lies behind them is read again, also where no event comes that would
show it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from carethread.core.consuming.reacting import Reader
from carethread.core.errors import Busy
from carethread.core.metric_names import CONSUMER_BUS_ANEW
from carethread.core.ports import Keeping, Kept, Place, Session

log = logging.getLogger(__name__)

NO_PLACES: Mapping[Place, int] = MappingProxyType({})

_LOOK_SECONDS = 30.0

_SLACK = 1
"""By how much less than it is a subscription may tell an end: the last of Kafka's offsets may be no record."""


class Beginnings:
    """One process's look at where the places of its consumer end: first of all, then every half a minute."""

    def __init__(self, reader: Reader, bus: Keeping) -> None:
        self._reader = reader
        self._bus = bus
        self._looked = float("-inf")
        self._seen: Mapping[Place, int] = {}

    def attend(self, moved: Mapping[Place, int] = NO_PLACES) -> list[Place]:
        """Set back the positions of places that began anew; returns these places, and those that others set back behind
        where this process had `moved` them, or found them.

        Raises Busy when the database is away; when the bus is, or does not tell, the look is put off.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return []
        self._looked = now
        positions = self._reader.runtime.store.positions(self._reader.name)  # first: ends only grow
        before, self._seen = self._seen, positions
        back = [
            place for place, position in positions.items() if position < max(before.get(place, 0), moved.get(place, 0))
        ]
        try:
            kept = self._bus.kept(0) if positions else {}
        except Busy as error:
            log.warning("bus_is_not_seen", extra={"consumer": self._reader.name, "reason": str(error)})
            return back
        return [*back, *self._set_back(positions, kept)]

    def _set_back(self, positions: Mapping[Place, int], kept: Mapping[Place, Kept]) -> list[Place]:
        anew = [place for place, p in positions.items() if place in kept and kept[place].end + _SLACK < p]
        for place in anew:
            work = partial(self._begin, place=place, position=positions[place], start=kept[place].start)
            if self._reader.runtime.store.transact(work):
                self._reader.observe(CONSUMER_BUS_ANEW, 1)
                where = {"topic": place[0], "partition": place[1], "from": positions[place], "end": kept[place].end}
                log.error("bus_began_anew", extra={"consumer": self._reader.name, **where})
        return anew

    def _begin(self, session: Session, place: Place, position: int, start: int) -> bool:
        """Whether it was this process that set the position back."""
        if session.advance(self._reader.name, *place, position, start) is None:
            return False
        session.held.displace(self._reader.name, *place)
        return True
