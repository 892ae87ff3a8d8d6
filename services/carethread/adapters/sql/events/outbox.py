"""The outbox: committed events numbered without gaps and handed out in that order, to one leader at a time.

The lease is a row; its epoch says whose turn it is and the database's clock when it ends. Numbers are given only while
that row is locked and only to rows that are committed by then: a transaction that commits late gets a later number,
never none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Engine, Row, Select, Update, bindparam, case, func, select, update

from carethread.adapters.sql.changes import changes_of
from carethread.adapters.sql.engine import NOW_MICROS, glancing, is_sqlite, micros, reading, writing
from carethread.adapters.sql.tables import outbox, relay, versions
from carethread.adapters.sql.upsert import upsert
from carethread.core.clock import instant
from carethread.core.events import Event
from carethread.core.fhir.json import render
from carethread.core.service import Limits

BATCH_BYTES = 4 * 1024 * 1024
"""Bytes of bodies that `take` returns at once, beyond its first event."""

_FRESH = 0.75
"""A lease of which less than this share is left is renewed: a relay in silence looks when half of it is over."""

_WITH_VERSION = (versions.c.row == outbox.c.row) & (versions.c.version == outbox.c.version)
_SIZE = func.length(versions.c.body)

_NEWS = select(outbox.c.position).where(outbox.c.sequence.is_(None)).exists().label("news")

_SIZES = (
    select(outbox.c.sequence, _SIZE)
    .join(versions, _WITH_VERSION)
    .where(outbox.c.sequence > bindparam("sent"), outbox.c.sequence <= bindparam("last"))
    .order_by(outbox.c.sequence)
)
"""Bounded on both sides, for numbers have no gaps: a plan made while the table is small stays good as it grows."""

_BODY = case((_SIZE.between(0, bindparam("event_bytes")), versions.c.body))  # what is too large is not even read
_FOLLOWING = (
    select(outbox, _BODY.label("body"))
    .join(versions, _WITH_VERSION)
    .where(outbox.c.sequence > bindparam("sent"), outbox.c.sequence <= bindparam("last"))
    .order_by(outbox.c.sequence)
)

_UNNUMBERED = (
    select(outbox.c.position)
    .where(outbox.c.sequence.is_(None))
    .order_by(outbox.c.position)
    .limit(bindparam("most"))
    .subquery()
)
_GIVEN = select(
    _UNNUMBERED.c.position,
    (bindparam("numbered", type_=BigInteger) + func.row_number().over(order_by=_UNNUMBERED.c.position)).label(
        "sequence"
    ),
).subquery()
_NUMBER = update(outbox).values(sequence=_GIVEN.c.sequence).where(outbox.c.position == _GIVEN.c.position)

_RENEW_QUIETLY = (
    f"UPDATE relay SET sent = max(sent, :sent), expires = {NOW_MICROS['sqlite']} + :lasts"
    " WHERE name = :service AND epoch = :epoch"
)


class _Made(NamedTuple):
    """The statements that ask the database's clock."""

    look: Select[tuple[int, int, int, int, bool]]
    lease_locked: Select[tuple[int, int, int, int]]
    renew: Update


@cache
def _made(dialect: str) -> _Made:
    """Made once for a dialect, see `statements`."""
    now = NOW_MICROS[dialect]
    lease = select(relay.c.epoch, relay.c.numbered, relay.c.sent, (relay.c.expires - now).label("left")).where(
        relay.c.name == bindparam("service")
    )
    renewed = {"numbered": bindparam("_numbered"), "sent": bindparam("_sent"), "expires": now + bindparam("lasts")}
    renew = update(relay).where(relay.c.name == bindparam("service")).values(renewed)
    return _Made(lease.add_columns(_NEWS), lease.with_for_update(), renew)


@dataclass(frozen=True, slots=True)
class SqlOutbox:
    """One service's outbox; see `core.ports.Outbox`. `base_url` is the FHIR base that `dataref` leads to."""

    engine: Engine
    service: str
    base_url: str
    limits: Limits = field(default_factory=Limits)
    batch_bytes: int = BATCH_BYTES

    def lead(self, holder: str, seconds: float) -> int | None:
        """Take the lease when it is free, over or already the holder's; returns the new epoch. Raises Busy."""
        with writing(self.engine) as connection:
            fresh = {"name": self.service, "holder": "", "epoch": 0, "expires": 0, "numbered": 0, "sent": 0}
            connection.execute(upsert(connection, relay).values(fresh).on_conflict_do_nothing())
            now = NOW_MICROS[connection.dialect.name]
            free = (relay.c.expires <= now) | (relay.c.holder == holder)
            return connection.execute(
                update(relay)
                .where(relay.c.name == self.service, free)
                .values(holder=holder, epoch=relay.c.epoch + 1, expires=now + micros(seconds))
                .returning(relay.c.epoch)
            ).scalar_one_or_none()

    def take(self, epoch: int, sent_through: int, limit: int, seconds: float) -> list[Event] | None:
        """Mark what was sent, number what is new, and return up to `limit` events that follow, in order.

        `sent_through` is the last sequence that was sent, 0 for nothing yet; `seconds` is how long the lease lasts from
        now on. While nothing is new, nothing is written: a waiting relay does not wake itself, and what it sent last is
        marked with the next batch or the next renewal. None when the epoch is over. Raises Busy.
        """
        if limit and self._nothing_new(epoch, sent_through, seconds):
            return []
        with writing(self.engine) as connection:
            statements = _made(connection.dialect.name)
            lease = connection.execute(statements.lease_locked, {"service": self.service}).one_or_none()
            if lease is None or lease.epoch != epoch:
                return None
            sent = max(lease.sent, sent_through)
            numbered = lease.numbered + _number(connection, lease.numbered, limit)
            if (numbered, sent) != (lease.numbered, lease.sent) or lease.left < micros(seconds * _FRESH):
                renewed = {"service": self.service, "_numbered": numbered, "_sent": sent, "lasts": micros(seconds)}
                connection.execute(statements.renew, renewed)
            return self._following(connection, sent, min(numbered, sent + limit)) if limit and numbered > sent else []

    def _nothing_new(self, epoch: int, sent_through: int, seconds: float) -> bool:
        """Whether the lease is ours, and fresh or renewed, and every event is sent; asked without the write lock."""
        with glancing(self.engine) as connection:
            lease = connection.execute(_made(connection.dialect.name).look, {"service": self.service}).one_or_none()
        if lease is None or (lease.epoch, lease.numbered) != (epoch, sent_through):
            return False
        if lease.news:
            return False
        return lease.left >= micros(seconds * _FRESH) or self._renewed(epoch, sent_through, seconds)

    def _renewed(self, epoch: int, sent_through: int, seconds: float) -> bool:
        """Whether the lease was renewed without waking those who wait for news; on SQLite, when nobody else writes."""
        if not is_sqlite(self.engine):
            return False
        values = {"service": self.service, "epoch": epoch, "sent": sent_through, "lasts": micros(seconds)}
        return changes_of(self.engine.url.database or "").quietly(_RENEW_QUIETLY, values)

    def backlog(self) -> int:
        """How many events are not marked as sent, numbered or not. Raises Busy."""
        numbered = select(relay.c.numbered - relay.c.sent).where(relay.c.name == self.service).scalar_subquery()
        unnumbered = select(func.count()).where(outbox.c.sequence.is_(None)).scalar_subquery()
        with reading(self.engine) as connection:
            unsent: int = connection.execute(select(func.coalesce(numbered, 0) + unnumbered)).scalar_one()
        return unsent

    def resign(self, epoch: int) -> None:
        """Give the lease back at once, when the epoch still holds. Raises Busy."""
        with writing(self.engine) as connection:
            connection.execute(
                update(relay).where(relay.c.name == self.service, relay.c.epoch == epoch).values(expires=0)
            )

    def _following(self, connection: Connection, sent: int, last: int) -> list[Event]:
        """The events after `sent` up to `last`: as many as fit into the batch, at least one."""
        sizes = connection.execute(_SIZES, {"sent": sent, "last": last}).all()
        totals = accumulate(size for _, size in sizes)
        through = [sequence for (sequence, _), total in zip(sizes, totals, strict=True) if total <= self.batch_bytes]
        last = through[-1] if through else sizes[0].sequence
        bounds = {"sent": sent, "last": last, "event_bytes": self.limits.event_bytes}
        rows = connection.execute(_FOLLOWING, bounds)
        return [self.event(row, row.body) for row in rows]

    def event(self, row: Row[tuple[object, ...]], body: bytes | None) -> Event:
        """The event of a row and the body of its version: empty for a deletion, None where it is too large."""
        return Event(
            service=self.service,
            data=bytes(body) if body else _stub(row),
            sequence=row.sequence,
            dataschema=row.dataschema,
            traceparent=row.traceparent,
            dataref=f"{self.base_url}/{row.type}/{row.id}/_history/{row.version}" if body is None else "",
            **told(row),
        )


def told(row: Row[Any]) -> dict[str, Any]:
    """What a row of the outbox says of its event, whoever it is told to."""
    return {
        "id": row.ce_id,
        "verb": row.verb,
        "resource_type": row.type,
        "resource_id": row.id,
        "version": row.version,
        "time": row.time,
        "key": row.key,
        "department": row.department,
        "backfill": row.backfill,
        "changed": tuple(filter(None, row.changed.split(","))),
        "previous_status": row.previous_status,
    }


def _number(connection: Connection, numbered: int, limit: int) -> int:
    """Give the next numbers to unnumbered rows, in the order of their positions; returns to how many."""
    return connection.execute(_NUMBER, {"numbered": numbered, "most": limit}).rowcount


def _stub(row: Row[tuple[object, ...]]) -> bytes:
    """What stands for a resource that is deleted, or too large for an event."""
    meta = {"versionId": str(row.version), "lastUpdated": instant(row.time)}
    return render({"resourceType": row.type, "id": row.id, "meta": meta})
