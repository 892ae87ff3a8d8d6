"""When two items, and two collections, are equal or equivalent.

Source: http://hl7.org/fhirpath/N1, section 6.1.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from carethread.core.fhir.fhirpath import quantity, temporal
from carethread.core.fhir.fhirpath.element import Element, Items, is_number, key, plain
from carethread.core.fhir.fhirpath.quantity import Quantity
from carethread.core.fhir.fhirpath.temporal import Temporal


def equals(left: Any, right: Any) -> bool | None:
    """Whether two items are equal; None when their precision leaves it open."""
    a, b = plain(left), plain(right)
    if is_number(a) and is_number(b):
        return bool(a == b)
    if type(a) is Quantity or type(b) is Quantity:
        return _equal_quantities(a, b)
    if type(a) is Temporal and type(b) is Temporal:
        if (a.kind == "Time") != (b.kind == "Time"):
            return False
        order = temporal.compare(a, b)
        return None if order is None else order == 0
    if type(a) is Element or type(b) is Element:
        return type(a) is type(b) and bool(key(a) == key(b))
    return type(a) is type(b) and bool(a == b)


def as_quantity(value: Any) -> Quantity | None:
    """A quantity, or a number as one without unit; None for anything else."""
    if type(value) is Quantity:
        return value
    return Quantity(Decimal(value), "1") if is_number(value) else None


def _equal_quantities(left: Any, right: Any) -> bool | None:
    a, b = as_quantity(left), as_quantity(right)
    if a is None or b is None:
        return False
    values = quantity.base_values(a, b)
    return None if values is None or _inexact(a, b) else values[0] == values[1]


def _inexact(a: Quantity, b: Quantity) -> bool:
    """A calendar year or month against anything but itself: its length is not definite."""
    units, averages = {a.unit, b.unit}, {"year", "month"}
    return len(units) > 1 and not units.isdisjoint(averages) and units != averages


def equal(left: Items, right: Items) -> Items:
    """`=`: item by item, in order."""
    if not left or not right:
        return []
    if len(left) != len(right):
        return [False]
    results = [equals(a, b) for a, b in zip(left, right, strict=True)]
    if False in results:
        return [False]
    return [] if None in results else [True]


def is_equivalent(left: Any, right: Any) -> bool:
    """Whether two items are the same for a reader: case, white space and surplus precision do not count."""
    a, b = plain(left), plain(right)
    if type(a) is str and type(b) is str:
        return " ".join(a.lower().split()) == " ".join(b.lower().split())
    if is_number(a) and is_number(b):
        return _close(Decimal(a), Decimal(b))
    if type(a) is Quantity and type(b) is Quantity:
        values = quantity.base_values(a, b)
        return values is not None and _close(*values)
    if type(a) is Temporal and type(b) is Temporal:
        return a.kind == b.kind and temporal.compare(a, b) == 0
    if type(a) is Element and type(b) is Element:
        return _equivalent_json(a.value, b.value)
    return type(a) is type(b) and bool(a == b)


def _close(a: Decimal, b: Decimal) -> bool:
    digits = min(_digits(a), _digits(b))
    return abs(a - b) <= Decimal((0, (5,), -digits - 1)) if digits or a != b else True


def _digits(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _equivalent_json(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        names = a.keys() - {"id"}
        return names == b.keys() - {"id"} and all(_equivalent_json(a[name], b[name]) for name in names)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_equivalent_json, a, b))
    return is_equivalent(Element(a, ""), Element(b, "")) if isinstance(a, str) and isinstance(b, str) else bool(a == b)


def equivalent(left: Items, right: Items) -> Items:
    """`~`: in any order."""
    if len(left) != len(right):
        return [False]
    rest = list(right)
    for item in left:
        at = next((i for i, other in enumerate(rest) if is_equivalent(item, other)), None)
        if at is None:
            return [False]
        rest.pop(at)
    return [True]
