"""The variables of a form: named expressions on the Questionnaire or an item, seen there and by all that is below.

Source: http://hl7.org/fhir/R4/extension-variable.html, http://hl7.org/fhir/uv/sdc/expressions.html#variable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from carethread.core.errors import Invalid, Issue
from carethread.core.fhir.validation.report import shown
from carethread.core.ports import Resource

VARIABLE = "http://hl7.org/fhir/StructureDefinition/variable"

RESERVED = frozenset({"resource", "rootResource", "context", "questionnaire", "qitem", "ucum", "sct", "loinc"})
"""Names that say something already, so no variable has them."""


class Variable(NamedTuple):
    """One variable: its name, the language and the text of its expression."""

    name: str
    language: str
    text: str


def variables_of(element: Resource, path: str) -> tuple[Variable, ...]:
    """The variables on a Questionnaire or on an item of one, in order. Raises Invalid as `wrong_variables` says."""
    if issues := list(wrong_variables(element, path)):
        raise Invalid(issues=issues)
    return tuple(variable for _, variable in _written(element))


def wrong_variables(element: Resource, path: str) -> Iterator[Issue]:
    """What is wrong with the names of an element's variables: none, a reserved one, or the same twice."""
    seen: set[str] = set()
    for number, (name, _, _) in _written(element):
        where = f"{path}.extension[{number}].value.name"
        if not name:
            yield Issue("required", "A variable has a name.", where)
        elif name in RESERVED:
            yield Issue("business-rule", f"%{name} is given already; choose another name.", where)
        elif name in seen:
            told = f"The variable '{shown(name)}' is here twice; give each its own name."
            yield Issue("duplicate", told, where)
        seen.add(name)


def _written(element: Resource) -> Iterator[tuple[int, Variable]]:
    for number, each in enumerate(element.get("extension", ())):
        if each.get("url") == VARIABLE:
            said = each.get("valueExpression", {})
            yield number, Variable(said.get("name", ""), said.get("language", ""), said.get("expression", ""))
