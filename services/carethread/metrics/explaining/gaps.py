"""Measure/$care-gaps: what a person has a right to by our measures, and has had or not yet.

A Measure, or the group of it that is meant, says by an extension that a person may have a gap in it, and what closes
it. The gap is open where the person misses in the period what is asked for: where more is better, some of what is of
them in the denominator is not in the numerator, nor excluded or excepted; where less is better, some is. The answer is
a document as https://hl7.org/fhir/us/davinci-deqm/gaps-in-care-reporting.html shapes it: a Composition with a section
for each such Measure that the person is counted in, their MeasureReport, and a DetectedIssue with the state of the gap.
Operation: http://hl7.org/fhir/R4/operation-measure-care-gaps.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed
from carethread.core.fhir.elements import at
from carethread.core.ports import Resource, Session
from carethread.core.service import PROFILES, Call, Runtime
from carethread.interactions.operations.parameters import once, refuse_unknown
from carethread.metrics.answering.answering import Question, analytics_of, answered, one_look, wanted_units
from carethread.metrics.evaluating.asking import Asked, asked
from carethread.metrics.evaluating.counting import bare, nested
from carethread.metrics.evaluating.evaluating import run
from carethread.metrics.evaluating.members import held
from carethread.metrics.measures.definition import EXTENSION, Group, title_of
from carethread.metrics.measures.finding import active_measures, defined, measure_named

PARAMETERS = ("periodStart", "periodEnd", "topic", "subject", "measure", "status")

CARE_GAP = PROFILES + "care-gap"
"""Extension of a Measure or of its group: that a person may have a gap in it, and what closes it."""

_NOTATION = EXTENSION + "improvementNotation"
_SHARE = {"denominator", "numerator"}
"""Populations without which there is no gap."""

OPEN, CLOSED = "open-gap", "closed-gap"

_DEQM = "http://hl7.org/fhir/us/davinci-deqm/"
_REPORT = {"coding": [{"system": "http://loinc.org", "code": "96315-7", "display": "Gaps in care report"}]}
_CODE = {"text": "CAREGAP"}
"""DEQM codes it so in v3-ActCode, whose version of R4 does not have it yet."""


@dataclass(frozen=True, slots=True)
class _Gap:
    """One Measure's gap of one person."""

    asks: Question
    status: str
    closed_by: str


@dataclass(frozen=True, slots=True)
class _Marked:
    """That a Measure can tell a gap: by which of its groups, what closes it, and whether the numerator is what is not
    wanted."""

    place: int
    closed_by: str
    decreases: bool


def care_gaps(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The document. Raises Malformed for a parameter, NotFound for a measure, Forbidden for numbers of few people."""
    authorize("read", "Measure", context)
    refuse_unknown(call, "$care-gaps", PARAMETERS)
    if not once(call, "subject"):
        raise Malformed("subject is needed, one Patient.", code="required", expression="subject")
    states = set(call.params.get("status", ())) or {OPEN, CLOSED}
    if not states <= {OPEN, CLOSED}:
        raise Malformed(f"status is {OPEN} or {CLOSED}.", code="value", expression="status")
    wanted = asked(replace(call, params=_of_a_report(call), body=None))
    who = wanted.subject
    entries: list[Resource] = []
    sections: list[Resource] = []
    patient = {
        "fullUrl": f"{runtime.base_url}/Patient/{who}",
        "resource": held(runtime, ("Patient", who), "subject", call),
    }
    with one_look(runtime) as looking:
        for asks, marked in _asked(looking, call, wanted):
            report = answered(looking, asks, context, kept=False)
            report["subject"] = {"reference": patient["fullUrl"]}  # in a document references lead to its entries
            status = _status(looking, asks, marked)
            if status in states:
                section, made = _section(_Gap(asks, status, marked.closed_by), report, context)
                sections.append(section)
                entries += made
    return _document(patient, sections, entries, context)


def _of_a_report(call: Call) -> dict[str, Sequence[str]]:
    """The parameters that the report of each Measure has too."""
    return {name: call.params[name] for name in ("periodStart", "periodEnd", "subject") if name in call.params}


def _asked(runtime: Runtime, call: Call, wanted: Asked) -> Iterator[tuple[Question, _Marked]]:
    """Of each Measure that is meant what is asked of it, and what is a gap in it. Raises Invalid for one that is not
    counted by SQL."""
    named, topic = once(call, "measure"), once(call, "topic").lower()
    if not named and not topic:
        raise Malformed("topic or measure is needed.", code="required", expression="topic")
    measures = [(each, _marked(each)) for each in _measures(runtime, named)]
    if topic and not any(topic in _topics(each) for each, marked in measures if marked):
        known = sorted({name for each, marked in measures if marked for name in _topics(each)})
        raise Malformed(f"topic is one of {', '.join(known)}.", code="value", expression="topic")
    for measure, marked in measures:
        if named and not marked:
            raise Malformed("This measure has no gap of a person.", code="not-supported", expression="measure")
        if marked and (not topic or topic in _topics(measure)):
            counts = partial(defined, measure=measure, base_url=runtime.base_url)
            yield Question(measure, runtime.store.snapshot(counts), wanted, None), marked


def _measures(runtime: Runtime, named: str) -> list[Resource]:
    def work(session: Session) -> list[Resource]:
        if named:
            return [measure_named(session, named)]
        return active_measures(session)

    return runtime.store.snapshot(work)


def _topics(measure: Resource) -> set[str]:
    said = [*at(measure, "topic.coding.code"), *at(measure, "topic.coding.display"), *at(measure, "topic.text")]
    return {str(each).lower() for each in said}


def _marked(measure: Resource) -> _Marked | None:
    """By which of its groups a Measure can tell a gap: the one that says so, else the first that has a share."""
    groups = measure.get("group", ())
    shares = [i for i, each in enumerate(groups) if _populations(each) >= _SHARE]
    for place, holder in [*((i, groups[i]) for i in shares), *((i, measure) for i in shares[:1])]:
        closed_by = next((e["valueString"] for e in holder.get("extension", ()) if e["url"] == CARE_GAP), "")
        if closed_by:
            own = [e["valueCodeableConcept"] for e in groups[place].get("extension", ()) if e["url"] == _NOTATION]
            notation = next(iter(own), measure.get("improvementNotation", {}))
            return _Marked(place, closed_by, "decrease" in at(notation, "coding.code"))
    return None


def _populations(group: Resource) -> set[Any]:
    return set(at(group, "population.code.coding.code"))


def _status(runtime: Runtime, asks: Question, marked: _Marked) -> str:
    """Empty where the person is not counted."""
    reached, missed = _conditions(asks.definition.groups[marked.place])
    if marked.decreases:
        reached, missed = missed, reached
    with analytics_of(runtime).look() as facts:
        counted = wanted_units(facts, asks)
        columns = f"count(*) FILTER (WHERE {reached}), count(*) FILTER (WHERE {missed})"
        ((good, bad),) = run(facts, f"{bare(asks.definition, counted.wanted)}\nSELECT {columns} FROM unit", counted)
    return OPEN if bad else CLOSED if good else ""


def _conditions(group: Group) -> tuple[str, str]:
    within = nested(group)
    out = ("denominator-exclusion", "denominator-exception", "numerator-exclusion", "numerator")
    without = " AND ".join(f"NOT {within[name]}" for name in out if name in within)
    return within["numerator"], f"({within['denominator']} AND {without})"


def _section(gap: _Gap, report: Resource, context: Context) -> tuple[Resource, list[Resource]]:
    issue: Resource = {
        "resourceType": "DetectedIssue",
        "id": context.new_id(),
        "modifierExtension": [
            {
                "url": f"{_DEQM}StructureDefinition/extension-gapStatus",
                "valueCodeableConcept": {"coding": [{"system": f"{_DEQM}CodeSystem/gaps-status", "code": gap.status}]},
            }
        ],
        "status": "final",
        "code": _CODE,
        "patient": report["subject"],
        "identifiedDateTime": report["date"],
        "detail": gap.closed_by,
    }
    report = {"resourceType": "MeasureReport", "id": context.new_id(), **report}
    made = [_entry(report), _entry(issue)]
    issue["evidence"] = [{"detail": [{"reference": made[0]["fullUrl"]}]}]
    section = {
        "title": title_of(gap.asks.measure),
        "focus": {"reference": made[0]["fullUrl"]},
        "entry": [{"reference": made[1]["fullUrl"]}],
    }
    return section, made


def _entry(resource: Resource) -> Resource:
    return {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}


def _document(patient: Resource, sections: list[Resource], entries: list[Resource], context: Context) -> Resource:
    now = instant(to_micros(context.clock()))
    composition: dict[str, Any] = {
        "resourceType": "Composition",
        "id": context.new_id(),
        "status": "final",
        "type": _REPORT,
        "subject": {"reference": patient["fullUrl"]},
        "date": now,
        "author": [{"display": "CareThread"}],
        "title": "Gaps in care",
    }
    if sections:
        composition["section"] = sections
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{context.new_id()}"},
        "type": "document",
        "timestamp": now,
        "entry": [_entry(composition), patient, *entries],
    }
