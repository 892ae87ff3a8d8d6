"""What a service publishes beside its resources' versions; see `core.ports.postbox`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select

from carethread.adapters.sql.engine import glancing, writing
from carethread.adapters.sql.events.headers import pack, unpack
from carethread.adapters.sql.events.outbox import BATCH_BYTES
from carethread.adapters.sql.tables import messages
from carethread.core.events import Event
from carethread.core.ports import Post

_SIZES = (
    select(messages.c.number, func.length(messages.c.value) + func.length(messages.c.extra))
    .order_by(messages.c.number)
    .limit(bindparam("limit"))
)
"""Made once: every relay asks it again and again."""


def post(connection: Connection, event: Event) -> None:
    """Enter an event into the postbox, in the transaction of its cause."""
    row = {
        "ce_id": event.id,
        "type": event.resource_type,
        "id": event.resource_id,
        "verb": event.verb,
        "time": event.time,
        "key": event.key.encode(),
        "traceparent": event.traceparent,
        "extra": pack(event.extra),
        "value": event.data,
    }
    connection.execute(insert(messages).values(row))


@dataclass(frozen=True, slots=True)
class SqlPostbox:
    """One service's postbox; see `core.ports.Postbox`."""

    engine: Engine
    service: str

    def waiting(self, limit: int) -> list[Post]:
        with glancing(self.engine) as connection:
            sizes = connection.execute(_SIZES, {"limit": limit}).all()
            if not sizes:
                return []
            totals = accumulate(size for _, size in sizes)
            fitting = [number for (number, _), total in zip(sizes, totals, strict=True) if total <= BATCH_BYTES]
            last = fitting[-1] if fitting else sizes[0][0]
            rows = connection.execute(
                select(messages).where(messages.c.number <= last).order_by(messages.c.number).limit(limit)
            ).all()
        return [
            Post(
                row.number,
                Event(
                    id=row.ce_id,
                    service=self.service,
                    verb=row.verb,
                    resource_type=row.type,
                    resource_id=row.id,
                    version=1,
                    time=row.time,
                    key=bytes(row.key).decode(),
                    data=bytes(row.value),
                    traceparent=row.traceparent,
                    extra=tuple(unpack(bytes(row.extra))),
                ),
            )
            for row in rows
        ]

    def sent(self, numbers: Sequence[int]) -> None:
        with writing(self.engine) as connection:
            connection.execute(delete(messages).where(messages.c.number.in_(numbers)))
