"""Each Measure that is counted is looked at once a day, and again when the past is told anew (`restating`): signals are
raised, and those that are over are ended.

Where small numbers are not told, those that are not are no points: a signal says something of each number behind it.

What is counted is counted before the transaction that tells it begins. Which signals stand is known by places, each
one of them, so that a look that comes twice, or after a process has ended, raises nothing again: the MeasureReport, the
Task that is requested and the place come with one commit, or none does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from weakref import WeakKeyDictionary

from carethread.core.clock import from_micros, to_micros
from carethread.core.context import Context
from carethread.core.errors import Busy
from carethread.core.ports import Resource, Session, Store, Timer
from carethread.core.service import PROFILES, AskFirst, Runtime, TimerHandler
from carethread.interactions.requesting import request, request_change
from carethread.interactions.standing import here
from carethread.interactions.writing.unit import WriteUnit
from carethread.metrics.answering.answering import analytics_of
from carethread.metrics.answering.marking import marked
from carethread.metrics.answering.reporting import report
from carethread.metrics.evaluating.counting import DEPARTMENT
from carethread.metrics.measures.definition import Definition, looks_back
from carethread.metrics.measures.finding import defined
from carethread.metrics.measures.tables import read_by
from carethread.metrics.series.buckets import BUCKETS, By, before
from carethread.metrics.series.counting import narrowed, series
from carethread.metrics.series.keeping import is_kept_daily, of_the_day
from carethread.metrics.series.telling import Told, head, told_by_department, told_to_all
from carethread.metrics.signals.charting import KINDS, lines
from carethread.metrics.signals.charting import line as line_of
from carethread.metrics.signals.goals import pursued, targets
from carethread.metrics.signals.standing import KEPT, Over, Raised, decided, read
from carethread.metrics.signals.telling import changes, id_of, signal, task, with_outcome
from carethread.metrics.suppressing.seeing import is_of_people

TIMER = "signals"
"""The kind of timer that looks at a Measure; its key is the Measure's id, its payload what is known of the last look
(`Looked`)."""

RAISED = "metric-signal"
"""The kind of places: the signals (keys, see `Raised`) of a Measure (holder) that stand."""

CHARTED_BY = PROFILES + "charted-by"
"""Extension of a Measure: the buckets by which it is looked at; months, unless it says another."""

HOUR = 4
"""Of UTC: when measures are looked at, with the day before whole."""

_AGAIN = timedelta(minutes=1)
"""Until it is asked again for facts, or an engine, that were not to be had; nobody waits for a signal."""


@dataclass(frozen=True, slots=True)
class Looked:
    """The last look at a Measure: how many microseconds it `took` (0 where that is not known), and by which
    `Runtime.small_cells` numbers were told (empty where that is not known)."""

    took: int = 0
    small_cells: str = ""

    @property
    def payload(self) -> bytes:
        return f"{self.took} {self.small_cells}".encode()


def last_look(timer: Timer) -> Looked:
    """What a Measure's timer knows of the last look."""
    took, _, small_cells = timer.payload.decode().partition(" ")
    return Looked(int(took or 0), small_cells)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was counted of a Measure, and what of it is not told to all; `as_of` is the moment up to which, in
    microseconds, and `took` how many of these it took. `kept` are reports of what can be counted only now
    (`series.keeping`)."""

    definition: Definition
    by: By
    points: Sequence[Told]
    as_of: int
    counted_by: Sequence[str]
    took: int
    kept: Sequence[Resource] = ()


_SEEN: WeakKeyDictionary[Store, dict[str, tuple[int, Seen | None]]] = WeakKeyDictionary()
"""What was counted of a Measure, and when the look was due that asked, by database, until the transaction that lacked
it is begun anew; None: it could not be counted then."""


def measures_watched(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have Measures that were just stored looked at from now on, and those that are gone once more."""
    session.timers.set_all(TIMER, dict.fromkeys(ids, _next(context.clock())), sooner=True)


def signals_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Raise the signals of a Measure, and end those that are over. Raises AskFirst, Invalid, TooCostly."""
    measure = here(session, ("Measure", timer.key))
    unit = WriteUnit(runtime, session, context)
    if measure is None or not _is_looked_at(measure):
        known = measure or {"id": timer.key}
        canonical = str(known.get("url", f"Measure/{timer.key}"))
        _withdraw(_Turn(runtime, session, context, unit, known, canonical))
        return
    asked, seen = _seen(runtime, measure, timer)
    if seen is None:
        session.timers.set(TIMER, timer.key, to_micros(context.clock() + _AGAIN), timer.payload)
        return
    _settle(_Turn(runtime, session, context, unit, measure, seen.definition.canonical), seen)
    is_overtaken = timer.due < asked or timer.failure  # what failed is left as it is, whatever is corrected
    due = timer.due if is_overtaken else _next(context.clock())
    session.timers.set(TIMER, timer.key, due, Looked(seen.took, runtime.small_cells).payload)


def _is_looked_at(measure: Resource) -> bool:
    """Whether something is to be told or kept of a Measure; of what looks back there is no chart, and so no signal."""
    is_counted = measure.get("status") == "active" and bool(measure.get("library"))
    return is_counted and (is_kept_daily(measure) or not looks_back(measure))


def _next(now: datetime) -> int:
    today = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    return to_micros(today if now < today else today + timedelta(days=1))


def _seen(runtime: Runtime, measure: Resource, timer: Timer) -> tuple[int, Seen | None]:
    """What was counted, and when the look was due that asked. One that is due before that is another, but what was
    counted is settled first: where corrections never cease something is told all the same."""
    answers = _SEEN.setdefault(runtime.store, {})
    found = answers.pop(timer.key, None)
    if found and timer.due <= found[0]:
        return found

    def ask() -> None:
        answers.clear()
        try:
            answers[timer.key] = timer.due, look(runtime, measure)
        except Busy:
            answers[timer.key] = timer.due, None

    raise AskFirst(ask)


def look(runtime: Runtime, measure: Resource) -> Seen:
    """The whole buckets of a Measure, by department. Raises Busy before there are facts, Invalid, TooCostly."""
    definition = runtime.store.snapshot(lambda session: defined(session, measure, runtime.base_url))
    by = charted_by(measure)
    began = monotonic()
    with analytics_of(runtime).look(leisure=True) as facts:
        as_of = facts.marks.time
        days = before(from_micros(as_of).date(), by, KEPT)
        counted = series(facts, narrowed(definition, (DEPARTMENT,)), days, by, ())
        points = told_by_department(runtime, definition, counted, by)
        read_of = [*measure.get("library", ())[:1], *read_by(facts, definition)]
        of_day = is_kept_daily(measure) and not is_of_people(definition)
        kept = of_the_day(facts, measure, definition) if of_day else []
        return Seen(definition, by, points, as_of, read_of, int((monotonic() - began) * 1_000_000), kept)


def charted_by(measure: Resource) -> By:
    """The buckets by which a Measure is looked at."""
    said = (each.get("valueCode") for each in measure.get("extension", ()) if each.get("url") == CHARTED_BY)
    return next((by for code in said for by in BUCKETS if by == code), "month")


@dataclass(frozen=True, slots=True)
class _Turn:
    runtime: Runtime
    session: Session
    context: Context
    unit: WriteUnit
    measure: Resource
    canonical: str


def _withdraw(turn: _Turn) -> None:
    """No signal of the Measure stands any more."""
    _end(turn, [Over(each, "withdrawn") for each in _standing(turn)])
    turn.unit.store()


def _settle(turn: _Turn, seen: Seen) -> None:
    """Bring what is told in line with what was seen."""
    groups, id_ = seen.definition.groups, turn.measure["id"]
    kinds = [KINDS[group.scoring] for group in groups]
    fresh, gone = decided(_standing(turn), lines(groups, seen.points), kinds, turn.unit.now)
    _end(turn, gone)
    owners = _owners(turn, seen) if fresh else {}
    for raised in fresh:
        _raise(turn, seen, raised, owners)
    for each in seen.kept:
        if turn.unit.find(("MeasureReport", each["id"])) is None:  # the first look of a day says how it was
            turn.unit.update(each)
    turn.unit.store()
    turn.session.claim_all(RAISED, {each.key: id_ for each in fresh})


def _standing(turn: _Turn) -> list[Raised]:
    return [read(key) for key in turn.session.places(RAISED, turn.measure["id"])]


def _owners(turn: _Turn, seen: Seen) -> Mapping[str, str]:
    """Who answers for the number of a department: whose goal it is, where somebody has one."""
    known = targets(pursued(turn.session), seen.definition.canonical, seen.definition.notation, turn.runtime.base_url)
    return {department: each.owner for department, each in known.items() if each.owner}


def _raise(turn: _Turn, seen: Seen, raised: Raised, owners: Mapping[str, str]) -> None:
    named = raised.place.department
    department_owner = f"Organization/{named}" if named else ""
    turn.unit.update(_report(turn, seen, raised))
    asked = task(turn.measure, turn.canonical, raised, owners.get(named, department_owner), turn.unit.now)
    request(turn.session, asked, turn.context, _key(turn, raised), new=True)


def _end(turn: _Turn, gone: Sequence[Over]) -> None:
    for over in gone:
        id_ = id_of("report", turn.measure["id"], over.raised)
        if report_ := turn.unit.find(("MeasureReport", id_)):
            turn.unit.update(with_outcome(report_, over, turn.canonical))
        target = "Task", id_of("task", turn.measure["id"], over.raised)
        for patch, condition in changes(over):
            key = _key(turn, over.raised)
            request_change(turn.session, target, patch, turn.context, key=key, condition=condition)
    if gone:
        left = {each.raised.key for each in gone}
        stands = [key for key in turn.session.places(RAISED, turn.measure["id"]) if key not in left]
        turn.session.release(RAISED, turn.measure["id"], stands)


def _key(turn: _Turn, raised: Raised) -> str:
    return f"metric-signal/{id_of('task', turn.measure['id'], raised)}"


def _report(turn: _Turn, seen: Seen, raised: Raised) -> Resource:
    """The MeasureReport of the bucket that showed a signal, of its department and its group."""
    place, groups = raised.place, seen.definition.groups
    charted = groups[place.group]
    line = {day for day, each in line_of(groups, seen.points, place) if each.value is not None}
    point = [each for each, _ in seen.points if each.over and each.days.first in line][-1]
    part, hidden = told_to_all(turn.runtime, seen.definition, point, seen.by, place.department)
    alone = replace(seen.definition, groups=(replace(charted, stratifiers=()),))
    said = head(point, turn.unit.now, seen.as_of, seen.counted_by, place.department)
    told = report(alone, [part.counted[place.group]], said, hidden)
    extensions = [*told["extension"], marked(turn.runtime, seen.definition), signal(raised, turn.canonical)]
    return {**told, "id": id_of("report", turn.measure["id"], raised), "extension": extensions}


TIMERS: Mapping[str, TimerHandler] = {TIMER: signals_due}
