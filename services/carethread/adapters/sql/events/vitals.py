"""How a service's events are, asked of its database: what waits, and since when."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from carethread.adapters.sql.engine import reading
from carethread.adapters.sql.tables import dead_letters, messages, notifications, outbox, relay, subscribers


@dataclass(frozen=True, slots=True)
class Vitals:
    """`unsent_since` and `waiting_since` are in microseconds, 0: nothing is unsent, or waits.

    `posted` are messages in the postbox, the oldest of which happened at `posted_since` (0: there is none).

    `waiting` are notifications that are not settled, `in_error` subscriptions whose delivery was given up.
    """

    unsent_since: int = 0
    dead_letters: int = 0
    waiting: int = 0
    waiting_since: int = 0
    in_error: int = 0
    posted: int = 0
    posted_since: int = 0


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
    unsent = min((each for each in (late, new) if each is not None), default=0)
    return Vitals(unsent, dead, waiting, since or 0, failed, posted, oldest or 0)
