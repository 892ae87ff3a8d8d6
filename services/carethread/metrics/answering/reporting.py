"""The MeasureReport of what was counted. Pure. Source: http://hl7.org/fhir/R4/measurereport.html.

A number that is not told, because too few people stand behind it, is masked: a count and a score then have the
extension `data-absent-reason` in place of a value. A score of nobody is not applicable: never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10

from carethread.core.clock import instant
from carethread.core.fhir.json import Number
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.metrics.evaluating.counting import UNKNOWN, Cell, Counted, score, scored_populations
from carethread.metrics.measures.definition import Definition, Group, Stratifier
from carethread.metrics.suppressing.cells import WHOLE, Hidden, Place, tells_score
from carethread.metrics.suppressing.naming import UNNAMED

PROFILE = PROFILES + "measure-report"

AS_OF = PROFILES + "facts-as-of"
"""Extension of a report: up to which moment what had happened was counted."""

COUNTED_BY = PROFILES + "counted-by"
"""Extension of a report: the Library whose SQL counted, and the ViewDefinitions that it read, with their versions."""

NARROWED_TO = PROFILES + "narrowed-to"
"""Extension of a report that counts only what is of a Practitioner or a Group."""

OF_DEPARTMENT = PROFILES + "department"
"""Extension of what is of a department, an Organization."""

ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
"""Extension in place of a value: why it is not there."""

MASKED: Resource = {"extension": [{"url": ABSENT, "valueCode": "masked"}]}
"""In place of a number that is not told."""

_EXACT = 12
"""Decimals to which numbers are reckoned."""

_NOT_APPLICABLE: Resource = {"extension": [{"url": ABSENT, "valueCode": "not-applicable"}]}
_NAMES: Mapping[str, Resource] = {
    value: {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": code}],
        "text": code,
    }
    for value, code in ((UNKNOWN, "unknown"), (UNNAMED, "masked"))
}
"""Of strata that have no name of their own."""


def extension_of_department(department: Resource) -> Resource:
    """That something is of a department, to which a Reference leads."""
    return {"url": OF_DEPARTMENT, "valueReference": department}


@dataclass(frozen=True, slots=True)
class Head:
    """What a report says of itself. `kind` is a MeasureReport.type; `start` and `end` the first and last day; `now` and
    `as_of` are in microseconds; `by` the canonicals of the Library and of the views; `narrowed` extensions that tell
    what is counted only; `about` further elements, such as `subject` or `reporter`."""

    kind: str
    start: str
    end: str
    now: int
    as_of: int
    by: Sequence[str]
    narrowed: Sequence[Resource]
    about: Mapping[str, object]


def report(definition: Definition, counted: Sequence[Counted], head: Head, hidden: Mapping[Place, Hidden]) -> Resource:
    """`hidden` are the cells that are not told as they are."""
    groups = [_group(group, each, hidden) for group, each in zip(definition.groups, counted, strict=True)]
    found: Resource = {
        "resourceType": "MeasureReport",
        "meta": {"profile": [PROFILE]},
        "extension": [
            {"url": AS_OF, "valueInstant": instant(head.as_of)},
            *({"url": COUNTED_BY, "valueCanonical": each} for each in head.by),
            *head.narrowed,
        ],
        "status": "complete",
        "type": head.kind,
        "measure": definition.canonical,
        "date": instant(head.now),
        "period": {"start": head.start, "end": head.end},
        **head.about,
    }
    if definition.notation:
        found["improvementNotation"] = definition.notation
    return {**found, "group": groups}


def _group(group: Group, counted: Counted, hidden: Mapping[Place, Hidden]) -> Resource:
    found: Resource = {"code": group.code} if group.code else {}
    found |= _told(group, counted.whole, hidden.get(WHOLE, Hidden.NOTHING))
    parted = [
        _stratifier(group, each, counted.strata[each.column], hidden)
        for each in group.stratifiers
        if counted.strata.get(each.column)
    ]
    return found | ({"stratifier": parted} if parted else {})


def _stratifier(
    group: Group, stratifier: Stratifier, strata: Mapping[str, Cell], hidden: Mapping[Place, Hidden]
) -> Resource:
    stratum = [
        {
            "value": _NAMES.get(value, {"text": value}),
            **_told(group, cell, hidden.get((stratifier.column, value), Hidden.NOTHING)),
        }
        for value, cell in strata.items()
    ]
    return {"code": [stratifier.code], "stratum": stratum} if stratifier.code else {"stratum": stratum}


def _told(group: Group, cell: Cell, hidden: Hidden) -> Resource:
    scored = scored_populations(group)
    populations: list[Resource] = [
        {"code": each.code or {"text": each.name}, "_count": MASKED}
        if hidden is Hidden.ALL or (hidden >= Hidden.BESIDE and each.name not in scored)
        else {"code": each.code or {"text": each.name}, "count": cell.counts[each.name]}
        for each in group.populations
    ]
    if group.scoring == "cohort":
        return {"population": populations}
    if not tells_score(group, hidden):
        return {"population": populations, "measureScore": MASKED}
    found = score(group, cell)
    if found is None:
        return {"population": populations, "measureScore": _NOT_APPLICABLE}
    return {
        "population": populations,
        "measureScore": {"value": decimal(found), **group.unit},
    }


def decimal(value: float) -> Number:
    """A number with four decimals, and with more where it has not four digits that count: so 0 is told of 0 alone, and
    of what differs from it by how floats are reckoned."""
    value = round(value, _EXACT) + 0.0  # not -0.0
    first = floor(log10(abs(value))) if value else 0
    return Number(f"{value:.{max(4, 3 - first)}f}")
