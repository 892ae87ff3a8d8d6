"""`toX()` and `convertsToX()`.

Source: http://hl7.org/fhirpath/N1, section 5.5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from carethread.core.fhir.fhirpath.element import Items, is_number, plain
from carethread.core.fhir.fhirpath.errors import FhirPathEvaluationError
from carethread.core.fhir.fhirpath.functions.kinds import Eager, Function
from carethread.core.fhir.fhirpath.quantity import CALENDAR_UNITS, Quantity
from carethread.core.fhir.fhirpath.scope import Scope
from carethread.core.fhir.fhirpath.temporal import Temporal, parse_date, parse_datetime, parse_time

_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(?:'([^']+)'|([a-z]+))?", re.ASCII)


def _to_boolean(value: Any) -> bool | None:
    if type(value) is bool:
        return value
    if is_number(value):
        return {0: False, 1: True}.get(value)
    if type(value) is str:
        return True if value.lower() in _TRUE else False if value.lower() in _FALSE else None
    return None


def _to_integer(value: Any) -> int | None:
    if type(value) is bool or type(value) is int:
        return int(value)
    return int(value) if type(value) is str and _INTEGER.fullmatch(value) else None


def _to_decimal(value: Any) -> Decimal | None:
    if type(value) is bool or is_number(value):
        return Decimal(value)
    return Decimal(value) if type(value) is str and len(value) < 64 and _DECIMAL.fullmatch(value) else None


def _to_string(value: Any) -> str | None:
    if type(value) is bool:
        return "true" if value else "false"
    return str(value) if is_number(value) or isinstance(value, str | Temporal | Quantity) else None


def _to_date(value: Any) -> Temporal | None:
    if type(value) is Temporal:
        return None if value.kind == "Time" else Temporal("Date", value.parts[:3])
    return parse_date(value) if type(value) is str else None


def _to_datetime(value: Any) -> Temporal | None:
    if type(value) is Temporal:
        if value.kind == "Time":
            return None
        return Temporal("DateTime", value.parts, value.digits, value.zone)
    return parse_datetime(value) if type(value) is str else None


def _to_time(value: Any) -> Temporal | None:
    if type(value) is Temporal:
        return value if value.kind == "Time" else None
    return parse_time(value) if type(value) is str else None


def _to_quantity(value: Any) -> Quantity | None:
    if type(value) is Quantity:
        return value
    if type(value) is bool or is_number(value):
        return Quantity(Decimal(value), "1")
    match = _QUANTITY.fullmatch(value) if type(value) is str and len(value) < 100 else None
    if match is None:
        return None
    number, ucum, word = match.groups()
    if word and word not in CALENDAR_UNITS:
        return None
    return Quantity(Decimal(number), ucum or CALENDAR_UNITS.get(word or "", "1"))


def _converter(name: str, convert: Callable[[Any], Any], *, test: bool) -> Function:
    def call(_: Scope, items: Items, *__: Items) -> Items:
        if len(items) > 1:
            raise FhirPathEvaluationError(f"'{name}' takes one item.")
        if not items:
            return []
        result = convert(plain(items[0]))
        if test:
            return [result is not None]
        return [] if result is None else [result]

    return Eager(call, 0, 1 if name == "Quantity" else 0)


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "Boolean": _to_boolean,
    "Integer": _to_integer,
    "Decimal": _to_decimal,
    "String": _to_string,
    "Date": _to_date,
    "DateTime": _to_datetime,
    "Time": _to_time,
    "Quantity": _to_quantity,
}

FUNCTIONS: Mapping[str, Function] = {
    **{f"to{name}": _converter(name, convert, test=False) for name, convert in _CONVERSIONS.items()},
    **{f"convertsTo{name}": _converter(name, convert, test=True) for name, convert in _CONVERSIONS.items()},
}
