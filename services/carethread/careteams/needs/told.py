"""Which answers tell of a social need: data, the ConceptMap `social-needs` of `fhir_profiles/`. Pure.

A target depends on the question (`Observation#code`) or on a number from which on it holds (`Observation#value`, such
as `ge11`); its products are Gravity's category, further codes of the Condition, and how the person is told of it.
Sources: http://hl7.org/fhir/R4/conceptmap.html, http://hl7.org/fhir/us/sdoh-clinicalcare.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib.resources import files

from carethread.core.fhir import json
from carethread.core.fhir.elements import at
from carethread.core.ports import Resource

GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
"""The system of the categories of needs."""

_FHIR = "http://hl7.org/fhir/"
_QUESTION, _VALUE = _FHIR + "Observation#code", _FHIR + "Observation#value"
_CATEGORY, _CODE, _MEDIUM = _FHIR + "Condition#category", _FHIR + "Condition#code", _FHIR + "Communication#medium"

_SAID = ("final", "amended", "corrected")
"""Statuses of an Observation that tells something."""


@dataclass(frozen=True, slots=True)
class Told:
    """A need that an answer tells of: its category, of `GRAVITY`, and the CodeableConcept of the Condition."""

    category: str
    code: Resource = field(hash=False)


@dataclass(frozen=True, slots=True)
class _Row:
    told: Told
    least: Decimal | None = None


def told_by(observation: Resource) -> Told | None:
    """The need that an Observation tells of; None where it tells of none, or says nothing."""
    if observation.get("status") not in _SAID:
        return None
    table = _table()[0]
    for system, question in _codings(observation, "code.coding"):
        for value in _codings(observation, "valueCodeableConcept.coding"):
            for row in table.get((system, question, *value), ()):
                return row.told
        for row in table.get((system, question, "", ""), ()):
            number = _number(observation)
            if number is not None and row.least is not None and number >= row.least:
                return row.told
    return None


def categories() -> Sequence[str]:
    """All categories of needs that can be told of, in the map's order."""
    return list(_table()[1])


def medium_of(category: str) -> str:
    """How the person is told what came of it (a code of v3-ParticipationMode); empty: as they like."""
    return _table()[1].get(category, "")


def category_in(condition: Resource) -> str:
    """Gravity's category of a Condition; empty where it has none."""
    found = (code for system, code in _codings(condition, "category.coding") if system == GRAVITY)
    return next((code for code in found if code != "sdoh-category-unspecified"), "")


def _codings(resource: Resource, path: str) -> Iterator[tuple[str, str]]:
    for each in at(resource, path):
        if isinstance(each, dict) and "code" in each:
            yield str(each.get("system", "")), str(each["code"])


def _number(observation: Resource) -> Decimal | None:
    value = observation.get("valueInteger", observation.get("valueQuantity", {}).get("value"))
    return None if value is None or isinstance(value, bool) else Decimal(str(value))


@cache
def _table() -> tuple[Mapping[tuple[str, str, str, str], Sequence[_Row]], Mapping[str, str]]:
    """The rows by system and code of question and answer, the latter empty for numbers; and the medium by category."""
    file = files("carethread.fhir_profiles").joinpath("ConceptMap").joinpath("social-needs.json")
    rows: defaultdict[tuple[str, str, str, str], list[_Row]] = defaultdict(list)
    media: dict[str, str] = {}
    for group in json.parse_object(file.read_bytes())["group"]:
        for element in group["element"]:
            for target in element["target"]:
                depends = {each["property"]: each for each in target["dependsOn"]}
                made = {each["property"]: each for each in target["product"]}
                category = made[_CATEGORY]["value"]
                codings = [{"system": group["target"], "code": target["code"], "display": target["display"]}]
                if _CODE in made:
                    more = made[_CODE]
                    codings.append({"system": more["system"], "code": more["value"], "display": more["display"]})
                told = Told(category, {"coding": codings, "text": target["display"]})
                media[category] = made.get(_MEDIUM, {}).get("value", media.get(category, ""))
                if _VALUE in depends:
                    least = Decimal(depends[_VALUE]["value"].removeprefix("ge"))
                    rows[group["source"], element["code"], "", ""].append(_Row(told, least))
                else:
                    question = depends[_QUESTION]
                    rows[question["system"], question["value"], group["source"], element["code"]].append(_Row(told))
    return rows, media
