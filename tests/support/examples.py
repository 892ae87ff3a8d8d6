"""A valid resource of every R4 type: HL7's own example where one is valid, else the least that the definition asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from carethread.core.fhir.definitions import (
    ElementDefinition,
    TypeDefinition,
    resource_types,
    type_definition,
    value_set,
)
from carethread.core.fhir.validation import validate

_FOLDER = Path(__file__).parents[3] / "shared" / "official" / "r4-examples"

_SIMPLE: dict[str, Any] = {
    "boolean": True,
    "integer": 1,
    "positiveInt": 1,
    "unsignedInt": 1,
    "decimal": 1,
    "date": "2031-01-01",
    "dateTime": "2031-01-01",
    "instant": "2031-01-01T00:00:00Z",
    "time": "12:00:00",
    "base64Binary": "AAAA",
    "id": "x",
    "code": "en",
    "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>',
}
_SPARSE: dict[str, Any] = {
    "Attachment": {"title": "x"},
    "CodeableConcept": {"text": "x"},
    "Money": {"value": 1},
    "Period": {"start": "2031-01-01"},
    "Quantity": {"value": 1},
}
"""Types of which no element must be there, but some has to."""

_IMPLEMENTATION = {"implementation": {"description": "x"}}
_BY_INVARIANT: dict[str, dict[str, Any]] = {
    "CapabilityStatement": {**_IMPLEMENTATION, "rest": [{"mode": "server"}]},
    "EventDefinition": {"trigger": [{"type": "named-event", "name": "x"}]},
    "ImmunizationRecommendation": {
        "recommendation": [{"forecastStatus": {"text": "x"}, "vaccineCode": [{"text": "x"}]}],
    },
    "TerminologyCapabilities": _IMPLEMENTATION,
}
"""What an invariant asks beyond the elements that must be there."""

_BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport"
_BY_RULE: dict[str, dict[str, Any]] = {
    "Subscription": {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "A department wants to know.",
        "criteria": "https://carethread.dev/fhir/SubscriptionTopic/slot-freed",
        "channel": {
            "type": "websocket",
            "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": f"{_BACKPORT}-payload-content", "valueCode": "id-only"}]},
        },
    },
}
"""Of which our rules ask for more than HL7's examples have."""

_NUMBER = {"system": "urn:example:numbers", "value": "N-1"}


@cache
def _official() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(_FOLDER.glob("*.json")):
        resource = json.loads(path.read_bytes())
        if not any(issue.severity in ("error", "fatal") for issue in validate(resource)):  # some break HL7's own rules
            found.setdefault(resource["resourceType"], resource)
    return found


def example(type_name: str) -> dict[str, Any]:
    """The first of HL7's examples without its id, or a minimal resource, or what a rule of ours asks; a fresh copy."""
    chosen = _BY_RULE.get(type_name) or _official().get(type_name) or minimal(type_name)
    found: dict[str, Any] = json.loads(json.dumps(chosen))
    found.pop("id", None)
    return found


def minimal(type_name: str) -> dict[str, Any]:
    """A resource with the elements that must be there, and an identifier where the type has one."""
    definition = type_definition(type_name)
    identifier = definition.elements.get("identifier")
    known = {"identifier": [_NUMBER] if identifier.is_list else _NUMBER} if identifier else {}
    return {"resourceType": type_name, **dict(_required(definition, "")), **known, **_BY_INVARIANT.get(type_name, {})}


def _required(definition: TypeDefinition, part: str) -> Iterator[tuple[str, Any]]:
    if definition.base and not part and definition.kind != "resource":
        yield from _required(type_definition(definition.base), "")
    for element in definition.parts[part].values():
        if element.min:
            name, code = next(iter(element.json_names().items()))
            path = f"{part}.{element.name}".lstrip(".")
            value = _value(definition, element, code, path)
            yield name, [value] if element.is_list else value


def _value(definition: TypeDefinition, element: ElementDefinition, code: str, path: str) -> Any:
    if path in definition.parts:
        return dict(_required(definition, path)) or {"id": "x"}
    if code == "Resource":
        return {"resourceType": "Basic", "code": {"text": "x"}}
    if code == "Reference":
        targets = [name for name in element.types[code] if name in resource_types()]
        return {"reference": f"{targets[0] if targets else 'Patient'}/x"}
    if code == "code" and element.binding and element.binding.strength == "required":
        codes = value_set(element.binding.value_set).codes
        return next((members[0] for members in codes.values() if members), _SIMPLE["code"])
    if code in _SIMPLE:
        return _SIMPLE[code]
    kind = type_definition(code).kind
    if kind == "primitive-type":
        return "urn:example:x"
    return dict(_required(type_definition(code), "")) or _SPARSE[code]
