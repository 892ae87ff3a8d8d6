"""Values that a template computes: FHIRPath under a budget, and the element at a path where a value is put.

Source: http://hl7.org/fhir/R4/plandefinition.html#dynamicValue, http://hl7.org/fhir/R4/metadatatypes.html#Expression.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carethread.core.clock import Clock
from carethread.core.errors import Invalid, TooCostly
from carethread.core.fhir.fhirpath import Budget, BudgetExceeded, Expression, FhirPathError, compile
from carethread.core.fhir.fhirpath.element import truth
from carethread.core.fhir.fhirpath.model import Slot, members
from carethread.core.ports import Resource

LANGUAGE = "text/fhirpath"

_STEPS = 20_000
"""What one expression of a template may cost."""

_NAME = re.compile(r"([A-Za-z]+)(?:\[(\d{1,3})\])?", re.ASCII)
_MOST_INDEX = 50

_WIDER = {"date": "dateTime", "instant": "dateTime", "integer": "decimal"}
"""Types whose values are values of another too."""


@dataclass(frozen=True, slots=True)
class Reckoner:
    """What expressions are asked of: the person, with the operation's parameters as variables."""

    focus: Resource
    variables: Mapping[str, Any]
    clock: Clock

    def applies(self, expression: Resource, where: str) -> bool:
        """A condition: empty is false. Raises Invalid and TooCostly with the expression's place."""
        try:
            return truth(self._items(expression, where), "A condition") is True
        except FhirPathError as error:
            raise _unfit(error, where) from None

    def values(self, expression: Resource, where: str) -> list[tuple[str, Any]]:
        """The values, each with its FHIR type. Raises as `applies` does."""
        compiled = _compiled(expression, where)
        try:
            return compiled.typed(self.focus, **self._surroundings())
        except BudgetExceeded:
            raise _costly(where) from None
        except FhirPathError as error:
            raise _unfit(error, where) from None

    def _items(self, expression: Resource, where: str) -> list[Any]:
        compiled = _compiled(expression, where)
        try:
            return compiled.items(self.focus, **self._surroundings())
        except BudgetExceeded:
            raise _costly(where) from None

    def _surroundings(self) -> dict[str, Any]:
        return {"environment": self.variables, "clock": self.clock, "budget": Budget(_STEPS)}


def _compiled(expression: Resource, where: str) -> Expression:
    language, text = expression.get("language"), expression.get("expression")
    if language != LANGUAGE or not isinstance(text, str):
        raise Invalid(f"An expression is in {LANGUAGE} here, and says it.", code="not-supported", expression=where)
    try:
        return compile(text)
    except BudgetExceeded:
        raise _costly(where) from None
    except FhirPathError as error:
        raise _unfit(error, where) from None


def _costly(where: str) -> TooCostly:
    said = f"The expression takes more than the {_STEPS} steps that one of a template may; make it simpler."
    return TooCostly(said, expression=where)


def _unfit(error: FhirPathError, where: str) -> Invalid:
    return Invalid(f"The expression cannot be used: {error.issues[0].diagnostics}", code="invalid", expression=where)


def put_at(resource: Resource, path: str, values: list[tuple[str, Any]], where: str) -> None:
    """Put the values at a path of element names (`code.coding[0].display`), in place of what is there; none: remove it.

    Raises Invalid, with the place of the path, for one that the resource has not, or that takes no value of this type.
    """
    steps = [_NAME.fullmatch(step) for step in path.removeprefix("%resource.").split(".")]
    if not all(steps) or any(int(step[2] or 0) > _MOST_INDEX for step in steps if step):
        said = f"A path is element names with an index up to {_MOST_INDEX} at most, such as code.coding[0].display."
        raise Invalid(said, code="value", expression=where)
    named = [(step[1], None if step[2] is None else int(step[2])) for step in steps if step]
    node, type_name = resource, resource["resourceType"]
    for name, index in named[:-1]:
        slot = _only(_slots(type_name, name, where), node, where)
        node, type_name = _inner(node, slot, index or 0, where), slot.type
    name, index = named[-1]
    slots = _slots(type_name, name, where)
    for slot in slots:
        if not (slot.definition.is_list and index is not None):
            node.pop(slot.key, None)
    if not values:
        return
    kind = values[0][0]
    taken = next((slot for each in (kind, _WIDER.get(kind)) for slot in slots if slot.type == each), None)
    taken = taken or (slots[0] if len(slots) == 1 else None)
    if taken is None or (len(values) > 1 and not taken.definition.is_list):
        allowed = " or ".join(slot.type for slot in slots)
        raise Invalid(f"{name} takes one {allowed}, not {len(values)} {kind}.", code="value", expression=where)
    plain = [value for _, value in values]
    if not taken.definition.is_list:
        node[taken.key] = plain[0]
    elif index is None:
        node[taken.key] = plain
    else:
        items = node.setdefault(taken.key, [])
        items[index : index + 1] = plain


def _slots(type_name: str, name: str, where: str) -> tuple[Slot, ...]:
    known = members(type_name)
    found = known.get(name) or tuple(
        slot for slots in known.values() for slot in slots if slot.key == name and name not in known
    )
    if not found:
        kind = type_name.partition("#")[0]
        raise Invalid(f"{kind} has no element {name[:64]} there.", code="value", expression=where)
    return found


def _only(slots: tuple[Slot, ...], node: Resource, where: str) -> Slot:
    """The slot to go down by: the one that there is, or of a choice the one that has a value."""
    found = [slot for slot in slots if slot.key in node]
    if len(slots) > 1 and not found:
        said = f"Say which of {', '.join(slot.key for slot in slots)} is meant."
        raise Invalid(said, code="value", expression=where)
    return (found or slots)[0]


def _inner(node: Resource, slot: Slot, index: int, where: str) -> Resource:
    if slot.type[:1].islower():
        raise Invalid(f"{slot.key} has no elements in it.", code="value", expression=where)
    if not slot.definition.is_list:
        inner: Resource = node.setdefault(slot.key, {})
        return inner
    items = node.setdefault(slot.key, [])
    if index > len(items):
        raise Invalid(
            f"{slot.key} has {len(items)} here; the next index is {len(items)}.", code="value", expression=where
        )
    if index == len(items):
        items.append({})
    found: Resource = items[index]
    return found
