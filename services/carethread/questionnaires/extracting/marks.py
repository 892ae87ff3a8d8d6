"""The extensions by which a Questionnaire says what becomes of its answers, read into values.

Source: http://hl7.org/fhir/uv/sdc/extraction.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.questionnaires.forms.values import typed_value

SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
OBSERVATION = SDC + "observationExtract"
OBSERVATION_ENTRY = SDC + "observationExtractEntry"
CATEGORY = SDC + "observation-extract-category"
DEFINITION = SDC + "definitionExtract"
DEFINITION_VALUE = SDC + "definitionExtractValue"
ITEM_CONTEXT = SDC + "itemExtractionContext"
TEMPLATE = SDC + "templateExtract"
TEMPLATE_BUNDLE = SDC + "templateExtractBundle"
TEMPLATE_CONTEXT = SDC + "templateExtractContext"
TEMPLATE_VALUE = SDC + "templateExtractValue"
ALLOCATED = SDC + "extractAllocateId"
SUBJECT = SDC + "isSubject"
UNIT = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"
CORE = "http://hl7.org/fhir/StructureDefinition/"

CONDITIONS = ("ifNoneMatch", "ifModifiedSince", "ifMatch", "ifNoneExist")
"""The members of Bundle.entry.request that an extension may fill by an expression."""


class Extract(NamedTuple):
    """One resource that is to be made: of which definition (a canonical) or template (`#id`), and the expressions of
    its entry by their names (fullUrl, resourceId, ifNoneExist, …)."""

    definition: str
    expressions: Mapping[str, str]


class Value(NamedTuple):
    """One value that is to be set at an element: by an expression, or fixed (of a FHIR type `kind`)."""

    definition: str
    expression: str
    kind: str
    fixed: Any


def marked(element: Mapping[str, Any], url: str) -> list[Resource]:
    """All extensions of that URL."""
    return [each for each in element.get("extension", ()) if each.get("url") == url]


def extracts(element: Mapping[str, Any]) -> list[Extract]:
    """The resources that a Questionnaire or an item of it has made by a definition."""
    found = [
        Extract(str(extension(each, "definition").get("valueCanonical", "")), _expressions(each))
        for each in marked(element, DEFINITION)
    ]
    older = extension(element, ITEM_CONTEXT).get("valueCode")
    return [*found, Extract(CORE + older, {})] if older and not found else found


def templates(element: Mapping[str, Any]) -> list[Extract]:
    """The resources that a Questionnaire or an item of it has made by a template."""
    return [
        Extract(str(extension(each, "template").get("valueReference", {}).get("reference", "")), _expressions(each))
        for each in marked(element, TEMPLATE)
    ]


def entry_expressions(element: Mapping[str, Any]) -> Mapping[str, str]:
    """The expressions of the entries of an item's Observations."""
    return _expressions(extension(element, OBSERVATION_ENTRY))


def _expressions(mark: Mapping[str, Any]) -> dict[str, str]:
    names = ("fullUrl", "resourceId", *CONDITIONS)
    return {
        part["url"]: part["valueString"]
        for part in mark.get("extension", ())
        if part.get("url") in names and "valueString" in part
    }


def values(element: Mapping[str, Any]) -> list[Value]:
    """The values that a Questionnaire or an item of it sets beside its answers."""
    return [_value(each) for each in marked(element, DEFINITION_VALUE)]


def _value(mark: Mapping[str, Any]) -> Value:
    definition = str(extension(mark, "definition").get("valueUri", ""))
    expression = extension(mark, "expression").get("valueExpression", {}).get("expression", "")
    fixed = extension(mark, "fixed-value")
    kind, value = typed_value(fixed)
    if not kind:
        member = next((name for name in fixed if name.startswith("value")), "value")
        kind, value = member.removeprefix("value"), fixed.get(member)
        kind = kind if isinstance(value, dict) else kind[:1].lower() + kind[1:]
    return Value(definition, expression, kind, value)


def allocated(element: Mapping[str, Any]) -> list[str]:
    """The names of the variables that get a new uuid here."""
    return [str(each["valueString"]) for each in marked(element, ALLOCATED) if "valueString" in each]
