"""Where the path of a FHIRPath Patch leads: the elements with their places, so that they can be changed there.

The evaluator of FHIRPath gives values; a patch needs the object and the member in which each stands. So the steps that
select are walked here, and what stands in the argument of `where` is left to the evaluator.
Source: http://hl7.org/fhir/R4/fhirpatch.html#concept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir.fhirpath import Budget, Element, Expression, FhirPathError
from carethread.core.fhir.fhirpath.compiler import compiled
from carethread.core.fhir.fhirpath.model import Slot, ancestry, members
from carethread.core.fhir.fhirpath.parser import parse
from carethread.core.fhir.fhirpath.syntax import Call, Index, Literal, Member, Node, TypeOperation, type_specifier

STEPS = "members, [index], where(...), first(), last(), extension(url), ofType(type) and as(type)"

_ITEMS = 10_000
"""Elements that one path may pass."""

_STEPS = 100_000
"""Steps of the evaluator for one `where`, shared by the elements that it is asked of."""


@dataclass(frozen=True, slots=True)
class Place:
    """An element where it stands: the member `key` of `parent`, or item `index` of that array.

    The resource itself has no key and is its own parent. `type` is that of the element, `above` the place that its
    parent is at.
    """

    type: str
    parent: dict[str, Any]
    key: str = ""
    index: int | None = None
    above: Place | None = None

    @property
    def value(self) -> Any:
        """Its JSON value; None for a primitive that has only extensions."""
        return _item(self.parent.get(self.key), self.index) if self.key else self.parent

    @property
    def extra(self) -> dict[str, Any] | None:
        """The `_name` object of a primitive."""
        found = _item(self.parent.get("_" + self.key), self.index) if self.key else None
        return found if isinstance(found, dict) else None

    @property
    def members(self) -> dict[str, Any]:
        """The object that holds the children; of a primitive those are id and extension."""
        value = self.value
        return value if isinstance(value, dict) else self.extra or {}

    @property
    def slots(self) -> dict[str, tuple[Slot, ...]]:
        """The elements that may be below it, by name."""
        kind = self.type
        if kind in ("Resource", "DomainResource") and isinstance(self.value, dict):
            kind = str(self.value.get("resourceType"))
        return dict(members(kind))


def _item(content: Any, index: int | None) -> Any:
    if index is None:
        return content
    return content[index] if isinstance(content, list) and index < len(content) else None


class Path:
    """A path, read. Raises Malformed with `where` it stands for one that is no FHIRPath or takes other steps."""

    def __init__(self, text: str, where: str) -> None:
        try:
            self._node = parse(text)
            if not _selects(self._node):
                raise Malformed(f"A path takes {STEPS}, and begins with the type.", code="value", expression=where)
        except FhirPathError as error:
            raise Malformed(f"The path cannot be read: {error}", code="value", expression=where) from None

    def places(self, resource: dict[str, Any]) -> list[Place]:
        """The elements that the path selects. Raises Invalid for an element that the type does not have."""
        try:
            return _Walk(resource).to(self._node)
        except FhirPathError as error:
            raise Invalid(f"The path cannot be followed: {error}", code="processing") from None

    def lists(self, resource: dict[str, Any]) -> list[tuple[Place, Slot]]:
        """The repeating elements that the path names, each by the place above it, items or not. Raises Invalid."""
        node = self._node
        if not isinstance(node, Member) or node.source is None:
            raise Invalid("The path names a repeating element, such as Patient.name.", code="processing")
        above = Path.places(_of(node.source), resource)
        found = [(place, slot) for place in above for slot in slots_of(place, node.name)]
        if not all(slot.definition.is_list for _, slot in found):
            raise Invalid(f"'{node.name}' does not repeat.", code="processing")
        return found


def _of(node: Node) -> Path:
    path = Path.__new__(Path)
    path._node = node
    return path


def slots_of(place: Place, name: str) -> tuple[Slot, ...]:
    """The slots of an element below a place. Raises Invalid where there is no such element."""
    found = place.slots.get(name)
    if found is None:
        raise Invalid(f"{place.type.replace('#', '.')} has no element '{name[:64]}'.", code="processing")
    return found


def _selects(node: Node) -> bool:
    """Whether a path takes only steps that lead from an element to elements below it."""
    match node:
        case Member(None, name):
            return name[:1].isupper()
        case Member(source, _) | Index(source, Literal((int(),))) | TypeOperation("as", source, _):
            return source is not None and _selects(source)
        case Call(source, "where", (_,)) | Call(source, "first" | "last", ()):
            return source is not None and _selects(source)
        case Call(source, "extension", (Literal((str(),)),)):
            return source is not None and _selects(source)
        case Call(source, "ofType" | "as", (argument,)):
            return source is not None and type_specifier(argument) is not None and _selects(source)
    return False


class _Walk:
    """One way through a resource."""

    def __init__(self, resource: dict[str, Any]) -> None:
        self._resource = resource
        self._left = _ITEMS

    def to(self, node: Node) -> list[Place]:
        """The places at the end of a path that `_selects`."""
        match node:
            case Member(None, name):
                kind = str(self._resource.get("resourceType"))
                if name not in ancestry(kind):
                    raise Invalid(f"The path begins with {name[:64]}, the resource is {kind}.", code="processing")
                return [Place(kind, self._resource)]
            case Member(source, name) if source:
                return self._kept(below for place in self.to(source) for below in _below(place, name))
            case Index(source, Literal((int(index),))):
                return self.to(source)[index : index + 1]
            case Call(source, "first", _) if source:
                return self.to(source)[:1]
            case Call(source, "last", _) if source:
                return self.to(source)[-1:]
            case Call(source, "where", (criterion,)) if source:
                return self._where(self.to(source), criterion)
            case Call(source, "extension", (Literal((url,)),)) if source:
                found = self._kept(below for place in self.to(source) for below in _below(place, "extension"))
                return [place for place in found if place.members.get("url") == url]
            case Call(source, _, (argument,)) if source:
                return _of_type(self.to(source), type_specifier(argument) or "")
            case TypeOperation(_, source, type_name):
                return _of_type(self.to(source), type_name)
        raise AssertionError(f"{type(node).__name__} was let through")

    def _kept(self, places: Iterator[Place]) -> list[Place]:
        found: list[Place] = []
        for place in places:
            self._left -= 1
            if self._left < 0:
                raise Invalid(f"A path may pass {_ITEMS} elements.", code="too-costly")
            found.append(place)
        return found

    def _where(self, places: list[Place], criterion: Node) -> list[Place]:
        expression = Expression("where", compiled(criterion))
        budget = Budget(max(_STEPS // max(len(places), 1), 100))
        return [
            place
            for place in places
            if expression.holds(Element(place.value, place.type, place.extra), root=self._resource, budget=budget)
        ]


def _below(place: Place, name: str) -> Iterator[Place]:
    here = place.members
    for slot in slots_of(place, name):
        content, extra = here.get(slot.key), here.get("_" + slot.key)
        if isinstance(content, list) or isinstance(extra, list):
            longest = max(len(each) for each in (content, extra) if isinstance(each, list))
            yield from (Place(slot.type, here, slot.key, index, place) for index in range(longest))
        elif content is not None or extra is not None:
            yield Place(slot.type, here, slot.key, None, place)


def _of_type(places: list[Place], type_name: str) -> list[Place]:
    name = type_name.removeprefix("FHIR.")
    return [place for place in places if place.type == name]
