"""$evaluate-measure: http://hl7.org/fhir/R4/operation-measure-evaluate-measure.html.

A population's criteria is a FHIR search (`application/x-fhir-query`) on a type that metrics mirrors; the period
bounds its `date`. The copies keep only the highest version of each resource, so events that come twice or out of
order change no count. Criteria that the copies are not indexed by are counted by the type's owner, at its moment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, restrict
from carethread.core.errors import Busy, Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.elements import at
from carethread.core.fhir.search import SearchQuery, parse_query
from carethread.core.fhir.search.extract import COLUMNS
from carethread.core.fhir.search.query import Criterion
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Request, Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.read import read
from carethread.metrics.criteria import LANGUAGE, searched
from carethread.metrics.rules import score

_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?", re.ASCII)


def evaluate_measure(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The MeasureReport of one measure over a period, for all people or for one (`subject`).

    Raises Malformed for a period that is missing or no date, Invalid for a measure that is not counted by searches.
    """
    measure = json.parse(read(runtime, ("Measure", call.id), context).body)
    start, end = (_date(call, name) for name in ("periodStart", "periodEnd"))
    if start > end[: len(start)]:
        raise Malformed("periodEnd is not before periodStart.", code="value", expression="periodEnd")
    subject = _subject(call)
    bounds = [("date", f"ge{start}"), ("date", f"le{end}")] + ([("patient", subject)] if subject else [])
    searches = [
        [_search(runtime, population["criteria"], bounds, context) for population in group.get("population", [])]
        for group in measure.get("group", [])
    ]
    elsewhere = {
        query: _counted_by_owner(runtime, query, call.request)
        for each in searches
        for query in each
        if not _is_indexed(runtime, query)
    }

    def work(session: Session) -> list[list[int]]:
        return [[elsewhere[q] if q in elsewhere else session.count(q) for q in each] for each in searches]

    counts = runtime.store.snapshot(work)
    groups = [_group(group, each) for group, each in zip(measure.get("group", []), counts, strict=True)]
    report: Resource = {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "individual" if subject else "summary",
        "measure": _canonical(measure, runtime.base_url),
        "date": instant(to_micros(context.clock())),
        "period": {"start": start, "end": end},
        "group": groups,
    }
    if subject:
        report["subject"] = {"reference": subject}
    if "improvementNotation" in measure:
        report["improvementNotation"] = measure["improvementNotation"]
    return report


def _date(call: Call, name: str) -> str:
    values = call.params.get(name, [])
    if len(values) != 1:
        raise Malformed(
            f"{name} is needed once: the first and last day, such as 2026-01-31.", code="required", expression=name
        )
    wrong = Malformed(f"{name} is a date such as 2026-01-31.", code="value", expression=name)
    if not _DATE.fullmatch(values[0]):
        raise wrong
    try:
        parse_query("Appointment", [("date", values[0])], strict=True)
    except Malformed:
        raise wrong from None
    return values[0]


def _subject(call: Call) -> str:
    """The reference of the one person whom the report is about; empty for all."""
    values = call.params.get("subject", [])
    if not values:
        return ""
    id_ = values[0].removeprefix("Patient/")
    if len(values) > 1 or not is_id(id_):
        raise Malformed("subject is one patient, such as Patient/123.", code="value", expression="subject")
    return f"Patient/{id_}"


def _canonical(measure: Resource, base_url: str) -> str:
    url: str = measure.get("url") or f"{base_url}/Measure/{measure['id']}"
    return url + (f"|{measure['version']}" if "version" in measure else "")


def _group(group: Resource, counts: Sequence[int]) -> Resource:
    populations = group.get("population", [])
    report: Resource = {}
    by_code: dict[str, int] = {}
    for population, count in zip(populations, counts, strict=True):
        code = {"code": population["code"]} if "code" in population else {}
        report.setdefault("population", []).append({**code, "count": count})
        by_code |= {coding["code"]: count for coding in at(population, "code.coding") if "code" in coding}
    value = score(by_code)
    if value is not None:
        report["measureScore"] = {"value": value}
    return report


def _search(runtime: Runtime, criteria: Resource, bounds: list[tuple[str, str]], context: Context) -> SearchQuery:
    """The search that counts a population, as far as the principal may see."""
    here = sorted(mirror.type for mirror in runtime.service.mirrors)
    elsewhere = f"in {LANGUAGE} on a type that metrics mirrors ({', '.join(here)})"
    if criteria.get("language") != LANGUAGE:
        raise _uncountable(elsewhere)
    try:
        type_name, wanted = searched(criteria.get("expression", ""), context.clock)
        if type_name not in here:
            raise _uncountable(elsewhere)
        parse_query(type_name, wanted, strict=True)
    except Malformed as error:  # it is the Measure that is wrong, not the request
        raise _uncountable(f"that can be searched by: {error.issues[0].diagnostics}") from None
    return restrict(parse_query(type_name, [*wanted, *bounds], strict=True, base=runtime.base_url), context)


def _is_indexed(runtime: Runtime, query: SearchQuery) -> bool:
    """Whether the copies here answer the whole query."""
    params = next(mirror.params for mirror in runtime.service.mirrors if mirror.type == query.type)
    return params is None or all(
        isinstance(node, Criterion) and (node.param in params or node.param in COLUMNS) for node in query.criteria
    )


def _counted_by_owner(runtime: Runtime, query: SearchQuery, request: Request) -> int:
    """What the owner of the type counts. Raises Invalid for criteria that it cannot answer, Busy where it is away."""
    owner = next(mirror.owner for mirror in runtime.service.mirrors if mirror.type == query.type)
    handed_on = {name: request.headers[name] for name in ("authorization", "traceparent") if name in request.headers}
    headers = {**handed_on, "accept": "application/fhir+json", "prefer": "handling=strict"}
    said = runtime.peer.call(owner, Request("GET", query.type, [*query.used, ("_summary", "count")], headers))
    answer = json.parse(said.body)
    if said.status == 200:
        return int(answer["total"])
    told = "; ".join(issue.get("diagnostics", "") for issue in answer.get("issue", []))
    if said.status >= 500:
        raise Busy(f"{owner} cannot count {query.type} now: {told}")
    raise _uncountable(f"that {owner} can answer: {told}")


def _uncountable(what: str) -> Invalid:
    return Invalid(
        f"A population that can be counted has criteria {what}.",
        code="not-supported",
        expression="Measure.group.population.criteria",
    )


OPERATIONS = (
    Operation(
        name="evaluate-measure",
        type="Measure",
        levels=("instance",),
        definition="http://hl7.org/fhir/OperationDefinition/Measure-evaluate-measure",
        handler=evaluate_measure,
        parameters=("periodStart", "periodEnd", "subject"),
    ),
)
