"""Comparing answers: with what enables an item, with bounds, with options.

Numbers are exact; dates and times are compared as far as both go, and beyond that it is undecided
(http://hl7.org/fhirpath/N1/#comparison); quantities in one unit, where both are UCUM's and measure the same thing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import orjson

from carethread.core.fhir.fhirpath import Quantity, Temporal
from carethread.core.fhir.fhirpath.element import UCUM
from carethread.core.fhir.fhirpath.quantity import base_values, measure
from carethread.core.fhir.fhirpath.temporal import compare as compare_temporal
from carethread.core.fhir.fhirpath.temporal import parse_date, parse_datetime, parse_time
from carethread.core.fhir.json import Number

_FAMILY: Mapping[str, str] = {
    "integer": "number",
    "decimal": "number",
    "date": "moment",
    "dateTime": "moment",
    "instant": "moment",
    "time": "time",
    "string": "text",
    "uri": "text",
    "boolean": "boolean",
    "Coding": "Coding",
    "Quantity": "Quantity",
    "Reference": "Reference",
}
"""Types whose values can be compared with each other."""

_PARSE: Mapping[str, Callable[[str], Temporal | None]] = {"date": parse_date, "time": parse_time}


def number(value: Any) -> Decimal:
    """A JSON number, exactly."""
    return Decimal(value.text) if isinstance(value, Number) else Decimal(str(value))


def quantity(value: Mapping[str, Any]) -> Quantity | None:
    """A Quantity with its UCUM code, else with its unit as it is written; None for one without a number.

    A unit that is not UCUM's equals only itself: its name begins with what no UCUM code has in it.
    """
    if not isinstance(value.get("value"), int | float):
        return None
    code, system, unit = value.get("code"), value.get("system"), value.get("unit")
    named = code if system == UCUM and code else f"\\{system or ''}|{code}" if code else f"\\{unit}" if unit else "1"
    return Quantity(number(value["value"]), named)


def incompatible(one: Quantity, other: Quantity) -> bool:
    """Whether both units are known, and measure different things."""
    a, b = measure(one.unit), measure(other.unit)
    return a is not None and b is not None and a[1] != b[1]


def key(kind: str, value: Any) -> Any:
    """Something hashable that is the same for equal values of a type, where equality needs no more than looking."""
    if kind == "Coding":
        code = value.get("code")
        return ("Coding", value.get("system", ""), code) if code else ("display", value.get("display", ""))
    if kind == "Reference":
        return ("Reference", value.get("reference") or value.get("display", ""))
    if kind in ("integer", "decimal"):
        return ("number", number(value))
    if isinstance(value, dict):
        return (kind, orjson.dumps(value, default=float, option=orjson.OPT_SORT_KEYS))
    return (_FAMILY.get(kind, kind), value)


def equal(kind: str, value: Any, other_kind: str, other: Any) -> bool:
    """Whether two values are known to be the same."""
    if _FAMILY.get(kind) in ("number", "moment", "time", "Quantity"):
        return order(kind, value, other_kind, other) == 0
    return bool(key(kind, value) == key(other_kind, other))


def order(kind: str, value: Any, other_kind: str, other: Any) -> int | None:
    """-1, 0 or 1; None where it is undecided, or the types have no order or not the same."""
    family = _FAMILY.get(kind)
    if family is None or family != _FAMILY.get(other_kind):
        return None
    match family:
        case "number":
            return _sign(number(value), number(other))
        case "moment" | "time":
            one, two = _temporal(kind, value), _temporal(other_kind, other)
            return compare_temporal(one, two) if one and two else None
        case "Quantity":
            one_quantity, two_quantity = quantity(value), quantity(other)
            both = base_values(one_quantity, two_quantity) if one_quantity and two_quantity else None
            return _sign(*both) if both else None
        case "text":
            return _sign(value, other)
    return None


def _temporal(kind: str, value: str) -> Temporal | None:
    return _PARSE.get(kind, parse_datetime)(value)


def _sign(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)
