"""Setting values at elements of a resource that is being made, by the ids of ElementDefinitions.

`Patient.name:official.given` leads through what is there already, as far as the item has it, and makes what is not. A
slice of a profile brings its fixed values and patterns along.
Source: http://hl7.org/fhir/uv/sdc/extraction.html#definition-based-extraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from carethread.core.fhir.definitions import primitive_types
from carethread.core.fhir.fhirpath.model import Slot, members
from carethread.core.fhir.profiles.tree import Node
from carethread.core.fhir.profiles.values import covers
from carethread.core.ports import Resource
from carethread.questionnaires.extracting.fitting import chosen

MOST_STEPS = 20
"""How deep an element may lie."""


class Misplaced(Exception):
    """Why a value cannot be set where it is to be."""


@dataclass(slots=True, eq=False)
class Spot:
    """An object of a resource that is being made: the element that it is (`Patient.name`), its type, and what a profile
    says of it."""

    path: str
    holder: Resource
    type: str
    node: Node | None = None


@dataclass(slots=True, eq=False)
class Chain:
    """The objects that values of one item may be set in: those of the items above, outermost first, then its own."""

    spots: list[Spot] = field(default_factory=list)

    def nearest(self, path: str) -> Spot:
        """The innermost object that an element lies in. Raises Misplaced where none is one."""
        for spot in reversed(self.spots):
            if path.startswith(f"{spot.path}."):
                return spot
        raise Misplaced(f"{path[:64]} is no element of a {self.spots[0].type}")

    def below(self) -> Chain:
        """For another item, which has these and may have its own."""
        return Chain(list(self.spots))


def put(chain: Chain, path: str, values: Sequence[tuple[str, Any]]) -> None:
    """Set values, each with its FHIR type, at an element; objects on the way to it are kept in the chain.

    Raises Misplaced.
    """
    spot, steps = _way(chain, path)
    for step in steps[:-1]:
        spot = _entered(chain, spot, step)
    name, slots, node = _slots(spot, steps[-1])
    if len(values) > 1 and not slots[0].definition.is_list:
        raise Misplaced(f"{path} takes one value, and there are {len(values)}")
    for kind, value in values:
        type_name, found = chosen(kind, value, [slot.type for slot in slots])
        if not type_name:
            wanted = " or ".join(each.type for each in slots[:4])
            raise Misplaced(f"{path} is a {wanted}, which a value of type {kind} cannot be")
        slot = next(slot for slot in slots if slot.type == type_name)
        _store(spot.holder, slot, _with_parts(found, node, slot.type), spot, name)


def enter(chain: Chain, path: str) -> None:
    """Make a new object at an element, which values that lie in it are set in from now on. Raises Misplaced."""
    spot, steps = _way(chain, path)
    for step in steps:
        spot = _entered(chain, spot, step)


def _way(chain: Chain, path: str) -> tuple[Spot, list[str]]:
    spot = chain.nearest(path)
    steps = path[len(spot.path) + 1 :].split(".")
    if len(steps) > MOST_STEPS or not all(steps):
        raise Misplaced(f"{path[:64]} is no element")
    return spot, steps


def _slots(spot: Spot, step: str) -> tuple[str, tuple[Slot, ...], Node | None]:
    """The name of a step, where its values may stand in JSON, and what the profile says of it."""
    name, _, slice_ = step.partition(":")
    stem = name.removesuffix("[x]")
    known = members(spot.type)
    slots = known.get(stem, ())
    if not slots:
        found = [(each, slot) for each, several in known.items() for slot in several if slot.key == stem]
        if not found:
            raise Misplaced(f"{spot.path} has no element {stem[:64]}")
        stem, slots = found[0][0], (found[0][1],)
    node = spot.node.children.get(stem) if spot.node else None
    if slice_:
        typed = tuple(slot for slot in slots if slot.key == slice_)
        node = node.slices.get(slice_, node if typed else None) if node else None
        if typed:
            slots = typed
        elif node is None:
            raise Misplaced(f"{spot.path}.{stem} has no slice {slice_[:64]}")
    return stem, slots, node


def _entered(chain: Chain, spot: Spot, step: str) -> Spot:
    """The object at a step: a new one of many, the one that is there of one."""
    name, slots, node = _slots(spot, step)
    path = f"{spot.path}.{step}"
    if len(slots) > 1:
        there = [slot for slot in slots if slot.key in spot.holder]
        if not there:
            raise Misplaced(f"{path} is of several types; name one, such as {slots[-1].key}")
        slots = (there[0],)
    slot = slots[0]
    if slot.type in primitive_types() or not members(slot.type):
        raise Misplaced(f"{path} has nothing in it")
    present = spot.holder.get(slot.key)
    inner = present if isinstance(present, dict) else {}
    if inner is not present:
        _store(spot.holder, slot, inner, spot, name)
    found = Spot(path, inner, slot.type, node)
    if node is not None:
        complete(inner, node, slot.type)
    chain.spots.append(found)
    return found


def _store(holder: Resource, slot: Slot, value: Any, spot: Spot, name: str) -> None:
    if slot.definition.is_list:
        holder.setdefault(slot.key, []).append(value)
    elif slot.definition.is_choice and any(
        each.key in holder and each.key != slot.key for each in members(spot.type)[name]
    ):
        raise Misplaced(f"{spot.path}.{name} has a value of another type already")
    elif slot.key in holder and isinstance(value, dict) and isinstance(holder[slot.key], dict):
        holder[slot.key] = {**value, **holder[slot.key], **value}
    elif holder.setdefault(slot.key, value) != value:
        raise Misplaced(f"{spot.path}.{name} has another value already")


def pruned(value: Any) -> Any:
    """A value without objects and lists that hold nothing; as deep as it is."""
    if isinstance(value, dict):
        kept = {name: pruned(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each not in ({}, [])}
    if isinstance(value, list):
        return [each for each in map(pruned, value) if each not in ({}, [])]
    return value


def _with_parts(value: Any, node: Node | None, type_name: str) -> Any:
    """A value with what its profile fixes in it."""
    if node is None or not isinstance(value, dict):
        return value
    value = dict(value)
    complete(value, node, type_name)
    return value


def complete(holder: Resource, node: Node, type_name: str) -> None:
    """Add to an object what a profile fixes in it: at elements that are there or have to be; as deep as it goes."""
    for value in (*node.fixed, *node.pattern):
        if isinstance(value, dict):
            _laid(holder, value)
    for name, child in node.children.items():
        slots = members(type_name).get(name, ())
        for slot in slots:
            _complete_child(holder, child, slot, single=len(slots) == 1)


def _complete_child(holder: Resource, child: Node, slot: Slot, *, single: bool) -> None:
    present = holder.get(slot.key)
    if present is None:
        if child.min and single:
            made = _made(child, slot.type)
            if made not in (None, {}):
                holder[slot.key] = [made] if slot.definition.is_list else made
    else:
        for each in present if isinstance(present, list) else [present]:
            if isinstance(each, dict):
                complete(each, child, slot.type)
    for slice_ in child.slices.values():
        made = _made(slice_, slot.type) if slice_.min else None
        if made in (None, {}):
            continue
        if not slot.definition.is_list:
            if isinstance(holder.get(slot.key), dict):
                complete(holder[slot.key], slice_, slot.type)
        elif not any(covers(made, each) for each in holder.get(slot.key, ())):
            holder.setdefault(slot.key, []).append(made)


def _made(node: Node, type_name: str) -> Any:
    """What a profile fixes of an element that is not there; None where it fixes nothing."""
    fixed = [*node.fixed, *node.pattern]
    if fixed and not isinstance(fixed[0], dict):
        return fixed[0]
    if not members(type_name):
        return None
    made: Resource = {}
    complete(made, node, type_name)
    return made


def _laid(holder: Resource, value: Resource) -> None:
    """Have an object hold what a pattern has, where it says nothing else there."""
    for name, each in value.items():
        if name not in holder:
            holder[name] = each
        elif isinstance(each, dict) and isinstance(holder[name], dict):
            _laid(holder[name], each)
