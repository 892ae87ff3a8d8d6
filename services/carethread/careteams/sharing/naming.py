"""What withheld resources are called, and whether another says it: by code, by text, or by a business identifier. Pure.

So a note that names a condition which only a label makes sensitive stays back with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from carethread.careteams.sharing.words import plain
from carethread.core.fhir.elements import at, objects
from carethread.core.ports import Resource

_NAMING = ("code", "medicationCodeableConcept", "valueCodeableConcept")

_FACTS = frozenset({
    "Condition", "Procedure", "AllergyIntolerance", "MedicationStatement", "MedicationRequest", "ServiceRequest",
    "Medication",
})  # fmt: skip
"""What is known of a person by its code; that of an Observation only says what was looked at."""

_SHORTEST = 4


@dataclass(slots=True)
class Named:
    """What one resource is called."""

    codes: set[tuple[str, str]] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    identifiers: set[str] = field(default_factory=set)


def names_of(resource: Resource) -> Named:
    """What a resource is called."""
    found = Named()
    for each in at(resource, "identifier"):
        if isinstance(each, dict) and isinstance(each.get("value"), str):
            found.identifiers.add(each["value"])
    if resource["resourceType"] not in _FACTS:
        return found
    for concept in (resource.get(name) for name in _NAMING):
        if not isinstance(concept, dict):
            continue
        found.texts.add(plain(str(concept.get("text", ""))))
        for coding in at(concept, "coding"):
            if isinstance(coding, dict):
                found.codes.add((str(coding.get("system")), str(coding.get("code"))))
                found.texts.add(plain(str(coding.get("display", ""))))
    found.texts = {each for each in found.texts if len(each.strip()) >= _SHORTEST}
    return found


class Names:
    """What all that is withheld is called."""

    def __init__(self, several: Iterable[Named]) -> None:
        all_of = list(several)
        self._codes = {code for each in all_of for code in each.codes}
        self._texts = {text for each in all_of for text in each.texts}
        self._identifiers = {value for each in all_of for value in each.identifiers}

    def told_in(self, resource: Resource) -> bool:
        """Whether a resource says one of the names, anywhere in it."""
        if not (self._codes or self._texts or self._identifiers):
            return False
        strings: list[str] = []
        for each in objects(resource):
            if (str(each.get("system")), str(each.get("code"))) in self._codes:
                return True
            strings += (value for value in each.values() if isinstance(value, str))
            strings += (
                text for value in each.values() if isinstance(value, list) for text in value if type(text) is str
            )
        if not self._identifiers.isdisjoint(strings):
            return True
        said = plain("\n".join(strings))
        return any(text in said for text in self._texts)
