"""What the ledger need not keep for ever: notifications that were acknowledged long ago, tokens that have expired.

Each call forgets a little in one transaction, as those of the events' retention do. What is pending, parked or
quarantined stays, and so does the number of each that is left.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, delete, exists, select

from carethread.adapters.sql.engine import glancing, writing
from carethread.adapters.sql.tables import binding_tokens, forgotten, notifications, subscribers
from carethread.adapters.sql.upsert import upsert

_AT_ONCE = 500
_WHAT = "notifications"
_BOUND = select(forgotten.c.before).where(forgotten.c.what == _WHAT)


def forget_told(engine: Engine, older_than: int) -> int:
    """Delete acknowledged notifications of events before a moment (microseconds) that were settled before it, of one
    subscription; returns how many. Raises Busy."""
    old = (
        notifications.c.time < older_than,  # the index by subscription and time finds it
        notifications.c.state == "acknowledged",
        notifications.c.settled < older_than,
    )
    has_some = exists().where(notifications.c.subscription == subscribers.c.subscription, *old)
    with glancing(engine) as connection:
        whose = connection.execute(select(subscribers.c.subscription).where(has_some).limit(1)).scalar()
    if whose is None:
        return 0
    mine = (notifications.c.subscription == whose, *old)
    with writing(engine) as connection:
        found = select(notifications.c.number).where(*mine).order_by(notifications.c.time).limit(_AT_ONCE)
        numbers = connection.execute(found).scalars().all()
        _note(connection, older_than)
        gone = delete(notifications).where(notifications.c.number.in_(numbers), *mine)
        return connection.execute(gone).rowcount


def forget_tokens(engine: Engine, older_than: int) -> int:
    """Delete tokens that expired before a moment (microseconds); returns how many. Raises Busy."""
    with writing(engine) as connection:
        old = select(binding_tokens.c.digest).where(binding_tokens.c.expires < older_than).limit(_AT_ONCE)
        return connection.execute(delete(binding_tokens).where(binding_tokens.c.digest.in_(old))).rowcount


def kept_since(connection: Connection) -> int:
    """See `core.ports.Deliveries.kept_since`."""
    return int(connection.execute(_BOUND).scalar() or 0)


def _note(connection: Connection, bound: int) -> None:
    if kept_since(connection) < bound:
        row = upsert(connection, forgotten).values(what=_WHAT, before=str(bound))
        connection.execute(row.on_conflict_do_update(index_elements=["what"], set_={"before": str(bound)}))
