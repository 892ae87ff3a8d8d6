"""The loop that does what is due, step by step.

It rests in between: without a query, until there are news or time is up.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event as Signal

from carethread.core.errors import Busy
from carethread.core.pauses import longer

log = logging.getLogger(__name__)

BEAT = 30.0
"""Seconds after which is looked when nothing is news: the clock may have been set."""

_GATHER = 0.1
"""Seconds between two looks, for most of what is news to a database is nothing to this loop."""

_PIECE = 1.0
"""So soon is it seen that the loop is to end."""

_LONGEST_PAUSE = 1.0
"""Seconds between two tries while the database is away."""

News = Callable[[float], bool]
"""See `core.ports.Store.news`."""


def rest(stop: Signal, news: News, seconds: float) -> None:
    """Return when there are news, `stop` is set, or after `seconds` or a beat; not before a moment has passed."""
    end = time.monotonic() + min(seconds, BEAT)
    stop.wait(min(_GATHER, seconds))
    while not stop.is_set() and (left := end - time.monotonic()) > 0 and not news(min(left, _PIECE)):
        pass


def work(stop: Signal, step: Callable[[], object], until_next: Callable[[], float], news: News, what: str) -> None:
    """Step until `stop` is set; when a step had nothing to do, rest for the seconds that `until_next` says.

    While the database is away (Busy), it is tried again after growing pauses. `what` names the loop in the log.
    """
    pause = 0.0
    while not stop.is_set():
        try:
            if step():
                continue
            seconds = until_next()
            pause = 0.0
        except Busy as error:
            pause = longer(pause, _LONGEST_PAUSE)
            log.warning("errands_wait", extra={"loop": what, "reason": str(error)})
            stop.wait(pause)
            continue
        rest(stop, news, seconds)
