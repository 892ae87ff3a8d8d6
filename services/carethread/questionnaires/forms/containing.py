"""References to what a resource contains: http://hl7.org/fhir/R4/references.html#contained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carethread.core.fhir.elements import objects
from carethread.core.ports import Resource

REFERRING = frozenset({"reference", "answerValueSet", "valueCanonical", "valueUri", "valueUrl"})
"""Members of a Questionnaire that may refer to what is contained."""


def referred(value: Any, contained: Mapping[str, Resource]) -> list[Resource]:
    """Of what is contained, by its ids, that which a JSON value refers to, by itself or by what it refers to; in the
    order in which it is contained."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        for each in objects(waiting.pop()):
            for name in each.keys() & REFERRING:
                text = each[name]
                if isinstance(text, str) and text[:1] == "#" and text[1:] in contained and text[1:] not in found:
                    found.add(text[1:])
                    waiting.append(contained[text[1:]])
    return [resource for id_, resource in contained.items() if id_ in found]
