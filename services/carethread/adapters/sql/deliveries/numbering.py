"""The notifications themselves: each with its number, in order, once for each event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    case,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)

from carethread.adapters.sql.deliveries.rows import notification_of, row_of
from carethread.adapters.sql.tables import notifications, subscribers
from carethread.core.ports.deliveries import Match, Notification

T = TypeVar("T")

_CHUNK = 500
"""Subscriptions, or pairs, in one IN list."""

_now: BindParameter[int] = bindparam("_now")
_WAKE = (
    update(subscribers)
    .where(subscribers.c.subscription == bindparam("_subscription"))
    .values(due=case(((subscribers.c.attempts == 0) & (subscribers.c.due > _now), _now), else_=subscribers.c.due))
)
"""What has failed waits for its time, whatever comes behind it."""

_COUNT = _WAKE.values(number=bindparam("_number"))


def append(connection: Connection, matches: Sequence[Match], now: int) -> int:
    """Give the matches their numbers; returns how many are new. The interests are held: nobody else appends."""
    once = {(match.subscription, match.ce_id): match for match in reversed(matches)}
    told = _told(connection, list(once))
    fresh = [match for match in matches if match is once[match.subscription, match.ce_id]]
    fresh = [match for match in fresh if (match.subscription, match.ce_id) not in told]
    if not fresh:
        return 0
    numbers = _numbers(connection, sorted({match.subscription for match in fresh}))
    rows = []
    for match in fresh:
        numbers[match.subscription] += 1
        rows.append(row_of(match, numbers[match.subscription], now))
    counted = [{"_subscription": id_, "_number": number, "_now": now} for id_, number in numbers.items()]
    connection.execute(_COUNT, counted)
    connection.execute(insert(notifications), rows)
    return len(rows)


def _told(connection: Connection, pairs: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which of the (subscription, ce_id) are in the ledger."""
    told: set[tuple[str, str]] = set()
    place = tuple_(notifications.c.subscription, notifications.c.ce_id)
    for chunk in _chunks(pairs):
        found = select(notifications.c.subscription, notifications.c.ce_id).where(place.in_(chunk))
        told.update((row.subscription, row.ce_id) for row in connection.execute(found))
    return told


def _numbers(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """The last number of each subscription, locked in order."""
    numbers: dict[str, int] = {}
    for chunk in _chunks(ids):
        asked = select(subscribers.c.subscription, subscribers.c.number).where(subscribers.c.subscription.in_(chunk))
        rows = connection.execute(asked.order_by(subscribers.c.subscription).with_for_update())
        numbers.update((row.subscription, row.number) for row in rows)
    return numbers


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))


PENDING = notifications.c.state == literal_column("'pending'")
"""As the partial index has it: with a parameter in its place, PostgreSQL would not know that the index serves."""


_NEXT = (
    select(notifications)
    .where(notifications.c.subscription == bindparam("subscription"), PENDING)
    .order_by(notifications.c.number)
    .limit(bindparam("limit"))
)


def pending(connection: Connection, subscription: str, limit: int) -> list[Notification]:
    return [notification_of(row) for row in connection.execute(_NEXT, {"subscription": subscription, "limit": limit})]


def numbered(connection: Connection, subscription: str, since: int, until: int, limit: int) -> list[Notification]:
    number = notifications.c.number
    return _found(connection, limit, notifications.c.subscription == subscription, number.between(since, until))


def between(
    connection: Connection, subscription: str, begin: int, before: int, after: int, limit: int
) -> list[Notification]:
    time = notifications.c.time
    mine = (notifications.c.subscription == subscription, notifications.c.number > after)
    return _found(connection, limit, *mine, time >= begin, time < before)


def _found(connection: Connection, limit: int, *conditions: ColumnElement[bool]) -> list[Notification]:
    asked = select(notifications).where(*conditions).order_by(notifications.c.number).limit(limit)
    return [notification_of(row) for row in connection.execute(asked)]


def reopen(connection: Connection, subscription: str, numbers: Sequence[int], now: int) -> int:
    """Let settled notifications wait for delivery once more; returns how many."""
    opened = 0
    for chunk in _chunks(numbers):
        mine = (notifications.c.subscription == subscription, notifications.c.number.in_(chunk))
        again = update(notifications).where(*mine, notifications.c.state != "pending")
        opened += connection.execute(again.values(state="pending", settled=0, reason="")).rowcount
    known = {"_subscription": subscription, "_now": now}
    connection.execute(_WAKE, known)
    return opened
