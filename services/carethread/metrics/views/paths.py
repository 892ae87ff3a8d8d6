"""The paths of a view as FHIRPath has them, as functions of a node, and where they lead by the types' definitions.

Source: https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html, http://hl7.org/fhirpath/N1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from carethread.core.fhir.fhirpath import Budget, Element
from carethread.core.fhir.fhirpath import compile as compiled
from carethread.core.fhir.fhirpath.model import members
from carethread.core.fhir.fhirpath.syntax import Binary, Call, Index, Member, Node, type_specifier

Items = list[Any]
Path = Callable[[Element, int], Items]
"""The items of a node, as FHIRPath gives them; the number is %rowIndex."""

_SAME = frozenset({"first", "last", "tail", "skip", "take", "where", "distinct"})
"""Functions that give some of what they are applied to."""


class Misspelt(ValueError):
    """Raised for an element that the type before it does not have; says which, to whoever wrote the path."""


def path(text: str, constants: Mapping[str, Any]) -> Path:
    """A path. Raises FhirPathError for what is none."""
    expression = compiled(text)

    def apply(node: Element, row_index: int) -> Items:
        return expression.items(node, environment={**constants, "rowIndex": row_index}, budget=Budget())

    return apply


def leads_to(node: Node | None, start: str) -> str:
    """The type of what a path leads to; empty where that is not known beforehand. Raises Misspelt."""
    match node:
        case None:
            return start
        case Member(None, name) if name == start:
            return start
        case Member(before, name):
            types = _types(leads_to(before, start), name)
            return types[0] if len(types) == 1 else ""
        case Call(Member(before, name), "ofType", (wanted,)):
            of = (type_specifier(wanted) or "").removeprefix("FHIR.")
            return of if of in _types(leads_to(before, start), name) else ""
        case Call(before, "extension", _):
            return "Extension" if leads_to(before, start) else ""
        case Call(before, name, arguments):
            there = leads_to(before, start)
            for each in arguments if name in ("where", "exists", "all") else ():
                leads_to(each, there)
            return there if name in _SAME else ""
        case Index(before, _):
            return leads_to(before, start)
        case Binary(_, left, right):
            leads_to(left, start)
            leads_to(right, start)
            return ""
        case _:
            return ""


def _types(owner: str, name: str) -> list[str]:
    """The types that an element can be of; none where the owner is not known."""
    there = members(owner) if owner and owner != "Resource" else {}
    if there and name not in there:
        raise Misspelt(f"{owner.replace('#', '.')} has no element {name[:64]}.")
    return [slot.type for slot in there.get(name, ()) if slot.type != "Resource"]
