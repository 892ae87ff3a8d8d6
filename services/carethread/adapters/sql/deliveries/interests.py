"""Who wants to be told of what, and from where on.

Who matches, and who changes an interest, first takes hold of the row that counts the changes: a subscriber therefore
begins between two batches of events, at a definite sequence of each service.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, insert, select, update

from carethread.adapters.sql.arrays import array, numbers, texts
from carethread.adapters.sql.deliveries.rows import interest_of, subscriber_of
from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.tables import reached, subscribers
from carethread.adapters.sql.upsert import upsert
from carethread.core.ports.deliveries import NEVER, Interest, Subscriber

_GENERATION = ""
"""The row of `reached` that is no service."""

_CHUNK = 500
"""Subscriptions in one IN list."""

_FRESH = {"number": 0, "attempts": 0, "failing_since": 0, "last_sent": 0, "last_acknowledged": 0} | {
    "holder": "",
    "expires": 0,
    "reader": 0,
}


def enlist(connection: Connection, subscriber: Subscriber, filters: Sequence[str], now: int) -> None:
    """See `core.ports.Deliveries.enlist`."""
    generation = hold(connection) + 1
    _raise(connection, _GENERATION, generation)
    stands = find(connection, subscriber.subscription, lock=True)
    row: dict[str, object] = {
        "topic": subscriber.topic,
        "filters": json.dumps(list(filters)),
        "channel": subscriber.channel,
        "status": subscriber.status,
        "principal": subscriber.principal,
        "origin": subscriber.origin,
        "ends": subscriber.ends,
        "heartbeat": subscriber.heartbeat,
        "error": subscriber.error,
        "generation": generation,
    }
    if stands is None or (stands.status == "off" and subscriber.status != "off"):
        row["starts"] = json.dumps(seen(connection))
    if stands is None:
        known = {"subscription": subscriber.subscription, "due": _due(subscriber, now)}
        connection.execute(insert(subscribers).values(_FRESH | known | row))
        return
    if subscriber.status != stands.status or subscriber.status == "requested":
        row["due"] = _due(subscriber, now)
    if subscriber.status == "requested":
        row |= {"attempts": 0, "failing_since": 0}
    connection.execute(update(subscribers).where(subscribers.c.subscription == subscriber.subscription).values(row))


def _due(subscriber: Subscriber, now: int) -> int:
    """When something is to be done for a subscriber whose status has just become what it is."""
    if subscriber.status == "off":
        return NEVER
    if subscriber.status == "error":
        return min(now + subscriber.heartbeat * 1_000_000 if subscriber.heartbeat else NEVER, subscriber.ends)
    return now


_ONE = select(subscribers).where(subscribers.c.subscription == bindparam("subscription"))


def find(connection: Connection, subscription: str, *, lock: bool = False) -> Subscriber | None:
    asked = _ONE.with_for_update() if lock else _ONE
    row = connection.execute(asked, {"subscription": subscription}).one_or_none()
    return subscriber_of(row) if row else None


def several(connection: Connection, subscriptions: Sequence[str]) -> list[Subscriber]:
    found: list[Subscriber] = []
    for start in range(0, len(subscriptions), _CHUNK):
        among = subscribers.c.subscription.in_(subscriptions[start : start + _CHUNK])
        found += map(subscriber_of, connection.execute(select(subscribers).where(among)))
    return sorted(found, key=lambda subscriber: subscriber.subscription)


def changed(connection: Connection, after: int) -> list[Interest]:
    return [interest_of(row) for row in connection.execute(select(subscribers).where(subscribers.c.generation > after))]


def interest(connection: Connection, subscription: str) -> Interest | None:
    row = connection.execute(select(subscribers).where(subscribers.c.subscription == subscription)).one_or_none()
    return interest_of(row) if row else None


_REACH_TEXT = (
    "WITH higher AS (INSERT INTO reached (service, sequence) "
    f"SELECT * FROM unnest({array(1, 'text')}, {array(2, 'bigint')}) AS given (service, sequence) "
    "WHERE EXISTS (SELECT FROM reached WHERE service = '') ORDER BY service "
    "ON CONFLICT (service) DO UPDATE SET sequence = excluded.sequence WHERE reached.sequence < excluded.sequence) "
    "SELECT sequence FROM reached WHERE service = '' FOR UPDATE"
)
"""`hold`, and what is behind what was seen, in one message to PostgreSQL: each batch of events needs both."""


def _sent(sequences: Mapping[str, int]) -> list[str]:
    return [texts(sequences), numbers(sequences.values())]


def reach(connection: Connection, sequences: Mapping[str, int]) -> int:
    """Note how far each service was seen; returns the generation of the interests, which stand until the end."""
    if sequences and not is_sqlite(connection) and (held := run(connection, _REACH_TEXT, _sent(sequences))):
        return int(held[0][0])
    generation = hold(connection)
    known = seen(connection)
    for service, sequence in sequences.items():
        if sequence > known.get(service, 0):
            _raise(connection, service, sequence)
    return generation


def hold(connection: Connection) -> int:
    """Keep the interests as they are until the transaction ends; returns their generation."""
    asked = select(reached.c.sequence).where(reached.c.service == _GENERATION).with_for_update()
    found = connection.execute(asked).scalar_one_or_none()
    if found is None:
        _raise(connection, _GENERATION, 0)
        found = connection.execute(asked).scalar_one()
    return int(found)


def seen(connection: Connection) -> dict[str, int]:
    rows = connection.execute(select(reached).where(reached.c.service != _GENERATION))
    return {row.service: row.sequence for row in rows}


def _raise(connection: Connection, service: str, sequence: int) -> None:
    statement = upsert(connection, reached).values(service=service, sequence=sequence)
    higher = statement.on_conflict_do_update(
        index_elements=[reached.c.service],
        set_={"sequence": sequence},
        where=reached.c.sequence < sequence,
    )
    connection.execute(higher)
