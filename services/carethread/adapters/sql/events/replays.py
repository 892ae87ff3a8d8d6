"""Replays that were asked for; see `core.ports.replays`."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from carethread.adapters.sql.tables import replays
from carethread.core.ports import Replay, ReplayState

_FIND = select(replays).where(replays.c.consumer == bindparam("consumer"))
"""Made once: every consumer asks it every second."""


class SqlReplays:
    """One transaction's view of them; see `core.ports.Replays`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(self, consumer: str, since: int, asked: int, *, reset: bool, partial: bool) -> Replay:
        earlier = self.find(consumer)
        replay = Replay(consumer, earlier.number + 1 if earlier else 1, since, reset, partial, asked, "asked")
        self._connection.execute(delete(replays).where(replays.c.consumer == consumer))
        row = {name: getattr(replay, name) for name in Replay.__slots__}
        self._connection.execute(insert(replays).values(row))
        return replay

    def find(self, consumer: str) -> Replay | None:
        row = self._connection.execute(_FIND, {"consumer": consumer}).first()
        return Replay(**{**row._mapping, "targets": bytes(row.targets)}) if row else None

    def tell(self, consumer: str, number: int, state: ReplayState, message: str, targets: bytes = b"{}") -> bool:
        mine = (replays.c.consumer == consumer) & (replays.c.number == number)
        told = update(replays).where(mine).values(state=state, message=message, targets=targets)
        return bool(self._connection.execute(told).rowcount)
