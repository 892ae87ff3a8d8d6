"""What FHIRPath needs to know of R4's types: which members an element has in JSON, and which type is a kind of which.

A type is named as in FHIR (`Patient`, `HumanName`, `code`); a part without a type of its own is named by its owner and
its path, `Patient#contact`. Source: http://hl7.org/fhir/R4/fhirpath.html#types.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from carethread.core.fhir.definitions import ElementDefinition, TypeDefinition, type_definition

PARTS = ("BackboneElement", "Element")
"""The types whose elements are defined where they are used."""


class Slot(NamedTuple):
    """One place in JSON where an element's value stands: `valueQuantity` is one of the slots of `value`."""

    key: str
    type: str
    definition: ElementDefinition


@cache
def members(type_name: str) -> Mapping[str, tuple[Slot, ...]]:
    """The elements of a type by name, each with its slots; empty for a type that R4 does not define."""
    owner, _, path = type_name.partition("#")
    try:
        definition = type_definition(owner)
    except KeyError:
        return {}
    return {
        element.name.removesuffix("[x]"): tuple(
            Slot(key, _slot_type(definition, path, element, code), element)
            for key, code in element.json_names().items()
        )
        for element in definition.parts.get(path, {}).values()
    }


def _slot_type(owner: TypeDefinition, path: str, element: ElementDefinition, code: str) -> str:
    if element.content is not None:
        return f"{owner.name}#{element.content}"
    inner = f"{path}.{element.name}" if path else element.name
    return f"{owner.name}#{inner}" if code in PARTS and inner in owner.parts else code


@cache
def keys(type_name: str) -> Mapping[str, str]:
    """Every JSON member name of a type, with the type of its value."""
    return {slot.key: slot.type for slots in members(type_name).values() for slot in slots}


@cache
def ancestry(type_name: str) -> tuple[str, ...]:
    """The type and what it specializes, nearest first."""
    if "#" in type_name:
        return (type_name, "BackboneElement", "Element")
    try:
        base = type_definition(type_name).base
    except KeyError:
        return (type_name,)
    return (type_name, *(ancestry(base) if base else ()))


@cache
def is_defined(type_name: str) -> bool:
    """Whether R4 has a type of that name."""
    try:
        type_definition(type_name)
    except KeyError:
        return False
    return True
