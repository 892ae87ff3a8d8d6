"""MeasureReport/[id]/$explain: what stands behind one number of a report that was stored here.

The resources are those that the facts have now; where these have moved on since, so that the number would be another
one, the answer says so. The SQL that finds them runs by itself over the published tables, with the values of its
parameters, so that an analyst can ask on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.elements import at
from carethread.core.fhir.json import Number
from carethread.core.fhir.targets import parse_reference
from carethread.core.ports import Resource
from carethread.core.ports.analytics import Answer, Glimpse
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.parameters import once, refuse_unknown
from carethread.interactions.read import read
from carethread.interactions.rest.bundle import link_url
from carethread.metrics.answering.answering import Question, analytics_of, question, read_by, wanted_units
from carethread.metrics.answering.guarding import is_counted
from carethread.metrics.answering.reporting import AS_OF, COUNTED_BY, DEPARTMENT, NARROWED_TO
from carethread.metrics.evaluating.asking import REFERS
from carethread.metrics.evaluating.counting import UNKNOWN, bare, nested, relations, scored_populations, stratifiers
from carethread.metrics.evaluating.evaluating import Units, answer
from carethread.metrics.evaluating.listing import PERSON
from carethread.metrics.evaluating.periods import quoted
from carethread.metrics.explaining.again import again
from carethread.metrics.measures.definition import Definition, Group
from carethread.metrics.measures.shipped import standard
from carethread.metrics.suppressing.cells import WHOLE, Hidden
from carethread.metrics.suppressing.crossing import listed
from carethread.metrics.suppressing.masking import DEPARTMENT as _DEPARTMENT
from carethread.metrics.suppressing.masking import masked
from carethread.metrics.suppressing.months import months, suppressed
from carethread.metrics.suppressing.seeing import hides, treats

PARAMETERS = ("population", "group", "stratifier", "stratum", "_count", "_offset")

_DEFAULT, _MOST = 100, 1000


@dataclass(frozen=True, slots=True)
class _Number:
    """One number of a report: of which group, population and stratum (its stratifier's place, -1: none)."""

    place: int
    group: Group
    population: str
    stratifier: int
    column: str
    stratum: str
    reported: int | None

    @property
    def where(self) -> str:
        """The condition on `unit` by which a unit is counted."""
        within = nested(self.group)[self.population]
        if self.stratifier < 0:
            return within
        return f"{within} AND unit.stratum_{self.stratifier} = {quoted(self.stratum)}"


def explain(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters: the resources behind the number, a page of them, and the SQL and views that counted it.

    Raises Malformed for a number that the report does not have, Invalid for a report that was not counted here,
    Forbidden for numbers of few people.
    """
    authorize("read", "MeasureReport", context)
    refuse_unknown(call, "$explain", PARAMETERS)
    report = json.parse_object(read(runtime, ("MeasureReport", call.id), context).body)
    asks = _asked(runtime, call, report)
    number = _number(asks.definition, report, call)
    count, offset = _whole_number(call, "_count", _DEFAULT, _MOST), _whole_number(call, "_offset", 0, 2**31)
    with analytics_of(runtime).look() as facts:
        counted = wanted_units(facts, asks)
        bare_only = hides(runtime, asks.definition) and not treats(facts, asks.definition, counted, context.principal)
        if bare_only:
            _refuse_few(facts, asks, number)
        total, units = _units(facts, asks.definition, counted, number, count, offset)
        statement = f"{_before(asks.definition, counted, number)}\nSELECT unit.* FROM unit WHERE {number.where}"
        by = [*asks.measure.get("library", ())[:1], *read_by(facts, asks.definition)]
        as_of = facts.marks.time
    columns = ("resource",) if bare_only else units.columns
    shown = units.dicts() if not bare_only or _may_be_listed(asks.definition, number) else ()
    rows = [{name: row[name] for name in columns if name in row} for row in shown]
    found = [*_head(asks, report, number, total, as_of, by), *again(statement, counted)]
    found += [{"name": "unit", "part": [part for pair in row.items() if (part := _part(*pair))]} for row in rows]
    if offset + len(rows) < total and rows:
        params = [(name, value) for name, values in call.params.items() for value in values if name != "_offset"]
        where = f"MeasureReport/{call.id}/$explain"
        next_page = link_url(runtime.base_url, where, [*params, ("_offset", str(offset + len(rows)))])
        found.append({"name": "next", "valueUri": next_page})
    return {"resourceType": "Parameters", "parameter": found}


def _asked(runtime: Runtime, call: Call, report: Resource) -> Question:
    """What the report answers. Raises Invalid for one that was not counted here, or by a Measure that has changed."""
    if not is_counted(report):
        said = "This report was not counted here; who sent it knows what stands behind it."
        raise Invalid(said, code="not-supported", expression="MeasureReport")
    narrowed = _extensions(report, NARROWED_TO, "valueReference.reference")
    params = {
        "measure": at(report, "measure"),
        "periodStart": at(report, "period.start"),
        "periodEnd": at(report, "period.end"),
        "subject": at(report, "subject.reference"),
        "department": _extensions(report, DEPARTMENT, "valueReference.reference"),
        "practitioner": [each for each in narrowed if each.startswith("Practitioner/")],
        "group": [each for each in narrowed if each.startswith("Group/")],
    }
    given = {name: found for name, values in params.items() if (found := list(values))}
    asks = question(runtime, Call("Measure", "", given, None, call.request))
    _fits(asks.definition, report)
    return asks


def _extensions(report: Resource, url: str, path: str) -> list[Any]:
    return [found for each in report["extension"] if each.get("url") == url for found in at(each, path)]


def _fits(definition: Definition, report: Resource) -> None:
    """Whether the report has what its Measure counts, each in its place, as those have that are counted here. Raises
    Invalid saying where it does not."""

    def judge(fits: bool, what: str, where: str) -> None:
        if not fits:
            raise Invalid(
                f"This report does not have {what} of its measure: it was not counted here.", expression=where
            )

    judge(bool(_extensions(report, AS_OF, "valueInstant")), "the moment of the facts", "MeasureReport.extension")
    told = report.get("group", ())
    judge(len(told) == len(definition.groups), "the groups", "MeasureReport.group")
    for i, (group, each) in enumerate(zip(definition.groups, told, strict=True)):
        where = f"MeasureReport.group[{i}]"
        for holder, place in [(each, where), *_strata(each, where)]:
            codes = [population.get("code") for population in holder.get("population", ())]
            wanted = [population.code or {"text": population.name} for population in group.populations]
            judge(codes == wanted, "the populations", f"{place}.population")


def _strata(group: Resource, where: str) -> Iterator[tuple[Resource, str]]:
    for i, stratifier in enumerate(group.get("stratifier", ())):
        for k, stratum in enumerate(stratifier.get("stratum", ())):
            yield stratum, f"{where}.stratifier[{i}].stratum[{k}]"


def _number(definition: Definition, report: Resource, call: Call) -> _Number:
    """The number that is asked about. Raises Malformed naming the parameter."""
    place = _group(definition, once(call, "group"))
    group, told = definition.groups[place], report["group"][place]
    population = once(call, "population")
    names = [each.name for each in group.populations]
    if population not in names:
        raise Malformed(f"population is one of {', '.join(names)}.", code="value", expression="population")
    stratifier, stratum = once(call, "stratifier"), once(call, "stratum")
    if not stratifier and not stratum:
        return _Number(place, group, population, -1, *WHOLE, _count(told, names.index(population)))
    if "stratum" not in call.params:
        raise Malformed("stratum is needed with stratifier.", code="required", expression="stratum")
    known = {each.name: each for each in group.stratifiers}
    if stratifier not in known:
        said = f"stratifier is one of {', '.join(known)}." if known else "This measure has no stratifiers."
        raise Malformed(said, code="value", expression="stratifier")
    column = known[stratifier].column
    value = UNKNOWN if stratum == "unknown" else stratum
    reported = _count(_stratum(told, known[stratifier].code, stratum), names.index(population))
    which = [each.column for each in stratifiers(definition)].index(column)
    return _Number(place, group, population, which, column, value, reported)


def _group(definition: Definition, said: str) -> int:
    if not said and len(definition.groups) == 1:
        return 0
    known = {code: i for i, group in enumerate(definition.groups) for code in at(group.code, "coding.code")}
    numbered = {str(i + 1): i for i in range(len(definition.groups))}
    if said in known or said in numbered:
        return known.get(said, numbered.get(said, 0))
    raise Malformed(f"group is one of {', '.join(known or numbered)}.", code="value", expression="group")


def _stratum(group: Resource, code: Resource, value: str) -> Resource:
    """Raises Malformed for one that the report does not tell."""
    parted: Resource = next((each for each in group.get("stratifier", ()) if each.get("code") == [code]), {})
    told: dict[str, Resource] = {
        str(name): each for each in parted.get("stratum", ()) for name in at(each, "value.text")
    }
    if value not in told:
        said = f"stratum is one of {', '.join(told)}." if told else "This report has no strata of this stratifier."
        raise Malformed(said, code="value", expression="stratum")
    return told[value]


def _count(told: Resource, place: int) -> int | None:
    """None: masked."""
    found = told["population"][place].get("count")
    return None if found is None else int(str(found))


def _refuse_few(facts: Glimpse, asks: Question, number: _Number) -> None:
    """Raise Forbidden for a number that is not told, in this report or today."""
    counted, hidden = masked(facts, asks.definition, asks.wanted, lambda said: None)
    is_known = number.stratifier < 0 or number.stratum in counted[number.place].strata.get(number.column, {})
    level = hidden.get((number.column, number.stratum), Hidden.NOTHING) if is_known else Hidden.ALL
    beside = number.population not in scored_populations(number.group)
    if number.reported is None or level is Hidden.ALL or (level and beside):
        raise suppressed("Few people stand behind this number: it is for staff who treat them.", "population")
    if number.column in standard() and len(months(asks.wanted.days)) > 1:
        raise suppressed("A stratum of several months is explained month by month.", "stratum")


def _may_be_listed(definition: Definition, number: _Number) -> bool:
    """Whether it is told who they are: of departments, and not of other strata, for lists of men and of young people
    laid beside each other tell of young men."""
    return (number.place, number.population) in listed(definition.groups) and number.column in ("", _DEPARTMENT)


def _units(
    facts: Glimpse, definition: Definition, counted: Units, number: _Number, count: int, offset: int
) -> tuple[int, Answer]:
    before = _before(definition, counted, number)
    total = answer(facts, f"{before}\nSELECT count(*) FROM unit WHERE {number.where}", counted).rows[0][0]
    page = f'ORDER BY unit.resource, unit."at" LIMIT {count} OFFSET {offset}'
    return int(total), answer(facts, f"{before}\nSELECT unit.* FROM unit WHERE {number.where}\n{page}", counted)


def _before(definition: Definition, counted: Units, number: _Number) -> str:
    parted = number.stratifier >= 0
    return relations(definition, standard(), counted.wanted) if parted else bare(definition, counted.wanted)


def _head(
    asks: Question, report: Resource, number: _Number, total: int, as_of: int, by: Sequence[str]
) -> list[Resource]:
    then = _extensions(report, AS_OF, "valueInstant")[0]
    counted_by = _extensions(report, COUNTED_BY, "valueCanonical")
    of_one = report["type"] == "individual" and number.group.basis == PERSON
    moved = number.reported != (min(total, 1) if of_one else total) or counted_by != list(by)
    found: list[Resource] = [
        {"name": "measure", "valueCanonical": asks.definition.canonical},
        {"name": "population", "valueCode": number.population},
        {"name": "reported-as-of", "valueInstant": then},
        {"name": "found", "valueInteger": total},
        {"name": "found-as-of", "valueInstant": instant(as_of)},
        {"name": "moved-on", "valueBoolean": moved},
        *({"name": "counted-by", "valueCanonical": each} for each in by),
    ]
    if number.reported is not None:
        found.insert(2, {"name": "reported", "valueInteger": number.reported})
    return found


def _part(name: str, value: Any) -> Resource | None:
    """A column of a unit; None where it says nothing."""
    reference = f"{REFERS[name]}/{value}" if name in REFERS else str(value) if name == "resource" else ""
    if value and parse_reference(reference):
        return {"name": name, "valueReference": {"reference": reference}}
    match value:
        case bool():
            return {"name": name, "valueBoolean": value}
        case int() | float() if isfinite(value):
            return {"name": name, "valueDecimal": Number(f"{value:.10g}")}
        case datetime():
            return {"name": name, "valueInstant": instant(to_micros(value.replace(tzinfo=UTC)))}
        case date():
            return {"name": name, "valueDate": value.isoformat()}
        case str() | float() if value:
            return {"name": name, "valueString": str(value)}
    return None


def _whole_number(call: Call, name: str, default: int, most: int) -> int:
    said = once(call, name)
    if not said:
        return default
    if not (said.isascii() and said.isdigit() and len(said) < 10) or (name == "_count" and int(said) == 0):
        raise Malformed(f"{name} is a whole number.", code="value", expression=name)
    return min(int(said), most)
