"""How a loop that has nothing to do waits: without a query, until there are news or time is up."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event as Signal

BEAT = 30.0
"""Seconds after which is looked when nothing is news: the clock may have been set."""

_GATHER = 0.1
"""Seconds between two looks, for most of what is news to a database is nothing to this loop."""

_PIECE = 1.0
"""So soon is it seen that the loop is to end."""

News = Callable[[float], bool]
"""See `core.ports.Store.news`."""


def rest(stop: Signal, news: News, seconds: float) -> None:
    """Return when there are news, `stop` is set, or after `seconds` or a beat; not before a moment has passed."""
    end = time.monotonic() + min(seconds, BEAT)
    stop.wait(min(_GATHER, seconds))
    while not stop.is_set() and (left := end - time.monotonic()) > 0 and not news(min(left, _PIECE)):
        pass
