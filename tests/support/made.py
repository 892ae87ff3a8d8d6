"""Resources made up from the definitions: each element of a type is there or not by chance, with a value of its type.

What is made is right by structure, format, required binding and reference target; a rule between elements may be
broken, so a judge is to be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

from carethread.core.fhir.definitions import (
    ElementDefinition,
    primitive_types,
    resource_types,
    type_definition,
    value_set,
)

_DEPTH = 5
_FOR_ALL = frozenset({"id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"})
"""Elements that every resource has: left out, for mutations put them in one at a time."""

_VALUES: Mapping[str, tuple[Any, ...]] = {
    "base64Binary": ("AAAA", "AAECAw=="),
    "boolean": (True, False),
    "canonical": ("https://example.org/fhir/made-up", "https://example.org/fhir/made-up|1.0"),
    "code": ("made-up",),
    "date": ("2031-02-28", "2031-02", "2031"),
    "dateTime": ("2031-02-28T10:30:00+01:00", "2031-02-28", "2031", "2031-02-28T10:30:00.125Z"),
    "decimal": (1, 0.5, -2.25, 100),
    "id": ("made-up", "1"),
    "instant": ("2031-02-28T10:30:00+01:00", "2031-02-28T10:30:00.125Z"),
    "integer": (0, 1, -7),
    "markdown": ("Made *up*",),
    "oid": ("urn:oid:1.2.3",),
    "positiveInt": (1, 12),
    "string": ("Made up", "made-up"),
    "time": ("10:30:00", "23:59:59.5"),
    "unsignedInt": (0, 3),
    "uri": ("https://example.org/made-up", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
    "url": ("https://example.org/made-up",),
    "uuid": ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520",),
    "xhtml": ('<div xmlns="http://www.w3.org/1999/xhtml">Made up</div>',),
}
_GRAMMARS: Mapping[str, tuple[str, ...]] = {
    "bcp-13": ("text/plain", "application/fhir+json"),
    "bcp-47": ("en", "de-CH"),
    "iso-4217": ("EUR", "USD"),
    "ucum": ("mg", "/min"),
}
_SYSTEMS = {
    "bcp-13": "urn:ietf:bcp:13",
    "bcp-47": "urn:ietf:bcp:47",
    "iso-4217": "urn:iso:std:iso:4217",
    "ucum": "http://unitsofmeasure.org",
}


def resource(chance: Random, type_name: str, density: float = 0.3) -> dict[str, Any]:
    """A resource of the type; an element that need not be there is with probability `density`, less when deep."""
    return {"resourceType": type_name, **dict(_members(chance, type_name, "", density, 0))}


def _members(chance: Random, type_name: str, part: str, density: float, depth: int) -> Iterator[tuple[str, Any]]:
    definition = type_definition(type_name)
    made = False
    for element in definition.parts[part].values():
        if element.max == 0 or (element.name in _FOR_ALL and not element.min):
            continue
        if element.min or (depth < _DEPTH and chance.random() < density / (1 + depth)):
            made = True
            yield _member(chance, type_name, part, element, density, depth)
    if not made and (part or definition.kind != "resource"):
        optional = [
            e for e in definition.parts[part].values() if e.name not in _FOR_ALL and e.max != 0 and not e.content
        ]
        yield _member(chance, type_name, part, optional[0], density, _DEPTH) if optional else ("id", "made-up")


def _member(
    chance: Random, type_name: str, part: str, element: ElementDefinition, density: float, depth: int
) -> tuple[str, Any]:
    name, code = chance.choice(sorted(element.json_names().items()))
    inner = element.content if element.content is not None else f"{part}.{element.name}".lstrip(".")

    def one() -> Any:
        if inner in type_definition(type_name).parts and inner:
            return dict(_members(chance, type_name, inner, density, depth + 1))
        return value(chance, element, code, density, depth + 1)

    return name, [one() for _ in range(1 + (chance.random() < 0.2))] if element.is_list else one()


def value(chance: Random, element: ElementDefinition, code: str, density: float = 0.0, depth: int = _DEPTH) -> Any:
    """A value of one type that the element allows."""
    special = _SPECIAL.get(code)
    if special is not None:
        return special(chance, element)
    binding = element.binding
    bound = binding.value_set if binding and binding.strength == "required" else binding and binding.maximum
    if bound and code in ("code", "Coding", "CodeableConcept"):
        system, member = _code(chance, bound)
        coding = {"system": system, "code": member} if system else {"code": member}
        return {"code": member, "Coding": coding, "CodeableConcept": {"coding": [coding]}}[code]
    if code in _VALUES:
        return chance.choice(_VALUES[code])
    if code in primitive_types():
        raise KeyError(code)
    return dict(_members(chance, code, "", density, depth))


def _code(chance: Random, url: str) -> tuple[str, str]:
    members = value_set(url)
    if members.codes:
        system = chance.choice(sorted(name for name, codes in members.codes.items() if codes))
        return system, chance.choice(members.codes[system])
    if members.grammar:
        return _SYSTEMS[members.grammar], chance.choice(_GRAMMARS[members.grammar])
    return "", "made-up"


def _reference(chance: Random, element: ElementDefinition) -> dict[str, Any]:
    targets = sorted(name for name in element.types["Reference"] if name in resource_types())
    return {"reference": f"{chance.choice(targets or ['Patient', 'Observation'])}/made-up"}


def _quantity(chance: Random, element: ElementDefinition) -> dict[str, Any]:
    return {"value": chance.choice(_VALUES["decimal"]), "unit": "mg"}


_SPECIAL: Mapping[str, Callable[[Random, ElementDefinition], Any]] = {
    "Reference": _reference,
    "Resource": lambda chance, element: {"resourceType": "Basic", "code": {"text": "Made up"}},
    "Extension": lambda chance, element: {"url": "https://example.org/made-up", "valueString": "Made up"},
    "Meta": lambda chance, element: {"tag": [{"system": "https://example.org/tags", "code": "made-up"}]},
    "Quantity": _quantity,
    "Narrative": lambda chance, element: {"status": "generated", "div": _VALUES["xhtml"][0]},
}
