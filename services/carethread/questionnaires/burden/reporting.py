"""The figures as a MeasureReport of the Measure `documentation-burden`: a group for each figure, over all and by a
stratifier. Pure. Source: http://hl7.org/fhir/R4/measurereport.html."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from carethread.core.clock import instant
from carethread.core.few import MASKED, hidden
from carethread.core.ports import Resource
from carethread.core.ports.efforts import Effort
from carethread.questionnaires.burden.figures import FIGURES, Figure, Value
from carethread.questionnaires.burden.terms import CODES, MEASURE

_POPULATIONS = "http://terminology.hl7.org/CodeSystem/measure-population"
_MASKED: Resource = {"measureScore": MASKED}
_ALL = ""


class Parts(NamedTuple):
    """By what the whole is parted: the code of the stratifier, the part that a response is of, and how that is told."""

    code: str
    of: Callable[[Effort], str]
    told: Callable[[str], Resource]


class Month(NamedTuple):
    """Its first and its last day, as they are written."""

    first: str
    last: str


def summary(efforts: Sequence[Effort], parts: Parts, who: Callable[[Effort], str], month: Month, now: int) -> Resource:
    """The report over all who have answered; `who` tells who stands behind a response. `now` is in microseconds."""
    groups = [_group(figure, efforts, parts, who, now) for figure in FIGURES]
    return {**_head("summary", month, now), "group": groups}


def individual(efforts: Sequence[Effort], author: str, month: Month, now: int) -> Resource:
    """The report of one author, for themselves: nothing is hidden."""
    groups = [{**_code(figure), **_told(_value(figure, efforts, now), figure)} for figure in FIGURES]
    return {**_head("individual", month, now), "subject": {"reference": author}, "group": groups}


def _head(kind: str, month: Month, now: int) -> Resource:
    return {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": kind,
        "measure": MEASURE,
        "date": instant(now),
        "period": {"start": month.first, "end": month.last},
    }


def _code(figure: Figure) -> Resource:
    return {"code": {"coding": [{"system": CODES, "code": figure.code}]}}


def _value(figure: Figure, efforts: Sequence[Effort], now: int) -> Value:
    return figure.of([each for each in efforts if figure.about(each)], now)


def _group(figure: Figure, efforts: Sequence[Effort], parts: Parts, who: Callable[[Effort], str], now: int) -> Resource:
    about = [each for each in efforts if figure.about(each)]
    members: dict[str, list[Effort]] = {}
    for each in about:
        members.setdefault(parts.of(each), []).append(each)
    masked = hidden({name: {who(each) for each in some} for name, some in members.items()})
    all_masked = bool(hidden({_ALL: {who(each) for each in about}}))
    strata = [
        {"value": parts.told(name), **(_MASKED if name in masked else _told(figure.of(some, now), figure))}
        for name, some in sorted(members.items())
    ]
    parted = {"stratifier": [{"code": [{"coding": [{"system": CODES, "code": parts.code}]}], "stratum": strata}]}
    return {
        **_code(figure),
        **(_MASKED if all_masked else _told(figure.of(about, now), figure)),
        **(parted if strata else {}),
    }


def _told(value: Value, figure: Figure) -> Resource:
    counted = [{**_population(name), "count": count} for name, count in _counts(value)]
    if value.value is None:
        return {"population": counted}
    unit: Mapping[str, str] = {}
    if value.numerator is None:
        unit = {"unit": "s", "system": "http://unitsofmeasure.org", "code": "s"}
    return {"population": counted, "measureScore": {"value": value.value, **unit}}


def _counts(value: Value) -> Iterator[tuple[str, int]]:
    if value.numerator is None:
        yield "initial-population", value.denominator
    else:
        yield "denominator", value.denominator
        yield "numerator", value.numerator


def _population(code: str) -> Resource:
    return {"code": {"coding": [{"system": _POPULATIONS, "code": code}]}}
