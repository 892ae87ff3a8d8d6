"""Timers that are due: each handler runs in the transaction that takes its timer, so that both happen or neither does.

One timer at a time, so that none waits for the fate of another; but those of a kind that has a handler for several are
taken together, before all others, and one by one only where that failed. One whose handler fails is put off, longer
each time, and told of; one for which something is away is put off too, and told of no more than the delay is.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event as Signal

from carethread.core.clock import Clock, system_clock, to_micros
from carethread.core.consuming.reacting import attempt, transact
from carethread.core.context import Context, Principal
from carethread.core.errands.resting import BEAT, work
from carethread.core.errors import Busy, FhirError, NotSupported
from carethread.core.faults import told
from carethread.core.metric_names import TIMERS_FAILED, TIMERS_FIRED, Observe, unobserved
from carethread.core.ports import Session, Timer
from carethread.core.service import Runtime

log = logging.getLogger(__name__)

_TOGETHER = 25
"""Timers of one kind that are taken in one transaction."""

_LONGEST_PAUSE = 1.0
_FIRST, _LONGEST_AWAY, _LONGEST_FAILING = 1, 15, 3600
"""Seconds for which a timer is put off: at first, and at most."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Calls the handlers that the service of `runtime` has for its timers."""

    runtime: Runtime
    clock: Clock = system_clock
    observe: Observe = unobserved

    def step(self) -> bool:
        """Take what is due next; False when nothing is. Raises Busy when the database is away."""
        now = to_micros(self.clock())
        first = self.runtime.store.glance(lambda session: session.timers.earliest())
        if first is None or first > now:
            return False
        return bool(self._take(now, _TOGETHER))

    def _take(self, now: int, together: int) -> list[Timer]:
        """Those that were taken: of a kind that has a handler for several so many, else one."""
        taken: list[Timer] = []

        def work(session: Session) -> None:
            taken[:] = self._due(session, now, together)
            self._handle(session, taken)

        try:
            failure = attempt(lambda: transact(self.runtime.store, work))
        except Busy as error:
            failure = error
        if failure and not taken:
            raise failure
        if failure and len(taken) > 1:
            for _ in taken:
                self._take(now, 1)
            return taken
        for timer in taken:
            if failure:
                self._put_off(timer, failure, now)
            else:
                self.observe(TIMERS_FIRED, 1)
        return taken

    def _due(self, session: Session, now: int, together: int) -> list[Timer]:
        service = self.runtime.service
        first = [kind for kind in service.timers_together if kind not in service.timers_last]
        for kind in first:
            count = service.timers_at_once.get(kind, together) if together > 1 else 1
            if taken := session.timers.take(now, count, kind):
                return taken
        if taken := session.timers.take(now, 1, but=service.timers_last):
            return taken
        for kind in sorted(service.timers_last):
            if taken := session.timers.take(now, together if kind in service.timers_together else 1, kind):
                return taken
        return []

    def run(self, stop: Signal) -> None:
        """Step until `stop` is set."""
        work(stop, self.step, self._until_next, self.runtime.store.news, f"timers of {self.runtime.service.name}")

    def _until_next(self) -> float:
        """Seconds to the next timer; one that is due and was not to be had is in another's hands."""
        first = self.runtime.store.glance(lambda session: session.timers.earliest())
        if first is None:
            return BEAT
        left = (first - to_micros(self.clock())) / 1_000_000
        return left if left > 0 else _LONGEST_PAUSE

    def _handle(self, session: Session, taken: Sequence[Timer]) -> None:
        service = self.runtime.service
        context = Context(Principal(service.name), self.clock)
        if taken and (of_several := service.timers_together.get(taken[0].kind)):
            of_several(self.runtime, session, taken, context)
            return
        for timer in taken:
            handler = service.timers.get(timer.kind)
            if handler is None:
                raise NotSupported(f"{service.name} has no handler for timers of the kind {timer.kind}.")
            handler(self.runtime, session, timer, context)

    def _put_off(self, timer: Timer, error: Exception, now: int) -> None:
        away = isinstance(error, Busy)
        pause = min(_FIRST << min(timer.attempts, 20), _LONGEST_AWAY if away else _LONGEST_FAILING)
        failure = "" if away else _reason(error)
        until = now + pause * 1_000_000
        self.runtime.store.transact(lambda session: session.timers.put_off(timer, until, failure))
        named = {"service": self.runtime.service.name, "kind": timer.kind, "key": timer.key, "seconds": pause}
        if away:
            log.warning("timer_waits", extra={**named, "reason": str(error)})
        else:
            self.observe(TIMERS_FAILED, 1)
            log.error("timer_failed", extra={**named, **told(error)})


def _reason(error: Exception) -> str:
    """Why a handler failed; of an unforeseen error only its kind, for its message could quote a resource."""
    return str(error) if isinstance(error, FhirError) else f"It fails with {type(error).__name__}."
