"""What a profile looks at: the values of one element, each with its type and its place, and how values compare.

Source: http://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.fixed_x_
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from carethread.core.fhir.definitions import primitive_types, resource_types
from carethread.core.fhir.fhirpath.element import Element
from carethread.core.fhir.fhirpath.model import Slot, members
from carethread.core.fhir.validation.report import Place


class Item:
    """One value: its JSON `value`, the `_name` object of a primitive, its type as FHIRPath names it, and its place."""

    __slots__ = ("extra", "place", "type", "value")

    def __init__(self, value: Any, extra: Any, type_name: str, place: Place) -> None:
        self.value = value
        self.extra = extra
        self.type = type_name
        self.place = place

    def element(self) -> Element:
        """The same for FHIRPath."""
        return Element(self.value, self.type, self.extra if type(self.extra) is dict else None)


def children(owner: Item, name: str) -> list[Item]:
    """The values of an element of `owner`; a choice is found by its stem or by the JSON name of one of its types."""
    holder, type_name = owner.value, owner.type
    if type(holder) is not dict:
        holder, type_name = owner.extra, "Element"
        if type(holder) is not dict:
            return []
    label, slots = _slots(type_name, name)
    found: list[Item] = []
    if len(slots) == 1:
        (slot,) = slots.values()
        _spread(holder, slot, owner.place, label, found)
    else:  # a choice may have fifty members in JSON, an object only a few
        for key in dict.fromkeys(key.removeprefix("_") for key in holder):
            if key in slots:
                _spread(holder, slots[key], owner.place, label, found)
    return found


def is_present(owner: Item, name: str) -> bool:
    """Whether an element of `owner` is there at all."""
    holder = owner.value
    if type(holder) is not dict:
        return bool(children(owner, name))
    return any(key in holder or "_" + key in holder for key in _slots(owner.type, name)[1])


def has_form(item: Item) -> bool:
    """Whether a coded value has the JSON form of its type: a string, or an object."""
    return type(item.value) is (str if item.type in primitive_types() else dict)


@cache
def _slots(type_name: str, name: str) -> tuple[str, Mapping[str, Slot]]:
    """The name of an element in paths, and its slots in JSON by their key."""
    for stem, slots in members(type_name).items():
        if stem == name:
            return stem, {slot.key: slot for slot in slots}
        if len(slots) > 1 and name.startswith(stem):
            for slot in slots:
                if slot.key == name:
                    return stem, {name: slot}
    return name, {}


def _spread(holder: dict[str, Any], slot: Slot, at: Place, name: str, found: list[Item]) -> None:
    key = slot.key
    content, extra = holder.get(key), holder.get("_" + key)
    if type(content) is list or type(extra) is list:
        contents = content if type(content) is list else []
        extras = extra if type(extra) is list else []
        for index in range(max(len(contents), len(extras))):
            value = contents[index] if index < len(contents) else None
            more = extras[index] if index < len(extras) else None
            if value is not None or more is not None:
                found.append(Item(value, more, _type(slot, value), (at, name, index)))
    elif content is not None or extra is not None:
        found.append(Item(content, extra, _type(slot, content), (at, name, None)))


def _type(slot: Slot, value: Any) -> str:
    if slot.type == "Resource" and type(value) is dict:
        name = value.get("resourceType")
        return name if type(name) is str and name in resource_types() else ""
    return slot.type


def equal(expected: Any, value: Any) -> bool:
    """Whether a value is exactly the expected one (fixed[x])."""
    if type(expected) is dict:
        return (
            type(value) is dict
            and expected.keys() == value.keys()
            and all(equal(expected[k], value[k]) for k in expected)
        )
    if type(expected) is list:
        return type(value) is list and len(expected) == len(value) and all(map(equal, expected, value))
    return _same(expected, value)


def covers(pattern: Any, value: Any) -> bool:
    """Whether a value has all that the pattern has, and maybe more (pattern[x])."""
    if type(pattern) is dict:
        return type(value) is dict and all(k in value and covers(pattern[k], value[k]) for k in pattern)
    if type(pattern) is list:
        return type(value) is list and all(any(covers(wanted, each) for each in value) for wanted in pattern)
    return _same(pattern, value)


def _same(expected: Any, value: Any) -> bool:
    return (type(expected) is bool) == (type(value) is bool) and bool(expected == value)
