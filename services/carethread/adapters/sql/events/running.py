"""Which processes run, as a service's database knows it: who leads the relay, which loops have come round, what nobody
serves.

A loop says now and then that it goes round, by the database's clock, so that who looks needs neither the process nor
its machine's clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, delete, func, select

from carethread.adapters.sql.engine import NOW_MICROS, micros, reading, writing
from carethread.adapters.sql.tables import beats, mirrors, outbox, relay, subscribers
from carethread.adapters.sql.upsert import upsert
from carethread.core.errors import Busy

EVERY_SECONDS = 10.0
"""Between two signs of life: each is a write."""

_FORGOTTEN_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Leading:
    """The relay: who leads, none where the lease is over; and how many events are not marked as sent."""

    holder: str
    unsent: int


class Beats:
    """The signs of life of one loop of this process; called by it each time that it comes round."""

    def __init__(self, engine: Engine, part: str, holder: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._row = {"part": part, "holder": holder}
        self._clock = clock
        self._last = float("-inf")

    def __call__(self) -> None:
        """Say so, unless it was said just now, or the database is away: then there is nobody to whom to say it."""
        now = self._clock()
        if now - self._last < EVERY_SECONDS:
            return
        try:
            with writing(self._engine) as connection:
                clock = NOW_MICROS[connection.dialect.name]
                stated = upsert(connection, beats).values(self._row | {"seen": clock})
                connection.execute(
                    stated.on_conflict_do_update(
                        index_elements=[beats.c.part, beats.c.holder], set_={"seen": stated.excluded.seen}
                    )
                )
                connection.execute(delete(beats).where(beats.c.seen < clock - micros(_FORGOTTEN_SECONDS)))
        except Busy:
            return
        self._last = now


def leading(engine: Engine, service: str) -> Leading:
    """Who leads the relay now. Raises Busy."""
    with reading(engine) as connection:
        clock = NOW_MICROS[connection.dialect.name]
        asked = select(relay.c.holder, relay.c.sent, relay.c.expires > clock).where(relay.c.name == service)
        holder, sent, leads = connection.execute(asked).one_or_none() or ("", 0, False)
        waiting = outbox.c.sequence.is_(None) | (outbox.c.sequence > sent)
        unsent = connection.execute(select(func.count()).select_from(outbox).where(waiting)).scalar_one()
    return Leading(holder if leads else "", unsent)


def came_round(engine: Engine) -> dict[str, float]:
    """How many seconds ago each kind of loop last came round, in whichever process. Raises Busy."""
    with reading(engine) as connection:
        ago = NOW_MICROS[connection.dialect.name] - func.max(beats.c.seen)
        found = connection.execute(select(beats.c.part, ago).group_by(beats.c.part))
        return {part: max(0, each) / 1_000_000 for part, each in found}


_FILLING = select(mirrors.c.type).where(
    mirrors.c.place.is_not(None),
    mirrors.c.type.not_like("%:facts:%"),  # for these nothing waits
)


def filling(engine: Engine) -> list[str]:
    """The types whose mirrors are being filled: until then their service consumes nothing. Raises Busy."""
    with reading(engine) as connection:
        return list(connection.execute(_FILLING).scalars())


def channels(engine: Engine) -> list[str]:
    """The channels of subscriptions that are not off. Raises Busy."""
    with reading(engine) as connection:
        used = select(subscribers.c.channel).where(subscribers.c.status != "off").distinct()
        return sorted(connection.execute(used).scalars())
