"""How the ledger's rows and the port's values become each other."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row

from carethread.core.ports.deliveries import Interest, Match, Notification, Subscriber


def subscriber_of(row: Row[Any]) -> Subscriber:
    return Subscriber(
        subscription=row.subscription,
        topic=row.topic,
        channel=row.channel,
        status=row.status,
        principal=row.principal,
        origin=row.origin,
        ends=row.ends,
        heartbeat=row.heartbeat,
        number=row.number,
        due=row.due,
        attempts=row.attempts,
        failing_since=row.failing_since,
        last_sent=row.last_sent,
        last_acknowledged=row.last_acknowledged,
        error=row.error,
        reader=row.reader,
    )


def interest_of(row: Row[Any]) -> Interest:
    filters, starts = json.loads(row.filters), json.loads(row.starts)
    return Interest(row.subscription, row.topic, tuple(filters), row.status, starts, row.ends)


def notification_of(row: Row[Any]) -> Notification:
    match = Match(
        subscription=row.subscription,
        ce_id=row.ce_id,
        service=row.service,
        sequence=row.sequence,
        type=row.type,
        id=row.id,
        version=row.version,
        verb=row.verb,
        key=row.key,
        time=row.time,
    )
    return Notification(row.number, match, row.matched, row.state, row.settled, row.reason)


def row_of(match: Match, number: int, now: int) -> dict[str, object]:
    """The row of a match that has just got its number."""
    return {
        "subscription": match.subscription,
        "number": number,
        "ce_id": match.ce_id,
        "service": match.service,
        "sequence": match.sequence,
        "type": match.type,
        "id": match.id,
        "version": match.version,
        "verb": match.verb,
        "key": match.key,
        "time": match.time,
        "matched": now,
        "state": "pending",
        "settled": 0,
        "reason": "",
    }
