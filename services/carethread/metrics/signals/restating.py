"""What facts tell anew of the past is judged again within seconds, and not only at the daily look.

Whoever publishes facts tells which tables differ, and when the earliest of the rows that do is (`facts.differing`). A
Measure that is counted from one of these, by buckets of which one is over since then, is looked at anew; one that looks
ahead (`facts.days.AHEAD`) where that was before today, for an earlier bucket may hang on it. That is at once where a
signal of it stands, for somebody may be at work for nothing; else a little later; the shortest first. Looks at what
stands take half of the time at most, and all others together a tenth in the long run: after a round of them as many
times as long passes until the next, for which changes are gathered. But who has hardly anything to look at need not
wait for that: some minutes of rest may be owed (the generic cell rate algorithm of ITU-T I.371), so that what comes
after an import is not told the later for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
from carethread.metrics.facts.days import AHEAD, OF_PEOPLE
from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.finding import defined
from carethread.metrics.measures.shipped import LIBRARIES, comes_along
from carethread.metrics.measures.tables import tables_read
from carethread.metrics.measures.words import words_of
from carethread.metrics.series.buckets import start_of
from carethread.metrics.series.counting import narrowed
from carethread.metrics.signals.watching import RAISED, TIMER, charted_by, last_look

LATER = 5_000_000
"""Microseconds after which a Measure is looked at of which nobody is told anything."""

FIRST = 60_000_000
"""By how many microseconds a look at a Measure of which a signal stands is due before now, so that it comes before
those that wait already."""

PAUSE = 2_000_000
"""Microseconds between two rounds, at least."""

OWED = 600_000_000
"""Microseconds of rest that may be owed."""

LEAST = 2
"""How many times as long as its looks take passes from one round to the next, at least."""

_AHEAD, _BEHIND = timedelta(hours=14), timedelta(hours=12)
"""Of UTC, the clocks of any place."""

_MOST = 1000


@dataclass
class _Round:
    """Measures of which a signal stands, or of which none does: how many times as long as its looks take passes from
    one round to the next in the long run, what changed since the last, until when it rests, and until when it would
    if nothing could be owed (microseconds)."""

    stands: bool
    times: int
    changed: dict[str, datetime] = field(default_factory=dict)
    begins: bool = False
    resting: int = 0
    even: int = 0

    def rest(self, length: int, now: int) -> None:
        """Rest after looks of a length."""
        self.even = max(self.even, now) + length * self.times
        self.resting = max(now + PAUSE, now + length * LEAST, self.even - OWED)


class Restating:
    """Gathers what was published, and has it judged. A process that begins looks at all signals that stand: what
    another one had gathered may be lost; and at what was last looked at where numbers of few people were told by
    another setting, for by this one something else may be to be seen."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self._runtime = runtime
        self._clock = clock
        self._rounds = (_Round(stands=True, times=LEAST, begins=True), _Round(stands=False, times=10, begins=True))

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
                    self._runtime.store.transact(partial(_set, due=due, at=at))
                    each.rest(sum(last_look(one).took for one in due), now)
                each.changed, each.begins = {}, False

    def _due(self, session: Session, of: _Round, now: int) -> list[Timer]:
        """Of the Measures that are to be looked at; those that failed wait for their next try."""
        return [
            timer
            for timer in session.timers.ahead(TIMER, _MOST)
            if not timer.failure
            and any(True for _ in session.places(RAISED, timer.key)) == of.stands
            and (self._is_begun_with(timer, of) or self._touches(session, timer, of.changed, now))
        ]

    def _is_begun_with(self, timer: Timer, of: _Round) -> bool:
        return of.begins and (of.stands or last_look(timer).small_cells not in ("", self._runtime.small_cells))

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
        return bool(tables_read(counted, past) or _parts_read(measure, counted, past))


def _past(measure: Resource, changed: Mapping[str, datetime], now: datetime) -> set[str]:
    """The tables of which rows changed that may be counted in a bucket that is over, by the clocks of any place."""
    current = start_of((now + _AHEAD).date(), charted_by(measure))
    over, today = datetime.combine(current, time()) + _BEHIND, datetime.combine(now.date(), time())
    ahead = AHEAD.get(_library(measure), ())
    return {name for name, at in changed.items() if at < over or (name in ahead and at < today)}


def _parts_read(measure: Resource, definition: Definition, parts: Collection[str]) -> set[str]:
    """Which of these parts of tables a Measure is counted from; SQL of one's own where it has their words."""
    if comes_along(definition.sql):
        return set(parts) & set(OF_PEOPLE.get(_library(measure), ()))
    words = words_of(definition.sql)
    return {part for part in parts if words.issuperset(part.split("."))}


def _library(measure: Resource) -> str:
    """The name of the Library by which shipped measures are known."""
    library = parse_canonical(measure["library"][0])
    return library.url.removeprefix(LIBRARIES) if library else ""


def _set(session: Session, due: Sequence[Timer], at: int) -> None:
    """Have them due then, the shortest first (a millisecond apart for each second of a look), and before they are now:
    what counts already counts without what has changed."""
    for each in due:
        session.timers.set(TIMER, each.key, min(at + last_look(each).took // 1000, each.due - 1), each.payload)
