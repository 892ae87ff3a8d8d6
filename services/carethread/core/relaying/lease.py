"""A lease that outlives a long call: renewed from the side for as long as the call takes, and no longer.

A short lease lets another take over within seconds from a leader that was killed; a call to a slow bus may take longer
than that, and must not cost a healthy leader the lead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Signal
from threading import Thread

from carethread.core.errors import Busy
from carethread.core.faults import told

log = logging.getLogger(__name__)


class Keeper:
    """A thread that calls `renew` every `seconds` while something is `during`; it ends with `stop`."""

    def __init__(self, renew: Callable[[], object], seconds: float) -> None:
        self._renew = renew
        self._seconds = seconds
        self._busy = Signal()
        self._stopping = Signal()
        self._thread = Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._busy.set()
        if self._thread.is_alive():
            self._thread.join()

    @contextmanager
    def during(self) -> Iterator[None]:
        """What is done inside keeps the lease."""
        self._busy.set()
        try:
            yield
        finally:
            self._busy.clear()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._busy.wait()
            if self._stopping.wait(self._seconds):
                return
            if self._busy.is_set():
                self._renew_once()

    def _renew_once(self) -> None:
        """A thread that ended at an error would leave every later call without its lease, and nobody would know."""
        try:
            self._renew()
        except Busy:
            return  # whoever leads finds out by itself
        except Exception as error:  # noqa: BLE001  # renewed again in a moment; whether it still leads, a relay asks itself
            log.error("lease_not_renewed", extra=told(error))
