"""One number opened: what it is, of how many, the resources behind it, and what it was counted by.

The report is that of `$evaluate-measure`, and what stands behind its numbers is told as `$explain` tells it, of one
state of the facts: nobody sees more here than there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from carethread.core.context import Context
from carethread.core.errors import Busy, FhirError, Forbidden, Malformed
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Resource
from carethread.core.ports.analytics import Glimpse
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.parameters import once, refuse_unknown
from carethread.interactions.standing import here
from carethread.metrics.answering.answering import Question, analytics_of, answered, one_look, question
from carethread.metrics.answering.reporting import COUNTED_BY
from carethread.metrics.answering.storing import id_of
from carethread.metrics.evaluating.periods import Days, quoted
from carethread.metrics.explaining.behind import Behind, behind
from carethread.metrics.explaining.picking import Picked, extensions, name_of, picked, place_of
from carethread.metrics.measures.definition import Group, Population, title_of
from carethread.metrics.showing.asking import page_number
from carethread.metrics.showing.points import Point, points

_MEASURE, _GROUP, _POPULATION, _PAGE = "measure", "group", "population", "page"
_HANDED_ON = ("periodStart", "periodEnd", "department")
PARAMETERS = (_MEASURE, *_HANDED_ON, _GROUP, _POPULATION, _PAGE)

EACH = 1000
"""Resources on a page."""

_FIRST = ("numerator", "measure-population")
"""Of the populations that which is opened where none is named; else the first."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A population: how many are in it (None: not told), and what the Measure says of it."""

    name: str
    count: int | None
    description: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class Number:
    """One number of a report that is told: `tabs` are its populations, of which `chosen` is opened, and `found` is what
    stands behind that; `withheld` says why there is nothing of it. `parts` are the numbers of the measure: what each is
    called, as parameter and in words. `by` are the canonicals of the Library and of the views, `report` the id of the
    report that is stored of it, empty without one."""

    group: Group
    place: int
    point: Point
    description: str
    parts: Sequence[tuple[str, str]]
    tabs: Sequence[Tab]
    chosen: Tab
    by: Sequence[str]
    report: str
    found: Behind | None = None
    withheld: str = ""

    @property
    def pages(self) -> int:
        """How many there are of what is listed."""
        return -(-self.found.total // EACH) if self.found and self.found.is_listed else 1


@dataclass(frozen=True, slots=True)
class Opened:
    """What a page shows. `asks` are its own parameters, for links to what is beside it; `department` is a name, empty:
    all of them; `as_of` the moment of the facts in microseconds. `refused` says why there is no number."""

    asks: Mapping[str, str]
    page: int
    measure: Resource
    canonical: str
    days: Days
    department: str
    as_of: int
    number: Number | None = None
    refused: str = ""

    @property
    def title(self) -> str:
        return title_of(self.measure)

    def query(self, **other: str) -> str:
        """The URL's query of the same page but for what is `other`."""
        return urlencode({name: value for name, value in {**self.asks, _PAGE: "", **other}.items() if value})

    @property
    def report_query(self) -> str:
        """The URL's query by which `$evaluate-measure` answers the report."""
        return urlencode({name: self.asks[name] for name in _HANDED_ON if self.asks[name]})


def opened(runtime: Runtime, call: Call, context: Context) -> Opened:
    """The number that a call is about. Raises Malformed for a parameter, NotFound for a measure or a department that
    is not known, Invalid for a measure that is not counted by SQL, Busy before there are facts."""
    refuse_unknown(call, "this page", PARAMETERS)
    asks = {name: once(call, name) for name in PARAMETERS}
    if not is_id(asks[_MEASURE]):
        raise Malformed("measure is the id of one.", code="value", expression=_MEASURE)
    page = page_number(call)
    with one_look(runtime) as looking:
        return _opened(looking, call, asks, page, context)


def _opened(runtime: Runtime, call: Call, asks: Mapping[str, str], page: int, context: Context) -> Opened:
    given = {name: [asks[name]] for name in _HANDED_ON if asks[name]}
    asked = question(runtime, Call("Measure", asks[_MEASURE], given, None, call.request))
    with analytics_of(runtime).look() as facts:
        department, as_of = _called(facts, asked.wanted.department), facts.marks.time
    bare = {**asks, "department": asked.wanted.department}
    found = Opened(bare, page, asked.measure, asked.definition.canonical, asked.wanted.days, department, as_of)
    try:
        report = answered(runtime, asked, context, kept=False)
    except Busy:
        raise
    except FhirError as error:
        return replace(found, refused=_said(error))
    return replace(found, number=_number(runtime, asked, report, call, page, context))


def _called(facts: Glimpse, department: str) -> str:
    if not department:
        return ""
    rows = facts.query(f"SELECT name FROM organizations WHERE id = {quoted(department)} AND name IS NOT NULL").rows
    return str(rows[0][0]) if rows else department


def _number(runtime: Runtime, asked: Question, report: Resource, call: Call, page: int, context: Context) -> Number:
    """Raises Malformed for a number that the measure does not have."""
    chosen = _picked(asked, report, call)
    place, told = chosen.place, report["group"][chosen.place]
    described = asked.measure["group"][place]
    parts = asked.definition.groups if len(asked.definition.groups) > 1 else ()
    tabs = [
        Tab(each.name, population.get("count"), _description(described, each), each.own)
        for each, population in zip(chosen.group.populations, told["population"], strict=True)
    ]
    stored = id_of(asked)
    stands = runtime.store.snapshot(lambda session: here(session, ("MeasureReport", stored)))
    number = Number(
        group=chosen.group,
        place=place,
        point=points([report], place)[0],
        description=str(described.get("description", "")),
        parts=[(name_of(each, i), each.called(i)) for i, each in enumerate(parts)],
        tabs=tabs,
        chosen=next(each for each in tabs if each.name == chosen.population),
        by=extensions(report, COUNTED_BY, "valueCanonical"),
        report=stored if stands else "",
    )
    try:
        return replace(number, found=behind(runtime, asked, chosen, context, count=EACH, offset=(page - 1) * EACH))
    except Forbidden as error:
        return replace(number, withheld=_said(error))


def _picked(asked: Question, report: Resource, call: Call) -> Picked:
    """The number that is asked for: the first, unless another is named."""
    groups = asked.definition.groups
    group = once(call, _GROUP) or name_of(groups[0], 0)
    population = once(call, _POPULATION) or _first(groups[place_of(groups, group)])
    return picked(asked.definition, report, replace(call, params={_GROUP: [group], _POPULATION: [population]}))


def _first(group: Group) -> str:
    names = [each.name for each in group.populations]
    return next((each for each in _FIRST if each in names), names[0])


def _description(group: Resource, population: Population) -> str:
    """What the Measure says of a population."""
    of_it = (each for each in group["population"] if each.get("code", {}) == population.code)
    found: Resource = next(of_it, {})
    return str(found.get("description", ""))


def _said(error: FhirError) -> str:
    return " ".join(each.diagnostics for each in error.issues) or str(error)
