"""A profile as a tree of elements: what it and the profiles that it derives from ask beyond the base type.

The differential of each profile is laid over the tree of its base, so that a slice named there can be narrowed here.
What R4 itself asks is not in the tree: the base validation has checked it. A profile whose base is not at hand is read
from its snapshot. Source: http://hl7.org/fhir/R4/profiling.html, http://hl7.org/fhir/R4/elementdefinition.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from carethread.core.errors import FhirError
from carethread.core.fhir.definitions import Invariant
from carethread.core.fhir.fhirpath.model import is_defined

HL7 = "http://hl7.org/fhir/StructureDefinition/"


class ProfileError(FhirError):
    """A profile that cannot be used: what is wrong with its definition."""

    code = "not-supported"


@dataclass(slots=True)
class Node:
    """One element of a profile, or one slice of it (`slice` is its name).

    `min`, `max` (None: any number), `types`, `binding`, `slicing` are as in ElementDefinition; `fixed` and `pattern`
    are one-element lists, for a fixed value may be false.
    """

    name: str
    slice: str = ""
    min: int = 0
    max: int | None = None
    types: list[dict[str, Any]] = field(default_factory=list)
    fixed: list[Any] = field(default_factory=list)
    pattern: list[Any] = field(default_factory=list)
    binding: dict[str, Any] | None = None
    is_modifier: bool = False
    constraints: dict[str, Invariant] = field(default_factory=dict)
    slicing: dict[str, Any] | None = None
    slices: dict[str, Node] = field(default_factory=dict)
    children: dict[str, Node] = field(default_factory=dict)

    def lay(self, element: Mapping[str, Any]) -> None:
        """Take over what an ElementDefinition says."""
        self.min = element.get("min", self.min)
        if "max" in element:
            self.max = None if element["max"] == "*" else int(element["max"])
        self.types = element.get("type", self.types)
        self.is_modifier = element.get("isModifier", self.is_modifier)
        self.slicing = element.get("slicing", self.slicing)
        if "valueSet" in element.get("binding", {}):
            self.binding = element["binding"]
        for name, value in element.items():
            if name.startswith("fixed"):
                self.fixed = [value]
            elif name.startswith("pattern"):
                self.pattern = [value]
        for entry in element.get("constraint", ()):
            if "expression" in entry and not _is_base(entry.get("source", "")):
                severity = entry.get("severity", "error")
                self.constraints[entry["key"]] = Invariant(entry["key"], severity, entry["expression"], entry["human"])


def tree(definition: Mapping[str, Any], find: Callable[[str], Mapping[str, Any] | None]) -> Node:
    """The tree of a StructureDefinition; `find` gives the definition of another canonical, None for an unknown one.

    Raises ProfileError when the profile can be read neither along its bases nor from a snapshot.
    """
    chain: list[Mapping[str, Any]] = []
    at: Mapping[str, Any] | None = definition
    while at is not None and at not in chain and "differential" in at:
        chain.append(at)
        base = at.get("baseDefinition", "")
        if _is_base(base):
            return _laid(chain, "differential")
        at = find(base)
    if "snapshot" not in definition:
        raise ProfileError("it has no snapshot, and a profile that it derives from is not here")
    return _laid([definition], "snapshot")


def _laid(chain: list[Mapping[str, Any]], view: str) -> Node:
    root = Node("")
    for definition in reversed(chain):
        last: dict[str, str] = {}
        for element in definition[view].get("element", ()):
            _at(root, _id(element, last)).lay(element)
    root.min = 0
    root.max = None
    return root


def _id(element: Mapping[str, Any], last: dict[str, str]) -> str:
    """The element's id; where it has none, its path behind the id of the last element that holds it."""
    path = element["path"]
    parent, _, name = path.rpartition(".")
    made = f"{last.get(parent, parent)}.{name}" if parent else name
    if "sliceName" in element:
        made += f":{element['sliceName']}"
    last[path] = str(element.get("id", made))
    return last[path]


def _at(root: Node, identifier: str) -> Node:
    """The node of `Type.name:slice/reslice.name`, made where it is not there yet."""
    node = root
    for step in identifier.split(".")[1:]:
        name, _, slices = step.partition(":")
        name = name.removesuffix("[x]")
        node = node.children.setdefault(name, Node(name))
        for part in slices.split("/") if slices else ():
            node = node.slices.setdefault(part, Node(name, part))
    return node


def base_type(canonical: str) -> str | None:
    """The R4 type whose own definition this canonical names, else None."""
    url = canonical.partition("|")[0]
    name = url.removeprefix(HL7)
    return name if name != url and is_defined(name) else None


def _is_base(canonical: str) -> bool:
    return base_type(canonical) is not None or is_defined(canonical)  # older snapshots name a type only
