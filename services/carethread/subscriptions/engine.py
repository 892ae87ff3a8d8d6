"""Who is served when: a bounded number of threads, of which slow and failing endpoints get no more than their share.

A turn that has waited for its endpoint for a second does not count among the quick ones any more, and its endpoint is
served in the slow lane for a while; who fails is there anyway. Of one origin (scheme, host and port), whatever the
number of its subscriptions, a few are served at a time.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Event as Signal
from threading import Lock

from carethread.core.errors import Busy, Invalid
from carethread.core.faults import told
from carethread.core.pauses import longer
from carethread.core.ports.channels import Answer, Channel
from carethread.core.ports.deliveries import NEVER, Subscriber
from carethread.core.webhooks.endpoints import endpoint
from carethread.subscriptions.delivery import ENDED, LEASE_SECONDS, Delivery, serve, tell

log = logging.getLogger(__name__)

CHANNELS = ("rest-hook",)
QUICK, SLOW = 12, 24
"""Threads for endpoints that answer, and for those that are slow or fail."""

EACH = 8
"""Turns of one origin at a time."""

SLOW_SECONDS = 1.0
_REMEMBERED_SECONDS = 60.0
_LOOK_SECONDS, _CROWDED_LOOK_SECONDS = 0.5, 0.02
"""Between two looks at what is due, and at whether a turn is over where others wait for its end."""

_IDLE_LOOK_SECONDS = 2.0
"""While nobody is served here: so much later than its end is a lease taken over from a process that died."""

_SWEEP_SECONDS, _SWEPT = 30.0, 100
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class _Turn:
    origin: str
    began: float


class Engine:
    """Serves the subscribers of one database; several may run, in this process or in others."""

    def __init__(
        self,
        delivery: Delivery,
        *,
        quick: int = QUICK,
        slow: int = SLOW,
        each: int = EACH,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._delivery = replace(delivery, channel=_Timed(delivery.channel, self._took))
        self._quick = quick
        self._slow = slow
        self._each = each
        self._monotonic = monotonic
        self._lock = Lock()
        self._running: dict[str, _Turn] = {}
        self._slow_until: dict[str, float] = {}
        self._soonest = NEVER
        """When the next who is in nobody's hands is due, as far as the last look told."""
        self._crowded = False
        """Whether the last look left out an origin that had its share, or found a lane without a free thread."""
        self._over = Signal()
        """A turn is over since then."""

    def step(self) -> int:
        """Serve all that are due, one after the other, in this thread; returns how many. Raises Busy."""
        done = 0
        while claimed := self._claim(self._quick, failing=None):
            for subscriber in claimed:
                serve(self._delivery, subscriber)
            done += len(claimed)
        return done

    def run(self, stop: Signal, wait: Callable[[float], None], attended: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop` is set. `wait(seconds)` returns when there may be something new, or time is up;
        `attended` is called each time that it comes round."""
        pause, swept = 0.0, 0.0
        with ThreadPoolExecutor(self._quick + self._slow, "delivery") as threads:
            while not stop.is_set():
                attended()
                try:
                    claimed = self._next()
                    if self._monotonic() - swept > _SWEEP_SECONDS:
                        self.sweep()
                        swept = self._monotonic()
                    pause = 0.0
                except Busy as error:
                    pause = longer(pause, _LONGEST_PAUSE)
                    log.warning("delivery_waits", extra={"reason": str(error)})
                    stop.wait(pause)
                    continue
                for subscriber in claimed:
                    threads.submit(self._serve, subscriber)
                if not claimed:
                    self._rest(wait)

    def sweep(self) -> None:
        """Turn off what has come to its end, whatever its channel: of one that nobody binds nobody else would see
        it."""
        here = self._delivery
        now = here.now()
        for id_ in here.runtime.store.glance(lambda session: session.deliveries.ended(now, _SWEPT)):
            tell(here, id_, "off", ENDED)

    def _rest(self, wait: Callable[[float], None]) -> None:
        """Until there may be something new, or a place for those who were left out; of that no database tells."""
        if not self._crowded:
            left = (self._soonest - self._delivery.now()) / 1_000_000
            idle = not self._running and left > 0
            wait(min(left, _IDLE_LOOK_SECONDS) if idle else _LOOK_SECONDS)
            return
        now = self._monotonic()
        end = now + _LOOK_SECONDS
        while now < end and not self._over.is_set():
            began = now
            wait(_CROWDED_LOOK_SECONDS)
            now = self._monotonic()
            if now - began < _CROWDED_LOOK_SECONDS:  # it was told of something new
                return

    def _next(self) -> list[Subscriber]:
        """Those for whom there are threads, leased and noted as running."""
        now = self._monotonic()
        self._over.clear()
        here = self._delivery
        self._soonest = here.runtime.store.glance(lambda session: session.deliveries.soonest(CHANNELS))
        if self._soonest > here.now():
            self._crowded = False
            return []
        with self._lock:
            self._slow_until = {origin: until for origin, until in self._slow_until.items() if until > now}
            slow = list(self._slow_until)
            running = list(self._running.values())
        turns = Counter(turn.origin for turn in running)
        full = [origin for origin, number in turns.items() if number >= self._each]
        held = sum(turn.origin in slow or now - turn.began > SLOW_SECONDS for turn in running)
        free = self._quick + self._slow - len(running)
        quick = min(free, self._quick + held - len(running))
        self._crowded = bool(full) or quick <= 0 or held >= self._slow
        claimed = self._claim(quick, failing=False, without=[*full, *slow])
        left = min(free - len(claimed), self._slow - held)
        claimed += self._claim(left, failing=True, without=full)
        late = [origin for origin in slow if origin not in full]
        if late:
            claimed += self._claim(min(left, free - len(claimed)), failing=False, within=late)
        with self._lock:
            fresh = [each for each in claimed if each.subscription not in self._running]
            for subscriber in fresh:
                self._running[subscriber.subscription] = _Turn(subscriber.origin, now)
        return fresh

    def _claim(
        self, limit: int, *, failing: bool | None, without: Iterable[str] = (), within: Iterable[str] = ()
    ) -> list[Subscriber]:
        if limit <= 0:
            return []
        here = self._delivery
        now = here.now()
        return here.runtime.store.transact(
            lambda session: session.deliveries.claim(
                CHANNELS,
                here.holder,
                LEASE_SECONDS,
                now,
                limit,
                failing=failing,
                without=tuple(without),
                within=tuple(within),
                each=self._each,
            )
        )

    def _serve(self, subscriber: Subscriber) -> None:
        try:
            serve(self._delivery, subscriber)
        except Busy as error:
            log.warning("delivery_waits", extra={"subscription": subscriber.subscription, "reason": str(error)})
        except Exception as error:  # noqa: BLE001  # the lease stays until it ends, which is pause enough
            log.error("delivery_failed", extra={"subscription": subscriber.subscription, **told(error)})
        finally:
            with self._lock:
                del self._running[subscriber.subscription]
            self._over.set()

    def _took(self, url: str, answer: Answer) -> None:
        if answer.took > SLOW_SECONDS:
            with self._lock, suppress(Invalid):
                self._slow_until[endpoint(url, http=True).origin] = self._monotonic() + _REMEMBERED_SECONDS


@dataclass(frozen=True, slots=True)
class _Timed:
    """A channel that says how long each attempt took."""

    channel: Channel
    told: Callable[[str, Answer], None]

    def send(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Answer:
        answer = self.channel.send(url, headers, body, seconds)
        self.told(url, answer)
        return answer
