"""Where in a resource a fault can be put: every member of it and of what is in it, each with its definition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from carethread.core.fhir.definitions import ElementDefinition, primitive_types, type_definition

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spot:
    """A member of an object in a resource: the steps to the object, the member's name, its definition and type code.

    `within` is the type, and the part of it, that the object is of.
    """

    steps: tuple[str | int, ...]
    name: str
    element: ElementDefinition
    code: str
    within: tuple[str, str]

    @property
    def is_primitive(self) -> bool:
        return self.code in primitive_types()

    @property
    def path(self) -> str:
        """`participant.0.status`"""
        return ".".join((*map(str, self.steps), self.name))


def spots(value: Json, type_name: str, part: str = "", steps: tuple[str | int, ...] = ()) -> Iterator[Spot]:
    """Every member of a right object of the type, and of the objects in it."""
    known = _members(type_name, part)
    for name, member in value.items():
        if name not in known:
            continue
        element, code = known[name]
        yield Spot(steps, name, element, code, (type_name, part))
        for index, item in enumerate(member) if isinstance(member, list) else ((None, member),):
            if isinstance(item, dict):
                at = (*steps, name) if index is None else (*steps, name, index)
                yield from spots(item, *_inside(type_name, part, element, code, item), at)


def holder(resource: Json, spot: Spot) -> Json:
    """The object that has the spot's member."""
    found: Any = resource
    for step in spot.steps:
        found = found[step]
    held: Json = found
    return held


@cache
def _members(type_name: str, part: str) -> Mapping[str, tuple[ElementDefinition, str]]:
    elements = type_definition(type_name).parts[part].values()
    return {name: (element, code) for element in elements for name, code in element.json_names().items()}


def _inside(type_name: str, part: str, element: ElementDefinition, code: str, item: Json) -> tuple[str, str]:
    if element.content is not None:
        return type_name, element.content
    inner = f"{part}.{element.name}".lstrip(".")
    if inner in type_definition(type_name).parts:
        return type_name, inner
    return (item["resourceType"] if code == "Resource" else code), ""
