"""The expressions in a Questionnaire: where they stand, in which language, and whether they can be read.

Source: http://hl7.org/fhir/uv/sdc/expressions.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from carethread.core.errors import FhirError, Issue
from carethread.core.fhir.elements import extension
from carethread.core.fhir.fhirpath import compile
from carethread.core.ports import Resource

SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
CORE = "http://hl7.org/fhir/StructureDefinition/"

ENABLE = SDC + "enableWhenExpression"
TOGGLE = SDC + "answerOptionsToggleExpression"
CONSTRAINTS = (CORE + "questionnaire-constraint", CORE + "targetConstraint")

PLAIN = frozenset(
    {ENABLE, CORE + "variable"}
    | {SDC + name for name in ("initialExpression", "calculatedExpression", "candidateExpression", "answerExpression")}
    | {SDC + "itemPopulationContext"}
)
"""Extensions whose value is an Expression."""

FHIRPATH, QUERY = "text/fhirpath", "application/x-fhir-query"


class Written(NamedTuple):
    """An expression: the url of its extension, its language, its text, and where it stands below the item."""

    url: str
    language: str
    text: str
    path: str


def expressions_of(element: Resource, path: str) -> Iterator[Written]:
    """The expressions that stand on a Questionnaire or on one of its items, in their order."""
    for number, each in enumerate(element.get("extension", ())):
        url, where = each.get("url"), f"{path}.extension[{number}]"
        if url in PLAIN and "valueExpression" in each:
            yield _written(url, each["valueExpression"], where)
        elif url == TOGGLE and "valueExpression" in (inner := extension(each, "expression")):
            yield _written(url, inner["valueExpression"], where)
        elif url in CONSTRAINTS:
            inner = extension(each, "expression")
            if "valueString" in inner:  # R4's questionnaire-constraint, whose expressions are FHIRPath
                yield Written(url, FHIRPATH, inner["valueString"], where)
            elif "valueExpression" in inner:
                yield _written(url, inner["valueExpression"], where)


def _written(url: str, expression: Resource, path: str) -> Written:
    return Written(url, expression.get("language", ""), expression.get("expression", ""), path)


def unreadable(element: Resource, path: str) -> Iterator[Issue]:
    """What is wrong with FHIRPath expressions, each with its place."""
    for each in expressions_of(element, path):
        if each.language == FHIRPATH:
            try:
                compile(each.text)
            except FhirError as error:
                yield from (Issue("invalid", one.diagnostics, each.path) for one in error.issues)
