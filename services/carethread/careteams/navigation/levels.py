"""How high a RiskAssessment says that somebody's risk is, from whomever it comes. Pure.

It counts while it is final, amended or corrected, and its occurrence is not over.
Source: http://hl7.org/fhir/R4/riskassessment.html.
"""

from __future__ import annotations

from collections.abc import Iterable

from carethread.careteams.navigation.terms import PRIORITIES, PROBABILITY
from carethread.core.fhir.elements import at
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Resource

STATUSES = ("final", "amended", "corrected")


def level(assessment: Resource, now: int) -> str:
    """`certain` or `high`; empty where it is neither, or not any more. `now` is in microseconds."""
    if assessment.get("status") not in STATUSES:
        return ""
    end = assessment.get("occurrencePeriod", {}).get("end")
    span = date_range(end) if isinstance(end, str) else None
    if span and span[1] <= now:
        return ""
    codings = (each for each in at(assessment, "prediction.qualitativeRisk.coding") if isinstance(each, dict))
    said = {each.get("code") for each in codings if each.get("system", PROBABILITY) == PROBABILITY}
    return highest(said)


def highest(levels: Iterable[object]) -> str:
    """The highest of levels that count as high; empty where none does."""
    said = set(levels)
    return next((each for each in PRIORITIES if each in said), "")
