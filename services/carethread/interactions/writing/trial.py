"""Doing something to see whether it can be done: the work is undone, what it gave or was refused for is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from carethread.core.ports import Session

T = TypeVar("T")


class _Undone(Exception):
    """Ends the savepoint of work that succeeded."""


def tried(session: Session, work: Callable[[], T]) -> T:
    """What the work gives, of which nothing stays in the transaction. Raises what it is refused for."""
    done: list[T] = []
    try:
        with session.savepoint():
            done.append(work())
            raise _Undone
    except _Undone:
        return done[0]
