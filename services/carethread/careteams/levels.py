"""How high a RiskAssessment says that somebody's risk is, from whomever it comes. Pure.

It counts while it is final, amended or corrected, and its occurrence is not over.
Source: http://hl7.org/fhir/R4/riskassessment.html, http://hl7.org/fhir/R4/valueset-risk-probability.html.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from carethread.careteams.teams.reading import ends
from carethread.core.fhir.elements import at
from carethread.core.ports import Resource

PROBABILITY = "http://terminology.hl7.org/CodeSystem/risk-probability"

LEVELS = ("certain", "high", "moderate")
"""Levels at which a risk is there, the highest first; `low` and `negligible` say that it is not."""

HIGH = LEVELS[:2]
"""Those that count as high: somebody has to answer for the person, and stay in touch."""

STATUSES = ("final", "amended", "corrected")


def level(assessment: Resource, now: int, among: Collection[str] = LEVELS) -> str:
    """The highest of the levels that it says; empty where it says none, or not any more. `now` is in microseconds."""
    if assessment.get("status") not in STATUSES:
        return ""
    return "" if over_at(assessment) <= now else highest(said(assessment), among)


def over_at(assessment: Resource) -> int:
    """When its occurrence is over, in microseconds; FOREVER where that is not known."""
    return ends(assessment.get("occurrencePeriod", {}).get("end"))


def said(assessment: Resource) -> set[str]:
    """The levels that its predictions name, whatever they are worth; a code without a system is taken for one."""
    codings = (each for each in at(assessment, "prediction.qualitativeRisk.coding") if isinstance(each, dict))
    return {str(each.get("code")) for each in codings if each.get("system", PROBABILITY) == PROBABILITY}


def highest(levels: Iterable[str], among: Collection[str] = LEVELS) -> str:
    """The highest of levels; empty where none of them is among those asked for."""
    found = set(levels) & set(among)
    return next((each for each in LEVELS if each in found), "")
