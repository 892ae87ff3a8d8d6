"""The least and greatest value that a value of limited precision can mean, and that precision.

Source: http://hl7.org/fhirpath, sections "lowBoundary", "highBoundary" and "precision" of the continuous build.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any

from carethread.core.fhir.fhirpath.element import Items, is_number, single
from carethread.core.fhir.fhirpath.functions.kinds import Eager, Function, integer_of
from carethread.core.fhir.fhirpath.quantity import Quantity, comparable
from carethread.core.fhir.fhirpath.scope import Scope
from carethread.core.fhir.fhirpath.temporal import Temporal

_MAX_DIGITS = 28
_DATE_DIGITS = (4, 6, 8, 10, 12, 17)
_TIME_DIGITS = (2, 4, 9)
_LOW = (1, 1, 1, 0, 0, 0)
_HIGH = (9999, 12, 31, 23, 59, 59_999_000)
_EARLIEST_ZONE, _LATEST_ZONE = 14 * 60, -12 * 60


def _boundary(high: bool) -> Function:
    def call(_: Scope, items: Items, precision: Items | None = None) -> Items:
        value = single(items, "'highBoundary'" if high else "'lowBoundary'")
        digits = integer_of(precision, "A boundary's precision") if precision else None
        if value is None:
            return []
        result = _of(value, digits, high)
        return [] if result is None else [result]

    return Eager(call, 0, 1)


def _of(value: Any, digits: int | None, high: bool) -> Any:
    if type(value) is Quantity:
        number = _of_number(value.value, digits, high)
        return None if number is None else Quantity(number, value.unit)
    if is_number(value):
        return _of_number(Decimal(value), digits, high)
    return _of_temporal(value, digits, high) if type(value) is Temporal else None


def _of_number(value: Decimal, digits: int | None, high: bool) -> Decimal | None:
    places = 8 if digits is None else digits
    if not 0 <= places <= _MAX_DIGITS:
        return None
    exponent = value.as_tuple().exponent
    half = Decimal((0, (5,), int(exponent) - 1))
    bound = value + half if high else value - half
    rounding = ROUND_CEILING if high else ROUND_FLOOR
    if places < -int(exponent):
        bound = value
    try:
        return bound.quantize(Decimal((0, (1,), -places)), rounding=rounding)
    except InvalidOperation:
        return None


def _of_temporal(value: Temporal, digits: int | None, high: bool) -> Temporal | None:
    steps = _TIME_DIGITS if value.kind == "Time" else _DATE_DIGITS
    default = 8 if value.kind == "Date" else steps[-1]
    wanted = default if digits is None else digits
    if wanted not in steps:
        return None
    length = steps.index(wanted) + 1
    fill = (_HIGH if high else _LOW)[3:] if value.kind == "Time" else (_HIGH if high else _LOW)
    parts = list((value.parts + fill[len(value.parts) :])[: len(steps)])
    if high and value.kind != "Time" and len(value.parts) < 3:
        parts[2] = calendar.monthrange(parts[0], parts[1])[1]
    if high and len(value.parts) == len(steps) and value.digits < 3:
        parts[-1] += 1_000_000 // 10**value.digits - 1_000
    kind = value.kind if value.kind == "Time" else "DateTime" if length > 3 else "Date"
    zone = value.zone
    if kind != "DateTime":
        zone = None
    elif zone is None:
        zone = _LATEST_ZONE if high else _EARLIEST_ZONE
    return replace(value, kind=kind, parts=tuple(parts[:length]), digits=3 if length == len(steps) else 0, zone=zone)


def _precision(_: Scope, items: Items) -> Items:
    value = single(items, "'precision'")
    if is_number(value):
        return [max(0, -int(Decimal(value).as_tuple().exponent))]
    if type(value) is Temporal:
        steps = _TIME_DIGITS if value.kind == "Time" else _DATE_DIGITS
        return [steps[len(value.parts) - 1]]
    return []


def _comparable(_: Scope, items: Items, other: Items) -> Items:
    a, b = single(items, "'comparable'"), single(other, "'comparable'")
    return [comparable(a, b)] if type(a) is Quantity and type(b) is Quantity else []


FUNCTIONS: Mapping[str, Function] = {
    "lowBoundary": _boundary(high=False),
    "highBoundary": _boundary(high=True),
    "precision": Eager(_precision),
    "comparable": Eager(_comparable, 1, 1),
}
