"""The loop that publishes facts while its process holds the shelf; another thread keeps that tidy."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event as Signal
from threading import Thread

from carethread.core.errors import Busy
from carethread.core.faults import told
from carethread.core.ports.analytics import Shelf
from carethread.metrics.facts.publishing import Publisher
from carethread.metrics.facts.tidying import Tidier

log = logging.getLogger(__name__)

EVERY_SECONDS = 0.5

_TURN_SECONDS = 5.0
"""Between two looks whether the shelf is still another's."""

_TIDY_SECONDS = 2.0
_SWEEP_SECONDS = 60.0


def run(
    publisher: Publisher, tidier: Tidier, shelf: Shelf, stop: Signal, after: Callable[[], None] = lambda: None
) -> None:
    """Publish until `stop` is set, as soon as no other process does; `after` is done each time after it."""
    while not stop.is_set():
        try:
            with shelf.hold():
                thread = Thread(target=_tidying, args=(tidier, done := Signal()), name="facts-tidying", daemon=True)
                thread.start()
                try:
                    _publishing(publisher, stop, after)
                finally:
                    done.set()
                    thread.join()
        except Busy:
            stop.wait(_TURN_SECONDS)


def _publishing(publisher: Publisher, stop: Signal, after: Callable[[], None]) -> None:
    while not stop.is_set():
        try:
            publisher.publish()
            after()
        except Busy as error:
            log.warning("publishing_waits", extra={"reason": str(error)})
        stop.wait(EVERY_SECONDS)


def _tidying(tidier: Tidier, done: Signal) -> None:
    passed = _SWEEP_SECONDS
    while not done.wait(_TIDY_SECONDS):
        try:
            tidier.tidy()
            passed += _TIDY_SECONDS
            if passed >= _SWEEP_SECONDS:
                passed = 0.0
                tidier.sweep()
        except Exception as error:  # noqa: BLE001  # it is done the next time; publishing goes on
            log.warning("tidying_failed", extra=told(error))
