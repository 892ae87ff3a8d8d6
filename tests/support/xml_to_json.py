"""FHIR XML to FHIR JSON, for published test inputs that exist as XML only.

Source: http://hl7.org/fhir/R4/json.html#xml.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

from carethread.core.fhir.definitions import primitive_types, resource_types
from carethread.core.fhir.fhirpath.model import members
from carethread.core.fhir.json import Number

_FHIR = "{http://hl7.org/fhir}"
_XHTML = "{http://www.w3.org/1999/xhtml}"


def resource_from_xml(text: str) -> dict[str, Any]:
    """One resource as parsed FHIR JSON. Raises ElementTree.ParseError for text that is not XML."""
    root = ElementTree.fromstring(text)
    name = root.tag.removeprefix(_FHIR)
    return {"resourceType": name, **_object(root, name)}


def _object(node: ElementTree.Element, type_name: str) -> dict[str, Any]:
    result: dict[str, Any] = {name: node.attrib[name] for name in ("id", "url") if name in node.attrib}
    slots = {slot.key: slot for found in members(type_name).values() for slot in found}
    for below in node:
        if below.tag.startswith(_XHTML):
            result["div"] = ElementTree.tostring(below, encoding="unicode")
            continue
        name = below.tag.removeprefix(_FHIR)
        slot = slots[name]
        value, extra = _value(below, slot.type)
        if slot.definition.is_list:
            values = result.setdefault(name, [])
            values.append(value)
            if extra:
                extras = result.setdefault(f"_{name}", [])
                extras += [None] * (len(values) - 1 - len(extras)) + [extra]
        else:
            if value is not None:
                result[name] = value
            if extra:
                result[f"_{name}"] = extra
    return result


def _value(node: ElementTree.Element, type_name: str) -> tuple[Any, dict[str, Any] | None]:
    if type_name in primitive_types():
        text = node.attrib.get("value")
        extra = _object(node, "Element")
        return (None if text is None else _primitive(text, type_name)), extra or None
    if type_name == "Resource":
        inner = node[0]
        name = inner.tag.removeprefix(_FHIR)
        assert name in resource_types()
        return {"resourceType": name, **_object(inner, name)}, None
    return _object(node, type_name), None


def _primitive(text: str, type_name: str) -> Any:
    if type_name == "boolean":
        return text == "true"
    if type_name in ("integer", "positiveInt", "unsignedInt"):
        return int(text)
    return Number(text) if type_name == "decimal" else text
