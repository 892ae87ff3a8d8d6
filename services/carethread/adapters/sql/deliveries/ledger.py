"""The ledger within one transaction; see `core.ports.Deliveries`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select

from carethread.adapters.sql.deliveries import delivering, forgetting, interests, numbering, tokens, watching
from carethread.adapters.sql.engine import is_sqlite
from carethread.core.ports.deliveries import NOBODY, Interest, Match, Notification, Subscriber, Watched


class SqlDeliveries:
    """One transaction's ledger. PostgreSQL notifies `channel` when there is something to deliver."""

    def __init__(self, connection: Connection, channel: str) -> None:
        self._connection = connection
        self._channel = channel

    def enlist(self, subscriber: Subscriber, filters: Sequence[str], now: int) -> None:
        interests.enlist(self._connection, subscriber, filters, now)
        self._wake()

    def subscriber(self, subscription: str, *, lock: bool = False) -> Subscriber | None:
        return interests.find(self._connection, subscription, lock=lock)

    def subscribers(self, subscriptions: Sequence[str]) -> list[Subscriber]:
        return interests.several(self._connection, subscriptions)

    def reach(self, sequences: Mapping[str, int]) -> int:
        return interests.reach(self._connection, sequences)

    def interests(self, after: int) -> list[Interest]:
        return interests.changed(self._connection, after)

    def interest(self, subscription: str) -> Interest | None:
        return interests.interest(self._connection, subscription)

    def reached(self) -> dict[str, int]:
        return interests.seen(self._connection)

    def append(self, matches: Sequence[Match], now: int) -> int:
        added = numbering.append(self._connection, matches, now)
        if added:
            self._wake()
        return added

    def claim(
        self,
        channels: Sequence[str],
        holder: str,
        seconds: float,
        now: int,
        limit: int,
        only: Mapping[str, int] = NOBODY,
        *,
        failing: bool | None = None,
        without: Sequence[str] = (),
        within: Sequence[str] = (),
        each: int = 0,
    ) -> list[Subscriber]:
        which = delivering.Which(channels, now, limit, only, failing, without, within, each)
        return delivering.claim(self._connection, which, holder, seconds)

    def soonest(self, channels: Sequence[str]) -> int:
        return delivering.soonest(self._connection, channels)

    def bind(self, subscriptions: Sequence[str]) -> dict[str, int]:
        return delivering.bind(self._connection, subscriptions)

    def ended(self, now: int, limit: int) -> list[str]:
        return delivering.ended(self._connection, now, limit)

    def renew(self, subscription: str, holder: str, seconds: float) -> bool:
        return delivering.renew(self._connection, subscription, holder, seconds)

    def release(self, subscription: str, holder: str, due: int, now: int) -> None:
        delivering.release(self._connection, subscription, holder, due, now)

    def sent(self, subscription: str, holder: str, now: int) -> bool:
        return delivering.sent(self._connection, subscription, holder, now)

    def acknowledge(self, subscription: str, holder: str, numbers: Sequence[int], now: int) -> bool:
        return delivering.acknowledge(self._connection, subscription, holder, numbers, now)

    def quarantine(self, subscription: str, holder: str, number: int, reason: str, now: int) -> bool:
        return delivering.quarantine(self._connection, subscription, holder, number, reason, now)

    def put_off(self, subscription: str, holder: str, reason: str, now: int, due: int) -> bool:
        return delivering.put_off(self._connection, subscription, holder, reason, now, due)

    def pending(self, subscription: str, limit: int) -> list[Notification]:
        return numbering.pending(self._connection, subscription, limit)

    def notifications(self, subscription: str, since: int, until: int, limit: int) -> list[Notification]:
        return numbering.numbered(self._connection, subscription, since, until, limit)

    def between(self, subscription: str, begin: int, before: int, after: int, limit: int) -> list[Notification]:
        return numbering.between(self._connection, subscription, begin, before, after, limit)

    def reopen(self, subscription: str, numbers: Sequence[int], now: int) -> int:
        opened = numbering.reopen(self._connection, subscription, numbers, now)
        if opened:
            self._wake()
        return opened

    def kept_since(self) -> int:
        return forgetting.kept_since(self._connection)

    def watched(self, after: str, limit: int) -> list[Watched]:
        return watching.watched(self._connection, after, limit)

    def keep_token(self, digest: str, subscriptions: Sequence[str], expires: int, now: int) -> None:
        tokens.keep(self._connection, digest, subscriptions, expires, now)

    def redeem_token(self, digest: str, now: int) -> list[str]:
        return tokens.redeem(self._connection, digest, now)

    def _wake(self) -> None:
        """SQLite needs no word: who waits looks at the file."""
        if not is_sqlite(self._connection):
            self._connection.execute(select(func.pg_notify(self._channel, "")))
