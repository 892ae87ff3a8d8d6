"""How a service's events are, asked of its database; see `core.ports.vitals`."""

from __future__ import annotations

from sqlalchemy import Engine, func, select

from carethread.adapters.sql.engine import reading
from carethread.adapters.sql.tables import (
    dead_letters,
    messages,
    notifications,
    outbox,
    relay,
    requests,
    subscribers,
    timers,
)
from carethread.core.ports.vitals import Vitals


def vitals(engine: Engine, service: str) -> Vitals:
    """Look. Raises Busy when the database is away."""
    sent = func.coalesce(select(relay.c.sent).where(relay.c.name == service).scalar_subquery(), 0)
    with reading(engine) as connection:
        ask = connection.execute
        late = ask(select(outbox.c.time).where(outbox.c.sequence > sent).order_by(outbox.c.sequence).limit(1)).scalar()
        new = ask(select(func.min(outbox.c.time)).where(outbox.c.sequence.is_(None))).scalar()
        dead = ask(select(func.count()).where(dead_letters.c.state == "dead")).scalar_one()
        waiting, since = ask(
            select(func.count(), func.min(notifications.c.matched)).where(notifications.c.state == "pending")
        ).one()
        failed = ask(select(func.count()).where(subscribers.c.status == "error")).scalar_one()
        posted, oldest = ask(select(func.count(), func.min(messages.c.time))).one()
        failing = ask(select(func.count()).where(timers.c.failure != "")).scalar_one()
        first = ask(select(timers.c.next).where(timers.c.failure == "").order_by(timers.c.next).limit(1)).scalar()
        asked, asked_since = ask(
            select(func.count(), func.min(requests.c.since)).where(requests.c.state == "waiting")
        ).one()
        refused = ask(select(func.count()).where(requests.c.state == "refused")).scalar_one()
    unsent = min((each for each in (late, new) if each is not None), default=0)
    return Vitals(
        unsent,
        dead,
        waiting,
        since or 0,
        failed,
        posted,
        oldest or 0,
        failing,
        first or 0,
        asked,
        asked_since or 0,
        refused,
    )
