"""HL7's R4 extensions in a compact form; called by `compact_definitions.py`.

Each becomes a StructureDefinition with what validation asks of it: url, name, type, context, and the differential's
rules without its prose. Source: http://hl7.org/fhir/R4/extensibility-registry.html.
"""

from __future__ import annotations

from typing import Any

KEPT = ("resourceType", "url", "name", "type", "baseDefinition", "context", "contextInvariant")
RULES = ("id", "path", "sliceName", "min", "max", "isModifier", "slicing")
TYPE = ("code", "profile", "targetProfile")
CONSTRAINT = ("key", "severity", "human", "expression")


def compact(definition: dict[str, Any]) -> dict[str, Any]:
    elements = [rules(element) for element in definition["differential"]["element"]]
    return {key: definition[key] for key in KEPT if key in definition} | {"differential": {"element": elements}}


def rules(element: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in element.items() if key in RULES or key.startswith(("fixed", "pattern"))}
    if "type" in element:
        kept["type"] = [{key: each[key] for key in TYPE if key in each} for each in element["type"]]
    if is_bound(element):
        kept["binding"] = {key: element["binding"][key].partition("|")[0] for key in ("strength", "valueSet")}
    if own := [each for each in element.get("constraint", ()) if "source" not in each]:
        kept["constraint"] = [{key: each[key] for key in CONSTRAINT if key in each} for each in own]
    return kept


def is_bound(element: dict[str, Any]) -> bool:
    return "valueSet" in element.get("binding", {}) and element["binding"]["strength"] != "example"


def bindings(definition: dict[str, Any]) -> list[str]:
    """The value sets that an extension binds its values to."""
    return [e["binding"]["valueSet"].partition("|")[0] for e in definition["differential"]["element"] if is_bound(e)]
