"""`Measure/[id]/$series`: a measure over time, with its control chart; `Measure/[id]/$compare`: departments beside each
other.

A series is a Bundle of MeasureReports, one for each bucket: each is what `$evaluate-measure` answers for its days, so
that who reads one reads all. One whose bucket is not over is `pending`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from carethread.core.clock import to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed, TooCostly
from carethread.core.ports import Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.parameters import once, refuse_unknown
from carethread.metrics.answering.answering import analytics_of, known
from carethread.metrics.answering.reporting import report
from carethread.metrics.evaluating.asking import Asked, asked
from carethread.metrics.evaluating.counting import DEPARTMENT, stratifiers
from carethread.metrics.evaluating.members import here
from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.tables import read_by
from carethread.metrics.series.buckets import BUCKETS, By, buckets
from carethread.metrics.series.counting import Point, at_once, is_over, narrowed
from carethread.metrics.series.telling import bundle, by_department, head, points
from carethread.metrics.signals.comparing import by_name, compared
from carethread.metrics.signals.drawing import drawn
from carethread.metrics.signals.goals import Target, pursued, targets

SERIES = ("periodStart", "periodEnd", "by", "department", "stratifier")
COMPARE = ("periodStart", "periodEnd")

_MOST, _MOST_APART = 800, 60
"""Buckets of a series: two years of days; and where each is counted by itself."""

_NAMES = "SELECT id, name FROM organizations WHERE name IS NOT NULL"


def measure_series(runtime: Runtime, call: Call, context: Context) -> Resource:
    """A Bundle of a MeasureReport for each bucket of a period.

    Raises Malformed for a parameter, NotFound for a Measure or department that is not known, Invalid for a Measure that
    is not counted by SQL or whose SQL is wrong, Forbidden for what is not told, TooCostly, Busy before there are facts.
    """
    wanted, by = _asked(call, context, "$series", SERIES), _by(call)
    measure, whole = known(runtime, f"Measure/{call.id}")
    here(runtime, wanted, call)
    columns = _stratifiers(call, whole, wanted)
    definition = narrowed(whole, [DEPARTMENT] if wanted.department else columns)
    shown = narrowed(whole, columns)
    count = sum(1 for _ in buckets(wanted.days, by))
    most = _MOST if at_once(definition) else _MOST_APART
    if count > most:
        raise TooCostly(f"This series has {most} points at most; what is asked for is {count}.", expression="periodEnd")
    with analytics_of(runtime).look() as facts:
        found = points(runtime, facts, definition, wanted, by, context.principal)
        counted_by = [*measure.get("library", ())[:1], *read_by(facts, definition)]
        as_of = facts.marks.time
    now = to_micros(context.clock())
    reports = [
        report(shown, point.counted, head(point, now, as_of, counted_by, wanted.department), hidden) | _pending(point)
        for point, hidden in found
    ]
    if not any(hidden for point, hidden in found if point.over):
        reports = drawn(definition.groups, [point for point, _ in found], reports)
    return bundle(reports, iter(context.new_id, ""))


def compare(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The MeasureReport of a period by department, each with the limits around the number of all.

    Raises what `measure_series` does.
    """
    wanted = _asked(call, context, "$compare", COMPARE)
    measure, whole = known(runtime, f"Measure/{call.id}")
    definition = narrowed(whole, (DEPARTMENT,))
    goals = runtime.store.snapshot(lambda session: _goals(session, definition, runtime.base_url))
    with analytics_of(runtime).look() as facts:
        counted, hidden = by_department(runtime, facts, whole, wanted, context.principal)
        names = {str(id_): str(name) for id_, name in facts.query(_NAMES).rows}
        over = is_over(facts)(wanted.days)
        counted_by = [*measure.get("library", ())[:1], *read_by(facts, definition)]
        as_of = facts.marks.time
    point = Point(wanted.days, by_name(counted, names), over)
    made = report(definition, point.counted, head(point, to_micros(context.clock()), as_of, counted_by), hidden)
    return compared(made, definition.groups, point.counted, hidden, goals, names) | _pending(point)


def _asked(call: Call, context: Context, name: str, allowed: Sequence[str]) -> Asked:
    """The period and the department of a call."""
    authorize("read", "Measure", context)
    refuse_unknown(call, name, allowed)
    shared = {each: call.params[each] for each in ("periodStart", "periodEnd", "department") if each in call.params}
    return asked(replace(call, params=shared, body=None))


def _by(call: Call) -> By:
    said = once(call, "by") or "month"
    found = next((each for each in BUCKETS if each == said), None)
    if found is None:
        raise Malformed(f"by is one of {', '.join(BUCKETS)}.", code="value", expression="by")
    return found


def _stratifiers(call: Call, definition: Definition, wanted: Asked) -> list[str]:
    """The columns of the stratifiers that are asked for by their codes."""
    known_ = {each.name: each.column for each in stratifiers(definition)}
    said = call.params.get("stratifier", ())
    if unknown := [each[:64] for each in said if each not in known_]:
        has = f"has {', '.join(sorted(known_))}" if known_ else "has none"
        told = f"'{unknown[0]}' is no stratifier of this Measure, which {has}."
        raise Malformed(told, code="value", expression="stratifier")
    if said and wanted.department:
        told = "A series of one department has no strata: ask for one or the other."
        raise Malformed(told, code="not-supported", expression="stratifier")
    return [known_[each] for each in said]


def _pending(point: Point) -> Resource:
    return {} if point.over else {"status": "pending"}


def _goals(session: Session, definition: Definition, base: str) -> dict[str, Target]:
    return targets(pursued(session), definition.canonical, definition.notation, base)


OPERATIONS = (
    Operation(
        name="series",
        type="Measure",
        levels=("instance",),
        definition="https://carethread.dev/fhir/OperationDefinition/Measure-series",
        handler=measure_series,
        parameters=SERIES,
    ),
    Operation(
        name="compare",
        type="Measure",
        levels=("instance",),
        definition="https://carethread.dev/fhir/OperationDefinition/Measure-compare",
        handler=compare,
        parameters=COMPARE,
    ),
)
