"""Whose turn it is, who works for him, and what came of it.

A lease is of one subscription: its `holder` may settle, until another has taken it. It ends by the database's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import ColumnElement, Connection, Select, bindparam, case, exists, func, select, tuple_, update

from carethread.adapters.sql.deliveries.numbering import PENDING
from carethread.adapters.sql.deliveries.rows import subscriber_of
from carethread.adapters.sql.engine import NOW_MICROS, is_sqlite, micros
from carethread.adapters.sql.tables import notifications, subscribers
from carethread.core.ports.deliveries import NEVER, Subscriber

_WELL = {"attempts": 0, "failing_since": 0, "error": ""}
_FREE = {"holder": "", "expires": 0}


@dataclass(frozen=True, slots=True)
class Which:
    """Whom to lease; see `core.ports.Deliveries.claim`."""

    channels: Sequence[str]
    now: int
    limit: int
    only: Mapping[str, int]
    failing: bool | None
    without: Sequence[str]
    within: Sequence[str]
    each: int

    def conditions(self, holder: str, clock: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
        yield subscribers.c.channel.in_(self.channels)
        yield subscribers.c.status != "off"
        free = subscribers.c.expires <= clock
        if self.only:
            yield tuple_(subscribers.c.subscription, subscribers.c.reader).in_(list(self.only.items()))
            yield free | (subscribers.c.holder == holder)
        else:
            yield subscribers.c.due <= self.now
            yield free
        if self.failing is not None:
            yield (subscribers.c.attempts > 0) if self.failing else (subscribers.c.attempts == 0)
        if self.without:
            yield subscribers.c.origin.not_in(self.without)
        if self.within:
            yield subscribers.c.origin.in_(self.within)


def claim(connection: Connection, which: Which, holder: str, seconds: float) -> list[Subscriber]:
    """Lease what is due and in nobody's hands."""
    clock = NOW_MICROS[connection.dialect.name]
    met = list(which.conditions(holder, clock))
    if which.each:
        place = func.row_number().over(partition_by=subscribers.c.origin, order_by=subscribers.c.due).label("place")
        ranked = select(subscribers.c.subscription, place).where(*met).subquery()
        met.append(subscribers.c.subscription.in_(select(ranked.c.subscription).where(ranked.c.place <= which.each)))
    found = select(subscribers.c.subscription).where(*met).order_by(subscribers.c.due).limit(which.limit)
    ids = connection.execute(found.with_for_update(skip_locked=True)).scalars().all()
    if not ids:
        return []
    leased = update(subscribers).where(subscribers.c.subscription.in_(ids))
    rows = connection.execute(leased.values(holder=holder, expires=clock + micros(seconds)).returning(*subscribers.c))
    return sorted(map(subscriber_of, rows), key=lambda subscriber: subscriber.due)


def soonest(connection: Connection, channels: Sequence[str]) -> int:
    due = connection.execute(_soonest(connection.dialect.name), {"channels": list(channels)}).scalar_one_or_none()
    return NEVER if due is None else int(due)


@cache
def _soonest(dialect: str) -> Select[tuple[int]]:
    """Made once: it is asked again and again, and answered by the index of what is due."""
    free = (subscribers.c.status != "off", subscribers.c.expires <= NOW_MICROS[dialect])
    mine = subscribers.c.channel.in_(bindparam("channels", expanding=True))
    return select(subscribers.c.due).where(mine, *free).order_by(subscribers.c.due).limit(1)


def ended(connection: Connection, now: int, limit: int) -> list[str]:
    over = select(subscribers.c.subscription).where(subscribers.c.ends <= now, subscribers.c.status != "off")
    return list(connection.execute(over.order_by(subscribers.c.ends).limit(limit)).scalars())


def bind(connection: Connection, subscriptions: Sequence[str]) -> dict[str, int]:
    """One after the other, in the order in which all lock."""
    found: dict[str, int] = {}
    for each in sorted(set(subscriptions)):
        taken = update(subscribers).where(subscribers.c.subscription == each)
        newest = taken.values(reader=subscribers.c.reader + 1, **_FREE).returning(subscribers.c.reader)
        number = connection.execute(newest).scalar_one_or_none()
        if number is not None:
            found[each] = number
    return found


def renew(connection: Connection, subscription: str, holder: str, seconds: float) -> bool:
    clock = NOW_MICROS[connection.dialect.name]
    return _noted(connection, subscription, holder, {"expires": clock + micros(seconds)})


def release(connection: Connection, subscription: str, holder: str, due: int, now: int) -> None:
    """Give a lease back. Something pending is due at once, unless it has failed: what comes during a lease is seen."""
    if not is_sqlite(connection):
        # A statement of its own: one that waited for the row would look for what is pending as it was before the wait.
        mine = select(subscribers.c.subscription).where(subscribers.c.subscription == subscription)
        connection.execute(mine.with_for_update())
    waits = exists().where(notifications.c.subscription == subscription, PENDING)
    at_once = (subscribers.c.attempts == 0) & (subscribers.c.status != "error") & waits
    asked = case((at_once, min(due, now)), else_=due)
    given_back = {"due": _earlier(connection)(asked, subscribers.c.ends)} | _FREE
    _noted(connection, subscription, holder, given_back)


def sent(connection: Connection, subscription: str, holder: str, now: int) -> bool:
    return _noted(connection, subscription, holder, {"last_sent": now} | _WELL)


_TAKEN = (
    update(subscribers)
    .where(subscribers.c.subscription == bindparam("_subscription"), subscribers.c.holder == bindparam("_holder"))
    .values({"last_sent": bindparam("_now"), "last_acknowledged": bindparam("_now")} | _WELL)
)
_ACKNOWLEDGED = (
    update(notifications)
    .where(
        notifications.c.subscription == bindparam("_subscription"),
        notifications.c.number.in_(bindparam("_numbers", expanding=True)),
        PENDING,
    )
    .values(state="acknowledged", settled=bindparam("_now"))
)


def acknowledge(connection: Connection, subscription: str, holder: str, numbers: Sequence[int], now: int) -> bool:
    his = {"_subscription": subscription, "_holder": holder, "_now": now, "_numbers": list(numbers)}
    if not connection.execute(_TAKEN, his).rowcount:
        return False
    connection.execute(_ACKNOWLEDGED, his)
    return True


def quarantine(connection: Connection, subscription: str, holder: str, number: int, reason: str, now: int) -> bool:
    if not _noted(connection, subscription, holder, _WELL):
        return False
    mine = (notifications.c.subscription == subscription, notifications.c.number == number, PENDING)
    connection.execute(update(notifications).where(*mine).values(state="quarantined", settled=now, reason=reason))
    return True


def put_off(connection: Connection, subscription: str, holder: str, reason: str, now: int, due: int) -> bool:
    since = case((subscribers.c.failing_since == 0, now), else_=subscribers.c.failing_since)
    failed = {"attempts": subscribers.c.attempts + 1, "failing_since": since, "error": reason}
    failed["due"] = _earlier(connection)(due, subscribers.c.ends)
    return _noted(connection, subscription, holder, failed | _FREE)


def _noted(connection: Connection, subscription: str, holder: str, values: Mapping[str, object]) -> bool:
    """Note something about a subscriber whom the holder has; False when he has it no longer."""
    his = (subscribers.c.subscription == subscription, subscribers.c.holder == holder)
    return bool(connection.execute(update(subscribers).where(*his).values(values)).rowcount)


def _earlier(connection: Connection) -> Callable[..., ColumnElement[int]]:
    return func.min if is_sqlite(connection) else func.least
