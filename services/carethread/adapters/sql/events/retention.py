"""What need not be kept for ever: events that were sent long ago, the log of those that had their effect, the bus.

Each call forgets a little in one transaction, so that writers wait no longer than that takes; it is called again until
there is nothing more. Events go from the front, so that what is left has no holes.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, Engine, delete, func, select

from carethread.adapters.sql.engine import writing
from carethread.adapters.sql.tables import forgotten, held, inbox, outbox, relay
from carethread.adapters.sql.upsert import upsert

_AT_ONCE = 500
_INBOX = "inbox"
_FIRST_HELD = select(func.min(held.c.ce_id)).where(held.c.ce_id != "")
_BOUND = select(forgotten.c.before).where(forgotten.c.what == _INBOX)


def forget_sent(engine: Engine, service: str, older_than: int) -> int:
    """Delete the first events of the outbox that are sent and older than a moment in microseconds; returns how many.

    An event that is younger keeps those behind it. Raises Busy.
    """
    first = (
        select(outbox.c.sequence, outbox.c.time)
        .where(outbox.c.sequence <= select(relay.c.sent).where(relay.c.name == service).scalar_subquery())
        .order_by(outbox.c.sequence)
        .limit(_AT_ONCE)
    )
    with writing(engine) as connection:
        rows = connection.execute(first).all()
        young = next((n for n, row in enumerate(rows) if row.time >= older_than), len(rows))
        if young:
            connection.execute(delete(outbox).where(outbox.c.sequence <= rows[young - 1].sequence))
        return young


def forget_happened(engine: Engine, older_than: int) -> int:
    """Delete from the inbox events that are older than a moment in microseconds; returns how many. Raises Busy.

    From then on an event that is as old counts as one that has had its effect, whoever sends it again. What is put
    aside and may still be retried, and whatever is younger, is not forgotten.
    """
    with writing(engine) as connection:
        bound = min(filter(None, (_first_id(older_than), connection.execute(_FIRST_HELD).scalar())))
        known = connection.execute(_BOUND).scalar()
        if known is None or known < bound:
            row = upsert(connection, forgotten).values(what=_INBOX, before=bound)
            connection.execute(row.on_conflict_do_update(index_elements=["what"], set_={"before": bound}))
        return _delete_some(connection, bound)


def _delete_some(connection: Connection, bound: str) -> int:
    names = connection.execute(select(inbox.c.reaction).distinct()).scalars().all()
    for name in names:
        old = select(inbox.c.ce_id).where(inbox.c.reaction == name, inbox.c.ce_id < bound).limit(_AT_ONCE)
        ids = connection.execute(old).scalars().all()
        if ids:
            connection.execute(delete(inbox).where(inbox.c.reaction == name, inbox.c.ce_id.in_(ids)))
            return len(ids)
    return 0


def is_forgotten(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Which of the event ids are so old that the inbox has forgotten whether they had their effect: they had."""
    bound = connection.execute(_BOUND).scalar()
    return {id_ for id_ in ids if bound and id_ < bound}


def _first_id(moment: int) -> str:
    """What the first UUIDv7 of a millisecond begins with (RFC 9562, 5.7); `moment` is in microseconds."""
    digits = f"{max(0, moment) // 1000:012x}"
    return f"{digits[:8]}-{digits[8:]}"
