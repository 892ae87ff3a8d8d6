"""The relay: gives the bus what is committed, in the outbox's order. Nothing is lost; some of it is sent twice.

Whoever leads first fences the bus against every earlier leader and only then looks whether the lease still is his own:
a relay that slept through its lease has either lost the fence or sees that it has lost the lease. What was sent is
marked with the next take, one transaction per batch; a relay that dies in between leaves a batch that the next one
sends again, with the same ids and numbers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event as Signal

from carethread.core.clock import Clock, system_clock, to_micros
from carethread.core.errors import Busy
from carethread.core.events import Event
from carethread.core.metric_names import (
    RELAY_LAG,
    RELAY_OUTAGES,
    RELAY_SENT,
    RELAY_STEP_DOWNS,
    Observe,
    unobserved,
)
from carethread.core.pauses import longer
from carethread.core.ports import Fenced, Outbox, Postbox, Publisher
from carethread.core.relaying.lease import Keeper

log = logging.getLogger(__name__)

LEASE_SECONDS = 4.0
"""How long nothing is sent after a leader was killed, at most, but for the second in which another looks."""

BATCH = 500
_LONGEST_PAUSE = 1.0
_LOOK_SECONDS = 0.5
"""Between two looks into the postbox, of a relay that is busy."""

_GATHER_EACH, _GATHER_PAIRS, _GATHER_LONGEST = 0.001, 0.0002, 0.05
"""Seconds that a busy relay lets events gather, for each that came together last time, or for each two of them: a
batch costs about as much as one event does. So few are hardly delayed, and the batches of many grow. The longest is so
short that after a stall the batches shrink again below some 300 events a second; with 0.2 s they stayed large."""


class Relay:
    """One candidate for the lead of one service's outbox. `holder` names it among the candidates, uniquely."""

    def __init__(
        self,
        outbox: Outbox,
        publisher: Publisher,
        service: str,
        holder: str,
        *,
        clock: Clock = system_clock,
        lease: float = LEASE_SECONDS,
        batch: int = BATCH,
        observe: Observe = unobserved,
        postbox: Postbox | None = None,
    ) -> None:
        self._outbox = outbox
        self._postbox = postbox
        self._looked = float("-inf")
        self._publisher = publisher
        self._service = service
        self._holder = holder
        self._clock = clock
        self._lease = lease
        self._batch = batch
        self._observe = observe
        self._epoch: int | None = None
        self._fenced = False
        """Whether the publisher is fenced for this epoch; a publisher that failed has to do it again."""
        self._sent = 0
        self._keeper = Keeper(self._keep, lease / 4)

    @property
    def leads(self) -> bool:
        """Whether it led when it last looked."""
        return self._epoch is not None

    def step(self) -> int:
        """Send one batch when leading, else try to lead; returns how many events the bus took.

        Raises Busy when the database or the bus is away, with nothing lost: the next step tries the same events again.
        """
        try:
            events = self._take()
            if events:
                self._send(events)
            self._post(busy=bool(events))
        except Fenced:
            self._step_down()
            return 0
        return len(events)

    def run(self, stop: Signal, wait: Callable[[float], None]) -> None:
        """Step until `stop` is set. `wait(seconds)` returns when the outbox may have something new, or time is up."""
        pause = 0.0
        self._keeper.start()
        try:
            while not stop.is_set():
                try:
                    sent = self.step()
                except Busy as error:
                    pause = longer(pause, _LONGEST_PAUSE)
                    self._observe(RELAY_OUTAGES, 1)
                    log.warning("relay_waits", extra={"service": self._service, "reason": str(error)})
                    stop.wait(pause)
                    continue
                pause = 0.0
                if not self.leads:
                    stop.wait(min(_LONGEST_PAUSE, self._lease / 4))
                elif not sent:
                    wait(_to_the_next(self._lease / 2))
                elif 1 < sent < self._batch:
                    stop.wait(min(max(_GATHER_EACH * sent, _GATHER_PAIRS * sent**2), _GATHER_LONGEST))
        finally:
            self._keeper.stop()
            self._resign()

    def _take(self) -> list[Event]:
        """The next events, on a lease and behind a fence that are both ours; raises Fenced when the lease is not."""
        if self._epoch is None:
            self._epoch = self._outbox.lead(self._holder, self._lease)
            if self._epoch is None:
                return []
            self._fenced, self._sent = False, 0
            log.info("relay_leads", extra={"service": self._service, "epoch": self._epoch})
        if not self._fenced:
            self._renewed(0)  # keeps the lease while the bus is away, and who lost it from fencing the new leader
            with self._keeper.during():
                self._publisher.fence(self._service, self._epoch)
            self._fenced = True
        return self._renewed(self._batch)

    def _keep(self) -> None:
        """Renew the lease in the keeper's thread; that it is lost, the next take finds out."""
        if (epoch := self._epoch) is not None:
            self._outbox.take(epoch, 0, 0, self._lease)

    def _renewed(self, limit: int) -> list[Event]:
        if self._epoch is None:
            return []
        events = self._outbox.take(self._epoch, self._sent, limit, self._lease)
        if events is None:
            raise Fenced(f"The lease of epoch {self._epoch} is over.")
        return events

    def _send(self, events: list[Event]) -> None:
        try:
            with self._keeper.during():
                self._publisher.send(events)
        except Busy:
            self._fenced = False
            raise
        self._sent = events[-1].sequence
        self._observe(RELAY_SENT, len(events))
        self._observe(RELAY_LAG, (to_micros(self._clock()) - events[0].time) / 1_000_000)

    def _post(self, *, busy: bool) -> None:
        """Send what is published beside resources: now and then while there are events, for it does not hurry."""
        now = time.monotonic()
        if self._postbox is None or self._epoch is None or (busy and now - self._looked < _LOOK_SECONDS):
            return
        while posts := self._postbox.waiting(self._batch):
            try:
                with self._keeper.during():
                    self._publisher.send([post.event for post in posts])
            except Busy:
                self._fenced = False
                raise
            self._postbox.sent([post.number for post in posts])
            self._observe(RELAY_SENT, len(posts))
        self._looked = now

    def _step_down(self) -> None:
        log.warning("relay_steps_down", extra={"service": self._service, "epoch": self._epoch})
        self._observe(RELAY_STEP_DOWNS, 1)
        self._epoch = None

    def _resign(self) -> None:
        """Mark what was sent and give the lease back, so that another need not wait for its end."""
        try:
            if self._epoch is not None:
                self._renewed(0)
                self._outbox.resign(self._epoch)
        except (Busy, Fenced):
            log.info("relay_lease_left", extra={"service": self._service, "epoch": self._epoch})
        finally:
            self._epoch = None
            self._publisher.close()


def _to_the_next(seconds: float) -> float:
    """The time to the next of moments so far apart, the same for all relays of a process: they renew their leases
    together, and what watches their databases wakes up once."""
    return seconds - time.monotonic() % seconds
