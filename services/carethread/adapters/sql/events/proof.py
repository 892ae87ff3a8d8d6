"""Whether everything that was committed in a period was published: asked of the tables that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Engine, and_, func, select

from carethread.adapters.sql.engine import reading
from carethread.adapters.sql.tables import outbox, relay, resources, versions

MOST = 1000
"""Gaps of a service that are named one by one."""


@dataclass(frozen=True, slots=True)
class Gap:
    """An event that is missing, or a stretch of numbers; `time` is in microseconds, 0 where it is not known."""

    why: Literal["no-event", "not-numbered", "not-published", "number-missing"]
    subject: str
    time: int = 0


@dataclass(frozen=True, slots=True)
class Published:
    """What a service committed in a period, and how much of that the bus has taken; with the numbers it has."""

    committed: int
    published: int
    first: int
    last: int
    gaps: Sequence[Gap]

    @property
    def missing(self) -> int:
        """How many gaps there are; not all of them are named."""
        return max(len(self.gaps), self.committed - self.published)


def published(engine: Engine, service: str, types: Sequence[str], begin: int, before: int) -> Published:
    """Look at [begin, before). What retention has removed from the outbox is not judged any more."""
    period = (outbox.c.time >= begin, outbox.c.time < before)
    with reading(engine) as connection:
        sent: int = connection.execute(select(relay.c.sent).where(relay.c.name == service)).scalar() or 0
        count, numbered, first, last = connection.execute(
            select(
                func.count(),
                func.count(outbox.c.sequence).filter(outbox.c.sequence <= sent),
                func.min(outbox.c.sequence),
                func.max(outbox.c.sequence),
            ).where(*period)
        ).one()
        left = connection.execute(
            select(outbox.c.type, outbox.c.id, outbox.c.version, outbox.c.time, outbox.c.sequence)
            .where(*period, (outbox.c.sequence > sent) | outbox.c.sequence.is_(None))
            .order_by(outbox.c.position)
            .limit(MOST)
        ).all()
        gaps = [
            Gap(
                "not-published" if row.sequence else "not-numbered",
                f"{row.type}/{row.id}/_history/{row.version}",
                row.time,
            )
            for row in left
        ]
        if first is not None:
            numbers = connection.execute(
                select(func.count()).where(outbox.c.sequence.between(first, last))
            ).scalar_one()
            if numbers != last - first + 1:
                missing = last - first + 1 - numbers
                gaps.append(Gap("number-missing", f"{missing} of the numbers {first} to {last}"))
        kept = select(outbox.c.time).where(outbox.c.sequence.is_not(None)).order_by(outbox.c.sequence).limit(1)
        oldest = connection.execute(kept).scalar()
        mute = connection.execute(
            select(versions.c.type, resources.c.id, versions.c.version, versions.c.updated)
            .join(resources, resources.c.row == versions.c.row)
            .outerjoin(outbox, and_(outbox.c.row == versions.c.row, outbox.c.version == versions.c.version))
            .where(
                versions.c.type.in_(types),
                versions.c.updated >= max(begin, oldest if oldest is not None else begin),
                versions.c.updated < before,
                outbox.c.position.is_(None),
            )
            .limit(MOST)
        ).all()
    gaps += [Gap("no-event", f"{row.type}/{row.id}/_history/{row.version}", row.updated) for row in mute]
    return Published(count + len(mute), numbered, first or 0, last or 0, gaps)
