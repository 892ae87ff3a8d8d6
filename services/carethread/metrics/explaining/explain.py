"""MeasureReport/[id]/$explain: what stands behind one number of a report that was stored here.

The resources are those that the facts have now; where these have moved on since, so that the number would be another
one, the answer says so. The SQL that finds them runs by itself over the published tables, with the values of its
parameters, so that an analyst can ask on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from carethread.core.clock import instant
from carethread.core.context import Context, authorize
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.elements import at
from carethread.core.ports import Resource
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.counting import COUNT, number_in, number_of
from carethread.interactions.operations.parameters import once, refuse_unknown
from carethread.interactions.read import read
from carethread.interactions.rest.bundle import link_url
from carethread.metrics.answering.answering import Question, question
from carethread.metrics.answering.guarding import is_counted
from carethread.metrics.answering.reporting import AS_OF, COUNTED_BY, NARROWED_TO, OF_DEPARTMENT
from carethread.metrics.evaluating.counting import stratifiers
from carethread.metrics.evaluating.listing import PERSON
from carethread.metrics.explaining.again import again
from carethread.metrics.explaining.behind import Behind, behind
from carethread.metrics.explaining.columns import parameter
from carethread.metrics.explaining.picking import Picked, extensions, fits, picked
from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.shipped import standard

PARAMETERS = ("population", "group", "stratifier", "stratum", "_count", "_offset")

_DEFAULT, _MOST, _FARTHEST = 100, 1000, 2**31 - 1


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
    count = number_in(call, COUNT, _MOST, _DEFAULT)
    offset = number_of(once(call, "_offset") or "0", "_offset", _FARTHEST, least=0)
    found = behind(runtime, asks, number, context, count=count, offset=offset)
    told = [*_head(asks, report, number, found), *again(found.statement, found.counted)]
    rows = (_called(asks.definition, row) for row in found.rows)
    told += [{"name": "unit", "part": [part for pair in row if (part := parameter(*pair))]} for row in rows]
    if offset + len(found.rows) < found.total and found.rows:
        params = [(name, value) for name, values in call.params.items() for value in values if name != "_offset"]
        where = f"MeasureReport/{call.id}/$explain"
        next_page = link_url(runtime.base_url, where, [*params, ("_offset", str(offset + len(found.rows)))])
        told.append({"name": "next", "valueUri": next_page})
    return {"resourceType": "Parameters", "parameter": told}


def _called(definition: Definition, row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The columns of a unit, its strata by the names of their stratifiers, unless the SELECT has a column of that name;
    one that is a column of the SELECT is told as that."""
    strata = {f"stratum_{i}": each for i, each in enumerate(stratifiers(definition))}
    for name, value in row.items():
        parted = strata.get(name)
        if parted is None or (parted.name in row and parted.column in standard()):
            yield name, value
        elif parted.column not in row or parted.column in standard():
            yield parted.name, value


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


def _head(asks: Question, report: Resource, number: Picked, found: Behind) -> list[Resource]:
    then = extensions(report, AS_OF, "valueInstant")[0]
    counted_by = extensions(report, COUNTED_BY, "valueCanonical")
    of_one = report["type"] == "individual" and number.group.basis == PERSON
    total = min(found.total, 1) if of_one else found.total
    told: list[Resource] = [
        {"name": "measure", "valueCanonical": asks.definition.canonical},
        {"name": "population", "valueCode": number.population},
        {"name": "reported-as-of", "valueInstant": then},
        {"name": "found", "valueInteger": found.total},
        {"name": "found-as-of", "valueInstant": instant(found.as_of)},
        {"name": "moved-on", "valueBoolean": number.reported != total or counted_by != list(found.by)},
        *({"name": "counted-by", "valueCanonical": each} for each in found.by),
    ]
    if number.reported is not None:
        told.insert(2, {"name": "reported", "valueInteger": number.reported})
    return told
