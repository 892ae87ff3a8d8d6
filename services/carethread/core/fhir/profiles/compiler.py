"""A profile's tree to checks: closures over one element, its children and its slices, applied to a resource that the
base validation has seen. Source: http://hl7.org/fhir/R4/profiling.html, http://hl7.org/fhir/R4/elementdefinition.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from carethread.core.fhir.fhirpath import Expression, FhirPathError, compile
from carethread.core.fhir.profiles.rules import Case, Definition, ItemCheck, Profile, Source, own_rules, right_type
from carethread.core.fhir.profiles.slicing import Belongs, belongs
from carethread.core.fhir.profiles.tree import Node, ProfileError, tree
from carethread.core.fhir.profiles.values import Item, children, is_present

_BY_URL = {"discriminator": [{"type": "value", "path": "url"}], "rules": "open"}
_BY_TYPE = {"discriminator": [{"type": "type", "path": "$this"}], "rules": "open"}

_Slices = Callable[[Item, list[Item], Case], None]


def compile_profile(definition: Definition, source: Source) -> Profile:
    """Compile a StructureDefinition; what makes it unusable is kept in `problem`."""
    url, type_name = str(definition["url"]), str(definition.get("type", ""))
    name = str(definition.get("name", url))
    try:
        root = tree(definition, source.structure)
        check = _Compiler(name, source).element(root)
        contexts = tuple((each["type"], each["expression"]) for each in definition.get("context", ()))
        rules = tuple(_rule(each) for each in definition.get("contextInvariant", ()))
    except (ProfileError, FhirPathError) as error:
        return Profile(url, name, type_name, _nothing, problem=str(error).rstrip("."))
    except (AttributeError, KeyError, TypeError, ValueError):  # a file that people write may lack anything
        return Profile(url, name, type_name, _nothing, problem="its definition is no right StructureDefinition")
    return Profile(url, name, type_name, check, contexts, rules, root.is_modifier)


def _rule(text: str) -> Expression:
    try:
        return compile(text)
    except FhirPathError as error:
        raise ProfileError(f"its contextInvariant cannot be read. {error}") from None


def _nothing(item: Item, case: Case) -> None:
    """The check of an element of which nothing is asked."""


class _Compiler:
    """Compiles the nodes of one profile; `name` is said in every issue."""

    def __init__(self, name: str, source: Source) -> None:
        self.name = name
        self.source = source

    def element(self, node: Node, slice_: str = "") -> ItemCheck:
        """The check of one value of a node: its own rules, then its children."""
        label = f"{self.name}, slice '{slice_}'" if slice_ else self.name
        right = right_type(node, label)
        tests = list(own_rules(node, label, self.source))
        members = (self._member(child, label, slice_) for child in node.children.values())
        tests += [test for test in members if test is not _nothing]
        if right is None and len(tests) < 2:
            return tests[0] if tests else _nothing

        def check(item: Item, case: Case) -> None:
            if right is None or right(item, case):
                for test in tests:
                    test(item, case)

        return check

    def _member(self, node: Node, label: str, slice_: str) -> ItemCheck:
        """The check of all values of a child: how many there are, each of them, and its slices."""
        name, least, most = node.name, node.min, node.max
        each = self.element(node, slice_)
        slices = self._slices(node, label)
        if each is _nothing and slices is None and most is None and least < 2:
            return _required(name, label) if least else _nothing
        count = (
            f"{label}: '{name}' must be there" if least == 1 else f"{label}: at least {least} '{name}' must be there"
        )
        too_many = (
            f"{label}: '{name}' must not be there" if most == 0 else f"{label}: at most {most} '{name}' may be there"
        )

        def check(owner: Item, case: Case) -> None:
            found = children(owner, name)
            if len(found) < least:
                case.add_once("required", (owner.place, name, None), f"{count}{_found(found)}.")
            if most is not None and len(found) > most:
                case.add_once("structure", (owner.place, name, None), f"{too_many}{_found(found)}.")
            if each is not _nothing:
                for item in found:
                    each(item, case)
            if slices is not None:
                slices(owner, found, case)

        return check

    def _slices(self, node: Node, label: str) -> _Slices | None:
        if not node.slices:
            return None
        slicing = node.slicing or (_BY_URL if node.name in ("extension", "modifierExtension") else _BY_TYPE)
        if "discriminator" not in slicing:
            return None
        return _sliced(node, slicing, [self._slice(each, slicing) for each in node.slices.values()], label)

    def _slice(self, node: Node, slicing: Mapping[str, Any]) -> _Slice:
        each = self.element(node, node.slice)
        inner = self._slices(node, f"{self.name}, slice '{node.slice}'")
        return _Slice(node.slice, node.min, node.max, belongs(node, slicing["discriminator"], self.source), each, inner)


def _required(name: str, label: str) -> ItemCheck:
    """The check that an element is there, whatever it is: the most frequent one."""
    text = f"{label}: '{name}' must be there."

    def check(owner: Item, case: Case) -> None:
        if not is_present(owner, name):
            case.add_once("required", (owner.place, name, None), text)

    return check


@dataclass(frozen=True, slots=True)
class _Slice:
    name: str
    min: int
    max: int | None
    belongs: Belongs
    check: ItemCheck
    inner: _Slices | None


def _sliced(node: Node, slicing: Mapping[str, Any], slices: list[_Slice], label: str) -> _Slices:
    """Sort the values into the slices, then check each slice."""
    rules, ordered, name = slicing.get("rules", "open"), slicing.get("ordered", False), node.name
    names = ", ".join(each.name for each in slices)

    def check(owner: Item, found: list[Item], case: Case) -> None:
        members: list[list[Item]] = [[] for _ in slices]
        furthest, unknown = 0, False
        for item in found:
            number = next((n for n, each in enumerate(slices) if each.belongs(item, case.container)), None)
            if number is None:
                unknown = True
                if rules == "closed":
                    case.add("structure", item.place, f"{label}: this is none of the slices of '{name}': {names}.")
                continue
            if unknown and rules == "openAtEnd":
                text = f"{label}: what is in no slice of '{name}' stands behind the slice '{slices[number].name}'."
                case.add("structure", item.place, text)
            if ordered and number < furthest:
                case.add("structure", item.place, f"{label}: the slices of '{name}' stand in this order: {names}.")
            furthest = max(furthest, number)
            members[number].append(item)
        for each, items in zip(slices, members, strict=True):
            if len(items) < each.min:
                text = f"{label}: the slice '{each.name}' of '{name}' needs at least {each.min}{_found(items)}."
                case.add("required", (owner.place, name, None), text)
            if each.max is not None and len(items) > each.max:
                text = f"{label}: the slice '{each.name}' of '{name}' allows at most {each.max}{_found(items)}."
                case.add("structure", (owner.place, name, None), text)
            for item in items:
                each.check(item, case)
            if each.inner is not None:
                each.inner(owner, items, case)

    return check


def _found(items: list[Item]) -> str:
    return f", not {len(items)}" if items else ""
