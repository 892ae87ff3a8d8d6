"""What facts tell anew of the past is judged again within seconds, and not only at the daily look.

Whoever publishes facts tells which tables differ, and the earliest day of the rows that do (`facts.differing`). A
Measure that is counted from one of these, by buckets of which one is over since that day, is looked at anew: at once
where a signal of it stands, for somebody may be at work for nothing; another one a little later. Looks at what stands
take half of the time at most, and all others together a tenth: after a round of them as many times as long passes until
the next, for which changes are gathered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

from carethread.core.clock import Clock, from_micros, to_micros
from carethread.core.errors import Busy, Invalid
from carethread.core.ports import Session, Timer
from carethread.core.service import Runtime
from carethread.interactions.standing import here
from carethread.metrics.answering.answering import tables_read
from carethread.metrics.evaluating.counting import DEPARTMENT
from carethread.metrics.measures.finding import defined
from carethread.metrics.series.buckets import start_of
from carethread.metrics.series.counting import narrowed
from carethread.metrics.signals.watching import RAISED, TIMER, charted_by

LATER = 5_000_000
"""Microseconds after which a Measure is looked at of which nobody is told anything."""

FIRST = 60_000_000
"""By how many microseconds a look at a Measure of which a signal stands is due before now, so that it comes before
those that wait already."""

PAUSE = 2_000_000
"""Microseconds between two rounds, at least."""

_DAY = timedelta(days=1)
_MOST = 1000


@dataclass
class _Round:
    """Measures of which a signal stands, or of which none does: how many times as long as its looks took passes until
    the next round, what changed since the last, and until when it rests (microseconds)."""

    stands: bool
    times: int
    changed: dict[str, date] = field(default_factory=dict)
    begins: bool = False
    resting: int = 0


class Restating:
    """Gathers what was published, and has it judged. A process that begins looks at all signals that stand: what
    another one had gathered may be lost."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self._runtime = runtime
        self._clock = clock
        self._rounds = (_Round(stands=True, times=1, begins=True), _Round(stands=False, times=9))

    def changed(self, tables: Mapping[str, date]) -> None:
        """Tables in which rows differ from before, each with the earliest day of these."""
        for each in self._rounds:
            for name, day in tables.items():
                each.changed[name] = min(day, each.changed.get(name, day))

    def settle(self) -> None:
        """Have what was gathered judged, where it is time. Raises Busy; it is then still gathered."""
        now = to_micros(self._clock())
        for each in self._rounds:
            if now >= each.resting and (each.changed or each.begins):
                took = self._runtime.store.transact(partial(self._due, of=each, now=now))
                each.changed, each.begins = {}, False
                each.resting = now if took is None else now + max(PAUSE, took * each.times)

    def _due(self, session: Session, of: _Round, now: int) -> int | None:
        """Set the timers; how long it takes to look at all of these Measures, None where there are none."""
        due: dict[str, int] = {}
        took = 0
        for timer in session.timers.ahead(TIMER, _MOST):
            stands = any(True for _ in session.places(RAISED, timer.key))
            if stands == of.stands and (of.begins or self._touches(session, timer, of.changed, now)):
                due[timer.key] = now - FIRST if stands else now + LATER
                took += int(timer.payload or 0)
        session.timers.set_all(TIMER, due, sooner=True)
        return took if due else None

    def _touches(self, session: Session, timer: Timer, changed: Mapping[str, date], now: int) -> bool:
        """Whether what changed is in a bucket of the Measure that is over, by the clocks of any place."""
        measure = here(session, ("Measure", timer.key))
        if measure is None or not measure.get("library"):
            return False
        current = start_of(from_micros(now).date() + _DAY, charted_by(measure))
        past = {name for name, day in changed.items() if day < current}
        if not past:
            return False
        try:
            counted = narrowed(defined(session, measure, self._runtime.base_url), (DEPARTMENT,))
        except (Invalid, Busy):
            return False  # the look tells what is wrong
        return bool(tables_read(counted, past))
