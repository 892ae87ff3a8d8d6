"""A transaction that is only looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from carethread.core.context import Context
from carethread.core.ports import Key, Session, Stored


@dataclass(frozen=True, slots=True)
class Glance:
    """What `conflicts` needs of a transaction."""

    session: Session
    context: Context
    base_url: str

    def read(self, keys: Iterable[Key]) -> dict[Key, Stored]:
        return self.session.current(keys)
