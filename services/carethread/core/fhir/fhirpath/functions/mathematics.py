"""Functions on numbers and quantities.

Source: http://hl7.org/fhirpath/N1, section 5.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, DecimalException

from carethread.core.fhir.fhirpath.element import Items, is_number, single
from carethread.core.fhir.fhirpath.errors import FhirPathEvaluationError
from carethread.core.fhir.fhirpath.functions.kinds import Eager, Function, integer_of
from carethread.core.fhir.fhirpath.quantity import Quantity
from carethread.core.fhir.fhirpath.scope import Scope

MAX_POWER = 1000
"""The greatest exponent, either way; results beyond it are of no clinical use and cost much."""


def _number(items: Items, what: str) -> Decimal | int | None:
    value: Decimal | int | None = single(items, f"'{what}'")
    if value is None or is_number(value):
        return value
    raise FhirPathEvaluationError(f"'{what}' takes a number.")


def _on_number(what: str, apply: Callable[[Decimal], Decimal | int | None]) -> Function:
    def call(_: Scope, items: Items) -> Items:
        number = _number(items, what)
        if number is None:
            return []
        try:
            result = apply(Decimal(number))
        except DecimalException:
            return []
        return [] if result is None else [result]

    return Eager(call)


def _abs(_: Scope, items: Items) -> Items:
    value = single(items, "'abs'")
    if type(value) is Quantity:
        return [Quantity(abs(value.value), value.unit)]
    number = _number(items, "abs")
    return [] if number is None else [abs(number)]


def _round(_: Scope, items: Items, digits: Items | None = None) -> Items:
    value = single(items, "'round'")
    places = integer_of(digits, "'round'") if digits is not None else 0
    if value is None or places is None:
        return []
    if places < 0 or places > 30:
        raise FhirPathEvaluationError("'round' takes 0 to 30 digits.")
    if type(value) is Quantity:
        rounded = _rounded(value.value, places)
        return [] if rounded is None else [Quantity(rounded, value.unit)]
    number = _number(items, "round")
    if number is None or type(number) is int:
        return items
    result = _rounded(Decimal(number), places)
    return [] if result is None else [result]


def _rounded(value: Decimal, places: int) -> Decimal | None:
    try:
        return value.quantize(Decimal((0, (1,), -places)), rounding=ROUND_HALF_UP)
    except DecimalException:
        return None


def _power(_: Scope, items: Items, exponent: Items) -> Items:
    base, power = _number(items, "power"), _number(exponent, "power")
    if base is None or power is None:
        return []
    if not -MAX_POWER <= power <= MAX_POWER:
        raise FhirPathEvaluationError(f"'power' takes exponents up to {MAX_POWER}.")
    try:
        result = Decimal(base) ** Decimal(power)
    except DecimalException:
        return []
    if not result.is_finite():
        return []
    whole = isinstance(base, int) and isinstance(power, int) and result == int(result)
    return [int(result) if whole else result]


def _log(_: Scope, items: Items, base: Items) -> Items:
    number, radix = _number(items, "log"), _number(base, "log")
    if number is None or radix is None or number <= 0 or radix <= 0 or radix == 1:
        return []
    quotient = Decimal(number).ln() / Decimal(radix).ln()
    result = _rounded(quotient, 20)
    return [] if result is None else [result.normalize()]


FUNCTIONS: Mapping[str, Function] = {
    "abs": Eager(_abs),
    "ceiling": _on_number("ceiling", lambda value: int(value.to_integral_value(ROUND_CEILING))),
    "floor": _on_number("floor", lambda value: int(value.to_integral_value(ROUND_FLOOR))),
    "truncate": _on_number("truncate", int),
    "exp": _on_number("exp", lambda value: value.exp()),
    "ln": _on_number("ln", lambda value: value.ln() if value > 0 else None),
    "sqrt": _on_number("sqrt", lambda value: value.sqrt() if value >= 0 else None),
    "log": Eager(_log, 1, 1),
    "power": Eager(_power, 1, 1),
    "round": Eager(_round, 0, 1),
}
