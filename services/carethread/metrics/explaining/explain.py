"""MeasureReport/[id]/$explain: what stands behind one number of a report that was stored here.

The resources are those that the facts have now; where these have moved on since, so that the number would be another
one, the answer says so. The SQL that finds them runs by itself over the published tables, with the values of its
parameters, so that an analyst can ask on.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.core.clock import instant
from carethread.core.context import Context, authorize
from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.elements import at
from carethread.core.ports import Resource
from carethread.core.ports.analytics import Answer, Glimpse
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.parameters import once, refuse_unknown
from carethread.interactions.read import read
from carethread.interactions.rest.bundle import link_url
from carethread.metrics.answering.answering import Question, analytics_of, is_told_all, question, wanted_units
from carethread.metrics.answering.guarding import is_counted
from carethread.metrics.answering.reporting import AS_OF, COUNTED_BY, NARROWED_TO, OF_DEPARTMENT
from carethread.metrics.evaluating.counting import DEPARTMENT, bare, relations, scored_populations
from carethread.metrics.evaluating.evaluating import Units, answer
from carethread.metrics.evaluating.listing import PERSON
from carethread.metrics.explaining.again import again
from carethread.metrics.explaining.columns import parameter
from carethread.metrics.explaining.picking import Picked, extensions, fits, picked
from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.shipped import standard
from carethread.metrics.measures.tables import read_by
from carethread.metrics.suppressing.cells import Hidden
from carethread.metrics.suppressing.crossing import listed
from carethread.metrics.suppressing.masking import masked, refuse_list
from carethread.metrics.suppressing.months import months, suppressed
from carethread.metrics.suppressing.seeing import hides

PARAMETERS = ("population", "group", "stratifier", "stratum", "_count", "_offset")

_DEFAULT, _MOST = 100, 1000


def explain(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters: the resources behind the number, a page of them, and the SQL and views that counted it.

    Raises Malformed for a number that the report does not have, Invalid for a report that was not counted here,
    Forbidden for numbers of few people.
    """
    authorize("read", "MeasureReport", context)
    refuse_unknown(call, "$explain", PARAMETERS)
    report = json.parse_object(read(runtime, ("MeasureReport", call.id), context).body)
    asks = _asked(runtime, call, report)
    number = picked(asks.definition, report, call)
    count, offset = _whole_number(call, "_count", _DEFAULT, _MOST), _whole_number(call, "_offset", 0, 2**31)
    with analytics_of(runtime).look() as facts:
        counted = wanted_units(facts, asks)
        bare_only = hides(runtime, asks.definition) and not is_told_all(facts, asks, counted, context.principal)
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
    found += [{"name": "unit", "part": [part for pair in row.items() if (part := parameter(*pair))]} for row in rows]
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
    narrowed = extensions(report, NARROWED_TO, "valueReference.reference")
    params = {
        "measure": at(report, "measure"),
        "periodStart": at(report, "period.start"),
        "periodEnd": at(report, "period.end"),
        "subject": at(report, "subject.reference"),
        "department": extensions(report, OF_DEPARTMENT, "valueReference.reference"),
        "practitioner": [each for each in narrowed if each.startswith("Practitioner/")],
        "group": [each for each in narrowed if each.startswith("Group/")],
    }
    given = {name: found for name, values in params.items() if (found := list(values))}
    asks = question(runtime, Call("Measure", "", given, None, call.request))
    fits(asks.definition, report)
    return asks


def _refuse_few(facts: Glimpse, asks: Question, number: Picked) -> None:
    """Raise Forbidden for a number that is not told, in this report or today."""
    counted, hidden = masked(facts, asks.definition, asks.wanted)
    is_known = number.stratifier < 0 or number.stratum in counted[number.place].strata.get(number.column, {})
    level = hidden.get((number.column, number.stratum), Hidden.NOTHING) if is_known else Hidden.ALL
    beside = number.population not in scored_populations(number.group)
    if number.reported is None or level is Hidden.ALL or (level is Hidden.BESIDE and beside):
        raise suppressed("Few people stand behind this number: it is for staff who treat them.", "population")
    refuse_list(asks.definition, asks.wanted.days)
    if number.column in standard() and len(months(asks.wanted.days)) > 1:
        raise suppressed("A stratum of several months is explained month by month.", "stratum")


def _may_be_listed(definition: Definition, number: Picked) -> bool:
    """Whether it is told who they are: of departments, and not of other strata, for lists of men and of young people
    laid beside each other tell of young men."""
    return (number.place, number.population) in listed(definition.groups) and number.column in ("", DEPARTMENT)


def _units(
    facts: Glimpse, definition: Definition, counted: Units, number: Picked, count: int, offset: int
) -> tuple[int, Answer]:
    before = _before(definition, counted, number)
    total = answer(facts, f"{before}\nSELECT count(*) FROM unit WHERE {number.where}", counted).rows[0][0]
    order = 'unit.resource, unit."at", COLUMNS(*)'  # all columns: several units of a resource may be of one moment
    page = f"ORDER BY {order} LIMIT {count} OFFSET {offset}"
    return int(total), answer(facts, f"{before}\nSELECT unit.* FROM unit WHERE {number.where}\n{page}", counted)


def _before(definition: Definition, counted: Units, number: Picked) -> str:
    parted = number.stratifier >= 0
    return relations(definition, standard(), counted.wanted) if parted else bare(definition, counted.wanted)


def _head(
    asks: Question, report: Resource, number: Picked, total: int, as_of: int, by: Sequence[str]
) -> list[Resource]:
    then = extensions(report, AS_OF, "valueInstant")[0]
    counted_by = extensions(report, COUNTED_BY, "valueCanonical")
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


def _whole_number(call: Call, name: str, default: int, most: int) -> int:
    said = once(call, name)
    if not said:
        return default
    if not (said.isascii() and said.isdigit() and len(said) < 10) or (name == "_count" and int(said) == 0):
        raise Malformed(f"{name} is a whole number.", code="value", expression=name)
    return min(int(said), most)
