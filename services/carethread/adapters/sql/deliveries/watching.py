"""What an alarm is judged by: when each subscriber was last told of something, and since when something waits for
it."""

from __future__ import annotations

from sqlalchemy import Connection, and_, func, select

from carethread.adapters.sql.deliveries.rows import subscriber_of
from carethread.adapters.sql.tables import notifications, subscribers
from carethread.core.ports.deliveries import Watched


def watched(connection: Connection, after: str, limit: int) -> list[Watched]:
    """Subscribers that are not off, in order of ids behind one. Each costs two looks into an index."""
    last = (
        select(notifications.c.matched)
        .where(
            notifications.c.subscription == subscribers.c.subscription, notifications.c.number == subscribers.c.number
        )
        .scalar_subquery()
    )
    first = (
        select(func.min(notifications.c.number))
        .where(notifications.c.subscription == subscribers.c.subscription, notifications.c.state == "pending")
        .scalar_subquery()
    )
    oldest = notifications.alias("oldest")
    found = connection.execute(
        select(subscribers, last.label("matched"), oldest.c.matched.label("waits"))
        .select_from(subscribers)
        .outerjoin(oldest, and_(oldest.c.subscription == subscribers.c.subscription, oldest.c.number == first))
        .where(subscribers.c.subscription > after, subscribers.c.status != "off")
        .order_by(subscribers.c.subscription)
        .limit(limit)
    )
    return [Watched(subscriber_of(row), row.matched or 0, row.waits or 0) for row in found]
