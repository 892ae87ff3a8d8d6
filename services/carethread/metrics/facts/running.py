"""The loop that publishes facts while its process holds the shelf; another thread keeps that tidy."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event as Signal
from threading import Thread

from carethread.core.errors import Busy
from carethread.core.faults import told
from carethread.core.metric_names import FACTS_FAILED, Observe, unobserved
from carethread.core.ports.analytics import Shelf
from carethread.metrics.facts.publishing import Publisher
from carethread.metrics.facts.tidying import Tidier

log = logging.getLogger(__name__)

EVERY_SECONDS = 0.5

_LONGEST_SECONDS = 30.0
"""To the next time after several that failed; each waits twice as long as the one before."""

_TURN_SECONDS = 5.0
"""Between two looks whether the shelf is still another's."""

_TIDY_SECONDS = 2.0
_SWEEP_SECONDS = 60.0


def run(
    publisher: Publisher,
    tidier: Tidier,
    shelf: Shelf,
    stop: Signal,
    after: Callable[[], None] = lambda: None,
    observe: Observe = unobserved,
) -> None:
    """Publish until `stop` is set, as soon as no other process does; `after` is done each time after it. What fails is
    logged and counted, and done again."""
    while not stop.is_set():
        try:
            with shelf.hold():
                given = tidier, (done := Signal()), observe
                thread = Thread(target=_tidying, args=given, name="facts-tidying", daemon=True)
                thread.start()
                try:
                    _publishing(publisher, stop, after, observe)
                finally:
                    done.set()
                    thread.join()
        except Busy:
            stop.wait(_TURN_SECONDS)


def _publishing(publisher: Publisher, stop: Signal, after: Callable[[], None], observe: Observe) -> None:
    pause = EVERY_SECONDS
    while not stop.is_set():
        failed = False
        for work in (publisher.publish, after):
            try:
                work()
            except Busy as error:
                log.warning("publishing_waits", extra={"reason": str(error)})
                break
            except Exception as error:  # noqa: BLE001  # what cannot be judged is published, and the other way round
                log.error("publishing_failed", extra=told(error))
                observe(FACTS_FAILED, 1)
                failed = True
        pause = min(pause * 2, _LONGEST_SECONDS) if failed else EVERY_SECONDS
        stop.wait(pause)


def _tidying(tidier: Tidier, done: Signal, observe: Observe) -> None:
    def failed(error: Exception, table: str = "") -> None:
        log.warning("tidying_failed", extra={"table": table, **told(error)})
        observe(FACTS_FAILED, 1)

    passed = _SWEEP_SECONDS
    while not done.wait(_TIDY_SECONDS):
        passed += _TIDY_SECONDS
        try:
            for table, error in tidier.tidy().items():
                failed(error, table)
            if passed >= _SWEEP_SECONDS:
                passed = 0.0
                tidier.sweep()
        except Exception as error:  # noqa: BLE001  # it is done the next time; publishing goes on
            failed(error)
