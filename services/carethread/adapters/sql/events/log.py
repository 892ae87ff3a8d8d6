"""The outbox as a log: numbered events read again, by whoever asks, without the lease.

What decides on an event is read first, without bodies; then the bodies of those that are wanted, and no more of them
than may be held at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import accumulate

from sqlalchemy import Connection, Engine, bindparam, func, select

from carethread.adapters.sql.engine import is_sqlite, reading
from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.tables import outbox, relay, versions
from carethread.adapters.sql.wake import Waker
from carethread.core.events import Event
from carethread.core.ports.log import Stretch, resumed

STRETCH = 500
"""Events that are looked at in one question."""

_SHORTEST_LOOK, _LONGEST_LOOK = 0.002, 0.1
"""Seconds between two looks whether what was written has its number: soon it has, unless no relay runs."""

_WITH_VERSION = (versions.c.row == outbox.c.row) & (versions.c.version == outbox.c.version)
_SIZE = func.length(versions.c.body)

_FIRST = select(func.min(outbox.c.sequence))
_LAST = select(relay.c.numbered).where(relay.c.name == bindparam("service"))
_UNNUMBERED = select(outbox.c.position).where(outbox.c.sequence.is_(None)).limit(1)

_HEADS = (
    select(outbox, _SIZE.label("size"))
    .join(versions, _WITH_VERSION)
    .where(outbox.c.sequence > bindparam("after"))
    .order_by(outbox.c.sequence)
    .limit(STRETCH)
)
_BODIES = (
    select(outbox.c.sequence, versions.c.body)
    .join(versions, _WITH_VERSION)
    .where(outbox.c.sequence.in_(bindparam("numbers", expanding=True)))
)


class SqlEventLog:
    """One service's events; see `core.ports.log.EventLog`. `source` makes events of rows; its lease is left alone."""

    def __init__(self, engine: Engine, source: SqlOutbox) -> None:
        self._engine = engine
        self._source = source
        self._waker = Waker(engine, source.service)

    def kept(self) -> tuple[int, int]:
        with reading(self._engine) as connection:
            return self._kept(connection)

    def _kept(self, connection: Connection) -> tuple[int, int]:
        last: int = connection.execute(_LAST, {"service": self._source.service}).scalar_one_or_none() or 0
        first: int | None = connection.execute(_FIRST).scalar_one()
        return (last + 1 if first is None else first), last

    def read(self, after: int, wanted: Callable[[Event], bool] | None = None, *, most_bytes: int) -> Stretch:
        with reading(self._engine) as connection:
            heads = connection.execute(_HEADS, {"after": after}).all()
            if not heads or heads[0].sequence != after + 1:
                resumed(self._source.service, after, self._kept(connection))
                if not heads:
                    return Stretch(after, ())
            found = [head for head in heads if wanted is None or wanted(self._source.event(head, b""))]
            largest = self._source.limits.event_bytes
            totals = accumulate(head.size if head.size <= largest else 0 for head in found)
            fitting = sum(total <= most_bytes for total in totals)
            taken = found[: max(1, fitting)]
            numbers = [head.sequence for head in taken if 0 < head.size <= largest]
            bodies = {row.sequence: row.body for row in connection.execute(_BODIES, {"numbers": numbers})}
        events = [self._source.event(head, bodies.get(head.sequence, b"" if not head.size else None)) for head in taken]
        if len(taken) < len(found):
            return Stretch(taken[-1].sequence, events)
        return Stretch(heads[-1].sequence, events)

    def wait(self, seconds: float) -> None:
        """What wakes on PostgreSQL is the write; its event gets its number some milliseconds later, unannounced."""
        end = time.monotonic() + seconds
        self._waker.wait(seconds)
        pause = _SHORTEST_LOOK
        while not is_sqlite(self._engine) and self._unnumbered() and time.monotonic() < end:
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_LOOK)

    def _unnumbered(self) -> bool:
        with reading(self._engine) as connection:
            return connection.execute(_UNNUMBERED).first() is not None
