"""A transaction that is only looked at."""

from __future__ import annotations

from dataclasses import dataclass

from carethread.core.context import Context
from carethread.core.ports import Session


@dataclass(frozen=True, slots=True)
class Glance:
    """What `conflicts` needs of a transaction."""

    session: Session
    context: Context
    base_url: str
