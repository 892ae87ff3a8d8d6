"""What facts tell anew of the past is judged again within seconds, and not only at the daily look.

Whoever publishes facts tells which tables have changed, and the earliest day that their rows name. A Measure that is
counted from one of these, by buckets of which one is over since that day, is looked at at once where a signal of it
stands, for somebody may be at work for nothing; another one a little later. All looks together take no more than a part
of the time: after a round as many times as long passes until the next, for which changes are gathered.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from carethread.core.clock import Clock, from_micros, to_micros
from carethread.core.errors import Busy, Invalid
from carethread.core.ports import Session, Timer
from carethread.core.service import Runtime
from carethread.interactions.standing import here
from carethread.metrics.answering.answering import tables_read
from carethread.metrics.measures.finding import defined
from carethread.metrics.series.buckets import start_of
from carethread.metrics.series.counting import DEPARTMENT, narrowed
from carethread.metrics.signals.watching import RAISED, TIMER, charted_by

LATER = 5_000_000
"""Microseconds after which a Measure is looked at of which nobody is told anything."""

PAUSE = 2_000_000
"""Microseconds between two rounds, at least."""

_TIMES = 9
"""How many times as long as a round's looks took passes until the next: looks take a tenth of the time."""

_DAY = timedelta(days=1)
_MOST = 1000


class Restating:
    """Gathers what was published, and has it judged. A process that begins looks at all signals that stand: what
    another one had gathered may be lost."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self._runtime = runtime
        self._clock = clock
        self._changed: dict[str, date] = {}
        self._begins = True
        self._resting = 0

    def changed(self, tables: Mapping[str, date]) -> None:
        """Tables whose rows were published, each with the earliest day that they name."""
        for name, day in tables.items():
            self._changed[name] = min(day, self._changed.get(name, day))

    def settle(self) -> None:
        """Have what was gathered judged, where it is time. Raises Busy; it is then still gathered."""
        now = to_micros(self._clock())
        if now < self._resting or not (self._changed or self._begins):
            return
        took = self._runtime.store.transact(lambda session: self._due(session, now))
        self._changed, self._begins = {}, False
        self._resting = now + max(PAUSE, took * _TIMES)

    def _due(self, session: Session, now: int) -> int:
        """Set the timers; how long it takes to look at all of these Measures."""
        due: dict[str, int] = {}
        took = 0
        for timer in session.timers.ahead(TIMER, _MOST):
            stands = any(True for _ in session.places(RAISED, timer.key))
            if (self._begins and stands) or self._touches(session, timer, now):
                due[timer.key] = now if stands else now + LATER
                took += int(timer.payload or 0)
        session.timers.set_all(TIMER, due, sooner=True)
        return took

    def _touches(self, session: Session, timer: Timer, now: int) -> bool:
        """Whether what changed is in a bucket of the Measure that is over, by the clocks of any place."""
        measure = here(session, ("Measure", timer.key))
        if not self._changed or measure is None or not measure.get("library"):
            return False
        current = start_of(from_micros(now).date() + _DAY, charted_by(measure))
        past = {name for name, day in self._changed.items() if day < current}
        try:
            counted = narrowed(defined(session, measure, self._runtime.base_url), (DEPARTMENT,))
        except (Invalid, Busy):
            return False  # the look tells what is wrong
        return bool(tables_read(counted, past))
