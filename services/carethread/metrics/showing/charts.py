"""The charts of a page: which measures and departments there are, and what `$series` tells of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carethread.core.clock import from_micros
from carethread.core.context import Context
from carethread.core.errors import Busy, FhirError, NotFound
from carethread.core.ports import Request, Resource
from carethread.core.ports.analytics import Glimpse
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.invoke import invoke
from carethread.metrics.answering.answering import analytics_of, known, one_look
from carethread.metrics.evaluating.periods import Days, quoted
from carethread.metrics.explaining.picking import name_of
from carethread.metrics.measures.definition import Group, title_of
from carethread.metrics.measures.finding import active_measures
from carethread.metrics.series.buckets import before
from carethread.metrics.showing.asking import DEPARTMENT, EACH, MEASURE, SHOWN, Wanted
from carethread.metrics.showing.plot import Plot, begun, plot
from carethread.metrics.showing.points import Point, points
from carethread.metrics.signals.goals import Target, pursued, targets

_NAMED_BY = {
    "appointments": ("department_id",),
    "encounters": ("department_id", "organization_id"),
    "healthcare_services": ("organization_id",),
    "locations": ("organization_id",),
    "patients": ("organization_id",),
    "practitioner_roles": ("organization_id",),
    "team_members": ("department_id", "organization_id"),
}
"""What makes an Organization a department: the columns, by table, that measures take theirs from where anybody works or
is seen. A payer, or whom somebody was referred to, is none."""

_NAMED = " UNION ".join(f"SELECT {each} FROM {table}" for table, columns in _NAMED_BY.items() for each in columns)
_DEPARTMENTS = (
    "SELECT id, coalesce(name, id) AS name FROM organizations WHERE id = {wanted} OR id IN (" + _NAMED + ")"
    " ORDER BY lower(coalesce(name, id)), id"
)
"""Those to choose from, and the one that is asked for."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One number of a measure over time; `place` tells it from others of the page, and `part` names it among those of
    its measure, empty where there is but one."""

    place: str
    part: str
    title: str
    description: str
    group: Group
    points: Sequence[Point]
    plot: Plot
    target: Target | None

    @property
    def masked(self) -> int:
        return sum(each.masked for each in self.points)

    @property
    def last(self) -> Point | None:
        """The newest bucket of which there is a number."""
        return next((each for each in reversed(self.points) if each.value is not None), None)


@dataclass(frozen=True, slots=True)
class Section:
    """One measure: its charts, or why there are none."""

    id: str
    title: str
    description: str
    charts: Sequence[Chart] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Charts:
    """What a page shows. `measures` and `departments` are those to choose from: ids and names."""

    wanted: Wanted
    days: Days
    as_of: int
    measures: Sequence[tuple[str, str]]
    departments: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    pages: int

    @property
    def department(self) -> str:
        """The name of the department that is shown; empty: all of them."""
        return next((name for id_, name in self.departments if id_ == self.wanted.department), "")


def charts(runtime: Runtime, call: Call, wanted: Wanted, context: Context) -> Charts:
    """The charts of a page. Raises NotFound for a measure or department that is not known, Busy before there are
    facts."""
    with one_look(runtime) as looking:
        return _charts(looking, call, wanted, context)


def _charts(runtime: Runtime, call: Call, wanted: Wanted, context: Context) -> Charts:
    measures = runtime.store.glance(active_measures)
    with analytics_of(runtime).look() as facts:
        departments = _departments(facts, wanted.department)
        as_of = facts.marks.time
    days = before(from_micros(as_of).date(), wanted.by, SHOWN[wanted.by])
    found = [each for each in measures if wanted.measure in ("", each["id"])]
    if not found:
        raise NotFound("There is no such measure that is counted.", expression=MEASURE)
    if wanted.department and wanted.department not in [id_ for id_, _ in departments]:
        raise NotFound("There is no such department.", expression=DEPARTMENT)
    first = (wanted.page - 1) * EACH
    goals = runtime.store.glance(pursued)
    sections = [_section(runtime, call, each, wanted, days, goals, context) for each in found[first : first + EACH]]
    named = [(each["id"], title_of(each)) for each in measures]
    return Charts(wanted, days, as_of, named, departments, sections, -(-len(found) // EACH))


def _departments(facts: Glimpse, wanted: str) -> list[tuple[str, str]]:
    return [(str(id_), str(name)) for id_, name in facts.query(_DEPARTMENTS.format(wanted=quoted(wanted))).rows]


def _section(
    runtime: Runtime,
    call: Call,
    measure: Resource,
    wanted: Wanted,
    days: Days,
    goals: Sequence[Resource],
    context: Context,
) -> Section:
    head = measure["id"], title_of(measure), str(measure.get("description", ""))
    try:
        reports = _series(runtime, call, measure["id"], wanted, days, context)
        _, definition = known(runtime, f"Measure/{measure['id']}")
    except Busy:
        raise
    except FhirError as error:
        return Section(*head, refused=" ".join(each.diagnostics for each in error.issues) or str(error))
    aims = targets(goals, definition.canonical, definition.notation, runtime.base_url)
    target = aims.get(wanted.department) if wanted.department else None
    several = len(definition.groups) > 1
    made = []
    for place, group in enumerate(definition.groups):
        seen = points(reports, place)
        aim = [each for each in (target.low, target.high) if each is not None] if target else []
        title = f"{head[1]}: {group.called(place)}" if several else head[1]
        drawing = plot(begun(seen), aim, share=group.scoring == "proportion")
        part = name_of(group, place) if several else ""
        said = title, _description(measure, place)
        made.append(Chart(f"{head[0]}-{place}", part, *said, group, seen, drawing, target))
    return Section(*head, charts=made)


def _description(measure: Resource, place: int) -> str:
    return str(measure["group"][place].get("description", ""))


def _series(runtime: Runtime, call: Call, measure: str, wanted: Wanted, days: Days, context: Context) -> list[Resource]:
    """The reports of `$series`, asked as over REST, so that nobody sees more here than there."""
    query = [("periodStart", f"{days.first}"), ("periodEnd", f"{days.last}"), ("by", wanted.by)]
    query += [("department", wanted.department)] if wanted.department else []
    request = Request("GET", f"Measure/{measure}/$series", query, call.request.headers)
    found = invoke(runtime, request, "series", "Measure", measure, None, context)
    return [each["resource"] for each in found["entry"]] if isinstance(found, dict) else []
