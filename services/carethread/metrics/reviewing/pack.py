"""The pack of a review: one department's month, from one state of the facts.

It is read by several people together, so small numbers are told in it or not by the setting alone, not by who asks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from carethread.core.clock import from_micros
from carethread.core.context import Context
from carethread.core.errors import Busy, Invalid, Malformed, NotFound, TooCostly
from carethread.core.ports import Resource, Session
from carethread.core.ports.analytics import Glimpse
from carethread.core.service import Runtime
from carethread.metrics.answering.answering import analytics_of
from carethread.metrics.answering.reporting import report
from carethread.metrics.evaluating.members import not_known
from carethread.metrics.evaluating.periods import zones
from carethread.metrics.measures.definition import Definition, title_of
from carethread.metrics.measures.finding import active_measures, defined
from carethread.metrics.measures.tables import read_by
from carethread.metrics.reviewing.asking import MONTH, Review
from carethread.metrics.reviewing.complaints import Complaints, complaints
from carethread.metrics.reviewing.decisions import Decision, Decisions, decisions, stands
from carethread.metrics.reviewing.figures import Figure, figures, months, of_month
from carethread.metrics.reviewing.people import names
from carethread.metrics.series.buckets import before
from carethread.metrics.series.telling import Told, head
from carethread.metrics.signals.goals import Target, pursued, targets
from carethread.metrics.signals.standing import Raised, read
from carethread.metrics.signals.telling import id_of
from carethread.metrics.signals.watching import RAISED

_TASKS = """
SELECT t.id, t.status,
  coalesce(
    'Practitioner/' || t.owner_practitioner_id, 'PractitionerRole/' || t.owner_practitioner_role_id,
    'CareTeam/' || t.owner_care_team_id, 'Organization/' || t.owner_organization_id
  ) AS owner,
  o.name AS owner_name
FROM tasks t
LEFT JOIN organizations o ON o.id = t.owner_organization_id
WHERE t.careteam_code = 'metric-signal'
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A Measure that is counted, the goal of the department for it, and which of its signals stand."""

    measure: Resource
    definition: Definition
    goal: Target | None
    raised: Sequence[Raised]


@dataclass(frozen=True, slots=True)
class Asked:
    """A signal that somebody was told of by a Task, whose that is (a reference, and what an Organization is called) and
    how it stands; empty where it is not known yet."""

    measure: str
    title: str
    raised: Raised
    task: str
    status: str
    owner: str = ""
    owner_name: str = ""

    @property
    def stands(self) -> str:
        """Its status in words."""
        return stands(self.status)

    def is_of(self, figure: Figure) -> bool:
        """Whether the figure shows it."""
        raised = self.raised
        same = (self.measure, raised.place.group) == (figure.measure, figure.place)
        return same and figure.signal is not None and figure.signal.side == raised.side


@dataclass(frozen=True, slots=True)
class Pack:
    """What a review looks at. `as_of` is up to when facts are whole, `made` when the pack was made, both in
    microseconds; `left` are measures that are not told, for now or at all, each with why; `reports` are the
    MeasureReports of the month; `names` are those of people by their reference; `masks`: small numbers are not told."""

    review: Review
    department: str
    as_of: int
    made: int
    masks: bool
    figures: Sequence[Figure]
    left: Sequence[tuple[str, str]]
    told: Sequence[Asked]
    reports: Sequence[Resource]
    complaints: Complaints
    decisions: Decisions
    names: Mapping[str, str]

    @property
    def signals(self) -> list[Figure]:
        """What is more than chance this month; what is for the worse first."""
        return sorted((each for each in self.figures if each.signal), key=lambda each: (each.good is True, each.title))

    @property
    def others(self) -> list[Asked]:
        """Signals that stand, and that no figure of the month shows: charted by weeks, or over by now."""
        return [each for each in self.told if not any(each.is_of(figure) for figure in self.figures)]

    def task_of(self, figure: Figure) -> Asked | None:
        """By which Task somebody finds out what a signal is about."""
        return next((each for each in self.told if each.is_of(figure)), None)

    @property
    def is_newest(self) -> bool:
        """Whether its month is the last that is over: what is seen in it, and nobody was told of, is still to be looked
        at; what is seen in an older one may be over."""
        return self.review.days.last == before(from_micros(self.as_of).date(), "month", 1).last

    def called(self, task: Decision | Asked) -> str:
        """Who does what was decided, or finds out what a signal is about."""
        return self.names.get(task.owner) or task.owner_name or task.owner

    @property
    def is_charted(self) -> bool:
        """Whether it is known of any number what is usual."""
        return any(each.usual is not None for each in self.figures)

    @property
    def missed(self) -> list[Figure]:
        """Whose goal is not met."""
        return [each for each in self.figures if each.met is False]


def pack(runtime: Runtime, review: Review, only: Collection[str], now: int, context: Context) -> Pack:
    """`only` are the ids of measures that are looked at; empty: all. Raises Malformed for a month that is not over,
    NotFound for a department that facts do not know, or a measure that is not counted here, Busy before there are
    facts."""
    known = runtime.store.snapshot(lambda session: _known(runtime, session, review))
    if unknown := set(only) - {each.measure["id"] for each in known}:
        raise NotFound(f"Measure/{min(unknown)} is not counted here.", expression="measure")
    known = [each for each in known if not only or each.measure["id"] in only]
    with analytics_of(runtime).look() as facts:
        department = _department(facts, review)
        decided = decisions(facts, review, from_micros(now).date())
        about = complaints(facts, review, masks=runtime.small_cells == "mask")
        signals = _told(facts, known)
        as_of = facts.marks.time
        found: list[Figure] = []
        left: list[tuple[str, str]] = []
        reports: list[Resource] = []
        for each in known:
            try:
                told = months(runtime, facts, each.definition, review)
            except (Invalid, TooCostly, Busy) as error:
                left.append((title_of(each.measure), str(error)))
                continue
            found += figures(each.measure, each.definition, told, review.days, each.goal)
            (month,) = (one for one in told if one[0].days == review.days)
            reports.append(_report(facts, each, month, now, review))
    owners = [each.owner for some in (decided.open, decided.done, decided.new, signals) for each in some]
    return Pack(
        review=review,
        department=department,
        as_of=as_of,
        made=now,
        masks=runtime.small_cells == "mask",
        figures=found,
        left=left,
        told=signals,
        reports=reports,
        complaints=about,
        decisions=decided,
        names=names(runtime, owners, context),
    )


def _known(runtime: Runtime, session: Session, review: Review) -> list[Known]:
    """The Measures that are counted, by title."""
    goals = pursued(session)
    found = []
    for measure in active_measures(session):
        try:
            definition = defined(session, measure, runtime.base_url)
        except Invalid:  # of an installation's own: $evaluate-measure says what it lacks
            continue
        goal = targets(goals, definition.canonical, definition.notation, runtime.base_url).get(review.department)
        raised = [read(key) for key in session.places(RAISED, measure["id"])]
        own = [each for each in raised if each.place.department == review.department]
        found.append(Known(measure, definition, goal, [each for each in own if each.since <= review.days.last]))
    return found


def _department(facts: Glimpse, review: Review) -> str:
    """What it is called, once its month is over."""
    rows = facts.query("SELECT name FROM organizations WHERE id = $id", {"id": review.department}).rows
    if not rows:
        raise NotFound(not_known(("Organization", review.department)), expression="department")
    until = from_micros(facts.marks.time)
    if zones(facts).widest(review.days)[1].replace(tzinfo=UTC) > until:
        said = f"month is one that is over; what has happened is known up to {until:%Y-%m-%d %H:%M} UTC."
        raise Malformed(said, code="value", expression=MONTH)
    return str(rows[0][0] or f"Organization/{review.department}")


def _report(facts: Glimpse, known: Known, told: Told, now: int, review: Review) -> Resource:
    """The MeasureReport of the month, as `$evaluate-measure` tells it of the department."""
    point, hidden = told
    by = [*known.measure["library"][:1], *read_by(facts, known.definition)]
    said = head(point, now, facts.marks.time, by, review.department)
    return report(of_month(known.definition), point.counted, said, hidden)


def _told(facts: Glimpse, known: Sequence[Known]) -> list[Asked]:
    tasks = {row[0]: [str(each or "") for each in row[1:]] for row in facts.query(_TASKS).rows}
    found = []
    for each in known:
        for raised in each.raised:
            id_ = id_of("task", each.measure["id"], raised)
            found.append(Asked(each.measure["id"], title_of(each.measure), raised, id_, *tasks.get(id_, [""])))
    return found
