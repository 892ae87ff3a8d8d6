"""Loops that outlive what goes wrong."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event as Signal
from threading import current_thread

from carethread.core.errors import Busy
from carethread.core.faults import told

log = logging.getLogger(__name__)


def kept_up(loop: Callable[[], None], stop: Signal) -> None:
    """Run a loop until it ends by itself; one that fails is logged and begun again, for nobody else does its work."""
    pause = 1.0
    while not stop.is_set():
        began = time.monotonic()
        try:
            loop()
            return
        except Exception as error:  # noqa: BLE001  # whatever it was, a relay or consumer that stays down is worse
            log.error("loop_failed", extra={"loop": current_thread().name, **told(error)})
            pause = min(pause * 2, 30.0) if time.monotonic() - began < 60 else 1.0
            stop.wait(pause)


def until_done(work: Callable[[], object], stop: Signal) -> None:
    """Do what needs a database or another service, again and again until it is there."""
    pause = 0.1
    while not stop.is_set():
        try:
            work()
            return
        except Busy:
            stop.wait(pause)
            pause = min(pause * 2, 5.0)
