"""Operators on collections: order, logic, membership and arithmetic; equality has its own module.

Source: http://hl7.org/fhirpath/N1, section 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any

from carethread.core.fhir.fhirpath import quantity, temporal
from carethread.core.fhir.fhirpath.element import Items, is_number, key, single, truth
from carethread.core.fhir.fhirpath.equality import as_quantity, equal, equals, equivalent
from carethread.core.fhir.fhirpath.errors import FhirPathEvaluationError
from carethread.core.fhir.fhirpath.quantity import CALENDAR_OF_UCUM, CALENDAR_UNITS, Quantity
from carethread.core.fhir.fhirpath.temporal import Temporal

MAX_TEXT = 100_000
"""Characters of a string that an expression may build."""


# order


def order(left: Any, right: Any) -> int | None:
    """-1, 0 or 1 for two plain values; None when undecided. Raises FhirPathEvaluationError for what has no order."""
    if (is_number(left) and is_number(right)) or (type(left) is str and type(right) is str):
        return int(left > right) - int(left < right)
    if type(left) is Temporal and type(right) is Temporal and (left.kind == "Time") == (right.kind == "Time"):
        return temporal.compare(left, right)
    a, b = as_quantity(left), as_quantity(right)
    if a is not None and b is not None:
        values = quantity.base_values(a, b)
        return None if values is None else int(values[0] > values[1]) - int(values[0] < values[1])
    raise FhirPathEvaluationError("Only two strings, numbers, dates, times or quantities can be ordered.")


def _ordered(test: Callable[[int], bool], sign: str) -> Callable[[Items, Items], Items]:
    def apply(left: Items, right: Items) -> Items:
        a, b = single(left, f"'{sign}'"), single(right, f"'{sign}'")
        if a is None or b is None:
            return []
        result = order(a, b)
        return [] if result is None else [test(result)]

    return apply


# logic, in three values


def _and(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _or(left: bool | None, right: bool | None) -> bool | None:
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def _xor(left: bool | None, right: bool | None) -> bool | None:
    return None if left is None or right is None else left != right


def _implies(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is True:
        return True
    return None if left is None or right is None else False


LOGIC: Mapping[str, tuple[Callable[[bool | None, bool | None], bool | None], bool | None]] = {
    "and": (_and, False),
    "or": (_or, True),
    "xor": (_xor, None),
    "implies": (_implies, False),
}
"""Operator to its truth table, and the left value that decides it alone: then the right side is not evaluated."""


def logic(operator: str, left: Items, right: Items) -> Items:
    """A logical operator on two collections."""
    result = LOGIC[operator][0](truth(left, f"'{operator}'"), truth(right, f"'{operator}'"))
    return [] if result is None else [result]


# membership and union


def _in(left: Items, right: Items) -> Items:
    if not left:
        return []
    if len(left) > 1:
        raise FhirPathEvaluationError("'in' and 'contains' look for one item.")
    return [any(equals(left[0], item) is True for item in right)]


def union(left: Items, right: Items) -> Items:
    """`|`: all items of both, each once."""
    return distinct(left + right)


def distinct(items: Items) -> Items:
    """Each item once, where it first stands."""
    found: dict[Any, Any] = {}
    for item in items:
        found.setdefault(key(item), item)
    return list(found.values())


# arithmetic


def _arithmetic(sign: str, numbers: Callable[[Any, Any], Any]) -> Callable[[Items, Items], Items]:
    def apply(left: Items, right: Items) -> Items:
        a, b = single(left, f"'{sign}'"), single(right, f"'{sign}'")
        if a is None or b is None:
            return []
        try:
            result = numbers(a, b) if is_number(a) and is_number(b) else _mixed(sign, a, b)
        except (DivisionByZero, InvalidOperation, Overflow, ZeroDivisionError):
            return []
        if type(result) is int and abs(result) >= 1 << 63:
            return []
        return [] if result is None else [result]

    return apply


def _mixed(sign: str, a: Any, b: Any) -> Any:
    if sign == "+" and type(a) is str and type(b) is str:
        return _joined(a, b)
    if sign in "+-" and type(a) is Temporal and type(b) is Quantity:
        return _moved(a, b, 1 if sign == "+" else -1)
    first, second = as_quantity(a), as_quantity(b)
    if first is not None and second is not None:
        if sign == "*":
            return _scaled(first, second) or _scaled(second, first) or quantity.multiplied(first, second)
        if sign == "/":
            return _scaled(first, second, -1) or quantity.divided(first, second)
        if sign in "+-" and type(a) is type(b):
            return _summed(first, second, 1 if sign == "+" else -1)
    raise FhirPathEvaluationError(f"'{sign}' cannot be applied to these two types.")


def _scaled(amount: Quantity, factor: Quantity, power: int = 1) -> Quantity | None:
    if factor.unit != "1" or (power < 0 and not factor.value):
        return None
    return Quantity(amount.value * factor.value if power > 0 else amount.value / factor.value, amount.unit)


def _summed(a: Quantity, b: Quantity, sign: int) -> Quantity | None:
    if a.unit == b.unit:
        return Quantity(a.value + sign * b.value, a.unit)
    values, known = quantity.base_values(a, b), quantity.measure(a.unit)
    return Quantity((values[0] + sign * values[1]) / known[0], a.unit) if values and known else None


def _moved(value: Temporal, amount: Quantity, sign: int) -> Temporal | None:
    unit = CALENDAR_UNITS.get(amount.unit) or CALENDAR_OF_UCUM.get(amount.unit)
    if unit is None:
        raise FhirPathEvaluationError("A date moves by units of time, from years to milliseconds.")
    return temporal.shifted(value, sign * amount.value, unit)


def _joined(a: str, b: str) -> str:
    if len(a) + len(b) > MAX_TEXT:
        raise FhirPathEvaluationError(f"A string of more than {MAX_TEXT} characters is not built.")
    return a + b


def _concatenated(left: Items, right: Items) -> Items:
    a, b = single(left, "'&'"), single(right, "'&'")
    if not isinstance(a, str | None) or not isinstance(b, str | None):
        raise FhirPathEvaluationError("'&' joins strings.")
    return [_joined(a or "", b or "")]


def _whole_quotient(a: Any, b: Any) -> int | None:
    return int(Decimal(a) / Decimal(b)) if b else None


def _remainder(a: Any, b: Any) -> Any:
    if not b:
        return None
    result = Decimal(a) % Decimal(b)
    return int(result) if type(a) is int and type(b) is int else result


def _negated(items: Items) -> Items:
    return [not items[0]] if items else []


OPERATORS: Mapping[str, Callable[[Items, Items], Items]] = {
    "=": equal,
    "!=": lambda left, right: _negated(equal(left, right)),
    "~": equivalent,
    "!~": lambda left, right: _negated(equivalent(left, right)),
    "<": _ordered(lambda result: result < 0, "<"),
    ">": _ordered(lambda result: result > 0, ">"),
    "<=": _ordered(lambda result: result <= 0, "<="),
    ">=": _ordered(lambda result: result >= 0, ">="),
    "in": _in,
    "contains": lambda left, right: _in(right, left),
    "|": union,
    "+": _arithmetic("+", lambda a, b: a + b),
    "-": _arithmetic("-", lambda a, b: a - b),
    "*": _arithmetic("*", lambda a, b: a * b),
    "/": _arithmetic("/", lambda a, b: Decimal(a) / Decimal(b) if b else None),
    "div": _arithmetic("div", _whole_quotient),
    "mod": _arithmetic("mod", _remainder),
    "&": _concatenated,
}
"""Operator to what it does with its two collections; `is`, `as` and the logical ones are the compiler's."""
