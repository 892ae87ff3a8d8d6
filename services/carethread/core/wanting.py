"""Whether what a thread works at is still wanted. Who waits within it for what may take long asks now and then,
and ends that where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_Asks = Callable[[], bool]

_ASKED: ContextVar[_Asks] = ContextVar("wanted", default=lambda: True)


class Unwanted(Exception):
    """Nobody wants it any more."""


@contextmanager
def while_wanted(asks: _Asks) -> Iterator[None]:
    """Here that which `asks` says is what is wanted."""
    before = _ASKED.set(asks)
    try:
        yield
    finally:
        _ASKED.reset(before)


def refuse_unwanted() -> None:
    """Raise Unwanted where what this thread works at is not wanted any more."""
    if not _ASKED.get()():
        raise Unwanted
