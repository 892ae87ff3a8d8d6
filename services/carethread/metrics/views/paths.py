"""The paths of a view as functions of a node: FHIRPath, and for what is simple the same without its machinery.

What most columns are (`start`, `participant.where(type.exists()).actor.getReferenceKey(Patient)`) is a few members one
after the other, whose places in JSON follow from the type that they start at. Such a path is walked over plain JSON.
Where a resource has what only FHIRPath treats rightly (a primitive that has extensions), the walk gives up and FHIRPath
decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carethread.core.fhir.fhirpath import Budget, Element, Expression
from carethread.core.fhir.fhirpath import compile as compiled
from carethread.core.fhir.fhirpath.functions.rowkeys import reference_key, resource_key
from carethread.core.fhir.fhirpath.model import members
from carethread.core.fhir.fhirpath.parser import parse
from carethread.core.fhir.fhirpath.syntax import Binary, Call, Index, Literal, Member, Node, type_specifier

Items = list[Any]
Path = Callable[[Element, int], Items]
"""The items of a node, as FHIRPath gives them; the number is %rowIndex."""

_TEXTS = frozenset({"code", "string", "uri", "url", "canonical", "id", "markdown", "oid", "uuid"})
"""Types whose values are equal to a string where their characters are."""


class _GiveUp(Exception):
    """Raised where plain JSON does not tell."""


Step = Callable[[Items], Items]
"""From plain JSON values to plain JSON values."""

Condition = Callable[[Any], bool]
"""Whether a plain JSON value is one of those that are wanted."""


@dataclass(frozen=True, slots=True)
class _Walk:
    """Steps one after the other, and the type of what they end at; empty: a plain value, which nothing follows."""

    steps: tuple[Step, ...]
    type: str


def path(text: str, constants: Mapping[str, Any], start: str = "") -> Path:
    """A path that starts at a node of the type (empty: whatever it is). Raises FhirPathError for what is none."""
    expression = compiled(text)
    whole = _evaluated(expression, constants)
    walk = simple(parse(text), start) if start else None
    return whole if walk is None else _walked(walk, whole)


def node_type(text: str, start: str) -> str:
    """The type of the nodes that a simple path leads to; empty where that is not known beforehand."""
    walk = simple(parse(text), start) if start else None
    return walk.type if walk else ""


def _evaluated(expression: Expression, constants: Mapping[str, Any]) -> Path:
    def apply(node: Element, row_index: int) -> Items:
        return expression.items(node, environment={**constants, "rowIndex": row_index}, budget=Budget())

    return apply


def _walked(walk: _Walk, whole: Path) -> Path:
    steps, type_name = walk.steps, walk.type

    def apply(node: Element, row_index: int) -> Items:
        values = [node.value]
        try:
            for step in steps:
                values = step(values)
        except _GiveUp:
            return whole(node, row_index)
        return [Element(value, type_name) for value in values] if type_name else values

    return apply


def simple(node: Node, start: str) -> _Walk | None:
    """The walk of a path that is simple; None for any other."""
    match node:
        case Member(None, name):
            return _Walk((), start) if name == start else _member(_Walk((), start), name)
        case Member(source, name) if source is not None:
            return _member(simple(source, start), name)
        case Call(Member(source, name), "ofType", (wanted,)):
            return _chosen(_Walk((), start) if source is None else simple(source, start), name, wanted)
        case Index(source, Literal((int() as at,))) if at >= 0:
            return _then(simple(source, start), lambda values: values[at : at + 1])
        case Call(source, name, arguments):
            before = _Walk((), start) if source is None else simple(source, start)
            return _call(before, name, arguments)
        case _:
            return None


def _member(walk: _Walk | None, name: str) -> _Walk | None:
    slots = members(walk.type).get(name) if walk and walk.type else None
    if walk is None or slots is None or len(slots) != 1 or slots[0].type in ("Resource", ""):
        return None
    return _Walk((*walk.steps, _down(slots[0].key)), slots[0].type)


def _down(key: str) -> Step:
    extended = "_" + key

    def step(values: Items) -> Items:
        found: Items = []
        for value in values:
            if type(value) is not dict or extended in value:
                raise _GiveUp
            below = value.get(key)
            if type(below) is list:
                found += below
            elif below is not None:
                found.append(below)
        return found

    return step


def _call(walk: _Walk | None, name: str, arguments: Sequence[Node]) -> _Walk | None:
    if walk is None or not walk.type:
        return None
    match name, arguments:
        case "first", ():
            return _then(walk, lambda values: values[:1])
        case "exists", ():
            return _then(walk, lambda values: [bool(values)], "")
        case "getResourceKey", () if not walk.steps:
            return _then(walk, lambda values: [key for value in values if (key := resource_key(value))], "")
        case "getReferenceKey", () | (_,) if walk.type == "Reference":
            type_name = type_specifier(arguments[0]) if arguments else ""
            return None if type_name is None else _then(walk, _reference_keys(type_name.removeprefix("FHIR.")), "")
        case "where", (condition,):
            holds = _condition(condition, walk.type)
            return holds and _then(walk, lambda values: [value for value in values if holds(value)])
        case "extension", (Literal((str() as url,)),):
            extensions = _member(walk, "extension")
            return _then(extensions, lambda values: [each for each in values if _url(each) == url])
        case _:
            return None


def _chosen(walk: _Walk | None, name: str, wanted: Node) -> _Walk | None:
    """One of the types of a choice, `value.ofType(Quantity)`: another place in JSON."""
    type_name = type_specifier(wanted)
    slots = members(walk.type).get(name, ()) if walk and walk.type and type_name else ()
    chosen = [slot for slot in slots if slot.type == str(type_name).removeprefix("FHIR.")]
    return _Walk((*walk.steps, _down(chosen[0].key)), chosen[0].type) if walk and len(chosen) == 1 else None


def _reference_keys(type_name: str) -> Step:
    return lambda values: [key for value in values if (key := reference_key(value, type_name))]


def _url(extension: Any) -> Any:
    if type(extension) is not dict:
        raise _GiveUp
    return extension.get("url")


def _condition(node: Node, start: str) -> Condition | None:
    """A condition that is simple: something exists, or is a text."""
    match node:
        case Call(_, "exists", ()):
            return _exists(simple(node, start))
        case Binary("=", left, Literal((str() as text,))):
            return _is(simple(left, start), text)
        case Binary("and", left, right):
            return _both(_condition(left, start), _condition(right, start))
        case _:
            return None


def _exists(walk: _Walk | None) -> Condition | None:
    return None if walk is None else lambda value: bool(_of(walk, value)[0])


def _is(walk: _Walk | None, text: str) -> Condition | None:
    return None if walk is None or walk.type not in _TEXTS else lambda value: _one(_of(walk, value)) == text


def _both(first: Condition | None, second: Condition | None) -> Condition | None:
    return None if first is None or second is None else lambda value: first(value) and second(value)


def _of(walk: _Walk, value: Any) -> Items:
    values = [value]
    for step in walk.steps:
        values = step(values)
    return values


def _one(values: Items) -> Any:
    if len(values) > 1:
        raise _GiveUp
    return values[0] if values else None


def _then(walk: _Walk | None, step: Step, type_name: str | None = None) -> _Walk | None:
    return walk and _Walk((*walk.steps, step), walk.type if type_name is None else type_name)
