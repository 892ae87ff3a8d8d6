"""What a service publishes beside its resources' versions; see `core.ports.postbox`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, insert, select

from carethread.adapters.sql.engine import glancing, writing
from carethread.adapters.sql.events.headers import pack, unpack
from carethread.adapters.sql.tables import messages
from carethread.core.events import Event
from carethread.core.ports import Post


def post(connection: Connection, event: Event) -> None:
    """Enter an event into the postbox, in the transaction of its cause."""
    row = {
        "ce_id": event.id,
        "type": event.resource_type,
        "id": event.resource_id,
        "verb": event.verb,
        "time": event.time,
        "key": event.key,
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
            rows = connection.execute(select(messages).order_by(messages.c.number).limit(limit)).all()
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
                    key=row.key,
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
