"""How a form marks critical answers, and marks that would call nobody: those are faults of the form. Pure.

An option is marked by itself. A question is marked with the number or weight from which on its answers are critical, so
it has to be one that is answered by a number, or has options that weigh something.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from carethread.core.errors import Issue
from carethread.core.fhir.elements import extension
from carethread.core.fhir.fhirpath.functions.weights import weight_of
from carethread.core.ports import Resource
from carethread.core.service import PROFILES

CRITICAL = PROFILES + "critical-answer"

_NUMBERS = frozenset({"integer", "decimal", "quantity", "boolean"})


def marks_of(element: Mapping[str, Any]) -> list[Resource]:
    """The extensions by which a question or an option says that answers are critical."""
    extensions = element.get("extension")
    return [each for each in extensions if each.get("url") == CRITICAL] if isinstance(extensions, list) else []


def idle_marks(raw: Resource, path: str) -> Iterator[Issue]:
    """The marks of a question of a form, or of its options, that call nobody, whatever is answered."""
    for mark in marks_of(raw):
        if "valueDecimal" not in extension(mark, "from"):
            told = "A critical answer to a question is one from a number or weight on (from); or mark its options."
            yield Issue("required", told, f"{path}.extension")
        elif raw["type"] not in _NUMBERS and not any(map(_weighs, raw.get("answerOption", ()))):
            told = "Nothing that can be answered here is a number, or weighs something; mark the options instead."
            yield Issue("business-rule", told, f"{path}.extension")
    for number, option in enumerate(raw.get("answerOption", ())):
        if any(extension(mark, "from") for mark in marks_of(option)):
            told = "An option is critical by itself; from is said of a question."
            yield Issue("business-rule", told, f"{path}.answerOption[{number}].extension")


def _weighs(option: Resource) -> bool:
    return any(weight_of(each) is not None for each in (option, option.get("valueCoding", {})))
