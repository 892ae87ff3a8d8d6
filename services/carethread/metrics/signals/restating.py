"""What facts tell anew of the past is judged again within seconds, and not only at the daily look.

Whoever publishes facts tells which tables differ, and when the earliest of the rows that do is (`facts.differing`). A
Measure that is counted from one of these, by buckets of which one is over since then, is looked at anew; one that looks
ahead (`facts.days.AHEAD`) where that was before today, for an earlier bucket may hang on it. That is at once where a
signal of it stands, for somebody may be at work for nothing; else a little later. Looks at what stands take half of the
time at most, and all others together a tenth: after a round of them as many times as long passes until the next, for
which changes are gathered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import partial

from carethread.core.clock import Clock, from_micros, to_micros
from carethread.core.errors import Busy, Invalid
from carethread.core.fhir.targets import parse_canonical
from carethread.core.ports import Resource, Session, Timer
from carethread.core.service import Runtime
from carethread.interactions.standing import here
from carethread.metrics.evaluating.counting import DEPARTMENT
from carethread.metrics.facts.days import AHEAD
from carethread.metrics.measures.finding import defined
from carethread.metrics.measures.shipped import LIBRARIES
from carethread.metrics.measures.tables import tables_read
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

_AHEAD, _BEHIND = timedelta(hours=14), timedelta(hours=12)
"""Of UTC, the clocks of any place."""

_MOST = 1000


@dataclass
class _Round:
    """Measures of which a signal stands, or of which none does: how many times as long as its looks took passes until
    the next round, what changed since the last, and until when it rests (microseconds)."""

    stands: bool
    times: int
    changed: dict[str, datetime] = field(default_factory=dict)
    begins: bool = False
    resting: int = 0


class Restating:
    """Gathers what was published, and has it judged. A process that begins looks at all signals that stand: what
    another one had gathered may be lost."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self._runtime = runtime
        self._clock = clock
        self._rounds = (_Round(stands=True, times=1, begins=True), _Round(stands=False, times=9))

    def changed(self, tables: Mapping[str, datetime]) -> None:
        """Tables in which rows differ from before, each with when the earliest of these is (UTC)."""
        for each in self._rounds:
            for name, at in tables.items():
                each.changed[name] = min(at, each.changed.get(name, at))

    def settle(self) -> None:
        """Have what was gathered judged, where it is time. Raises Busy; it is then still gathered."""
        now = to_micros(self._clock())
        for each in self._rounds:
            if now >= each.resting and (each.changed or each.begins):
                due = self._runtime.store.snapshot(partial(self._due, of=each, now=now))
                if due:
                    at = now - FIRST if each.stands else now + LATER
                    self._runtime.store.transact(partial(_set, due=dict.fromkeys(due, at)))
                each.changed, each.begins = {}, False
                each.resting = now + max(PAUSE, sum(due.values()) * each.times) if due else now

    def _due(self, session: Session, of: _Round, now: int) -> dict[str, int]:
        """The Measures that are to be looked at, each with how long that takes."""
        return {
            timer.key: int(timer.payload or 0)
            for timer in session.timers.ahead(TIMER, _MOST)
            if any(True for _ in session.places(RAISED, timer.key)) == of.stands
            and (of.begins or self._touches(session, timer, of.changed, now))
        }

    def _touches(self, session: Session, timer: Timer, changed: Mapping[str, datetime], now: int) -> bool:
        """Whether what changed is counted in a bucket of the Measure that is over."""
        measure = here(session, ("Measure", timer.key))
        if measure is None or not measure.get("library"):
            return False
        past = _past(measure, changed, from_micros(now))
        if not past:
            return False
        try:
            counted = narrowed(defined(session, measure, self._runtime.base_url), (DEPARTMENT,))
        except (Invalid, Busy):
            return False  # the look tells what is wrong
        return bool(tables_read(counted, past))


def _past(measure: Resource, changed: Mapping[str, datetime], now: datetime) -> set[str]:
    """The tables of which rows changed that may be counted in a bucket that is over, by the clocks of any place."""
    current = start_of((now + _AHEAD).date(), charted_by(measure))
    over, today = datetime.combine(current, time()) + _BEHIND, datetime.combine(now.date(), time())
    library = parse_canonical(measure["library"][0])
    ahead = AHEAD.get(library.url.removeprefix(LIBRARIES), ()) if library else ()
    return {name for name, at in changed.items() if at < over or (name in ahead and at < today)}


def _set(session: Session, due: Mapping[str, int]) -> None:
    session.timers.set_all(TIMER, due, sooner=True)
