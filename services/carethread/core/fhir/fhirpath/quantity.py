"""Quantities: a decimal with a UCUM unit or a calendar unit, comparable where their units measure the same thing.

Source: http://hl7.org/fhirpath/N1, sections 4.1.8 and 6.1; http://unitsofmeasure.org/ucum, sections 27 to 46.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

CALENDAR_UNITS = {
    name: unit
    for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for name in (unit, f"{unit}s")
}
"""What may follow a number without quotes, to its singular."""

CALENDAR_OF_UCUM = {"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}
"""UCUM's definite durations that equal a calendar unit; `a` and `mo` are averages and equal none."""

_UCUM_OF_CALENDAR = {unit: code for code, unit in CALENDAR_OF_UCUM.items()}

_PREFIXES = {
    prefix: Decimal(10) ** power
    for prefix, power in {
        "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
        "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15,
    }.items()
}  # fmt: skip

_METRIC = {
    "m": (Decimal(1), {"m": 1}),
    "g": (Decimal(1), {"g": 1}),
    "s": (Decimal(1), {"s": 1}),
    "K": (Decimal(1), {"K": 1}),
    "mol": (Decimal(1), {"mol": 1}),
    "L": (Decimal("0.001"), {"m": 3}),
    "l": (Decimal("0.001"), {"m": 3}),
    "Hz": (Decimal(1), {"s": -1}),
    "N": (Decimal(1000), {"g": 1, "m": 1, "s": -2}),
    "Pa": (Decimal(1000), {"g": 1, "m": -1, "s": -2}),
    "J": (Decimal(1000), {"g": 1, "m": 2, "s": -2}),
    "W": (Decimal(1000), {"g": 1, "m": 2, "s": -3}),
    "m[Hg]": (Decimal("133322000"), {"g": 1, "m": -1, "s": -2}),
    "cal": (Decimal(4184), {"g": 1, "m": 2, "s": -2}),
    "eq": (Decimal(1), {"mol": 1}),
}
_UNITS = {
    "min": (Decimal(60), {"s": 1}),
    "h": (Decimal(3600), {"s": 1}),
    "d": (Decimal(86_400), {"s": 1}),
    "wk": (Decimal(604_800), {"s": 1}),
    "mo": (Decimal("2629800"), {"s": 1}),
    "a": (Decimal("31557600"), {"s": 1}),
    "[in_i]": (Decimal("0.0254"), {"m": 1}),
    "[ft_i]": (Decimal("0.3048"), {"m": 1}),
    "[yd_i]": (Decimal("0.9144"), {"m": 1}),
    "[mi_i]": (Decimal("1609.344"), {"m": 1}),
    "[lb_av]": (Decimal("453.59237"), {"g": 1}),
    "[oz_av]": (Decimal("28.349523125"), {"g": 1}),
    "%": (Decimal("0.01"), {}),
    "1": (Decimal(1), {}),
}

_TERM = re.compile(r"([./]?)((?:\[[^\]]*\]|[A-Za-z%])+|\d+(?![\d*]))([+-]?\d+)?")
_ANNOTATION = re.compile(r"\{[^}]*\}")

Dimension = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Quantity:
    """`unit` is a UCUM code, or a calendar unit in the singular."""

    value: Decimal
    unit: str

    def __str__(self) -> str:
        if self.unit in _UCUM_OF_CALENDAR or self.unit in ("year", "month"):
            return f"{self.value} {self.unit if self.value == 1 else f'{self.unit}s'}"
        return f"{self.value} '{self.unit}'"


@lru_cache(maxsize=1024)
def measure(unit: str) -> tuple[Decimal, Dimension] | None:
    """How many base units one of this unit is, and of what dimension; None for a unit that is not in the table."""
    bare = _ANNOTATION.sub("", _UCUM_OF_CALENDAR.get(unit, unit)) or "1"
    factor, dimension, position = Decimal(1), dict[str, int](), 0
    while position < len(bare):
        match = _TERM.match(bare, position)
        if match is None:
            return None
        atom = _atom(match.group(2))
        if atom is None:
            return None
        power = int(match.group(3) or 1) * (-1 if match.group(1) == "/" else 1)
        if abs(power) > 9:
            return None
        factor *= atom[0] ** power
        for base, exponent in atom[1].items():
            dimension[base] = dimension.get(base, 0) + exponent * power
        position = match.end()
    return factor, tuple(sorted((base, power) for base, power in dimension.items() if power))


def _atom(code: str) -> tuple[Decimal, dict[str, int]] | None:
    if code in _UNITS:
        return _UNITS[code]
    if code in _METRIC:
        return _METRIC[code]
    for length in (1, 2):
        prefix, rest = _PREFIXES.get(code[:length]), _METRIC.get(code[length:])
        if prefix and rest:
            return prefix * rest[0], rest[1]
    return None


def comparable(left: Quantity, right: Quantity) -> bool:
    """Whether both measure the same thing, so that they can be ordered."""
    if left.unit == right.unit:
        return True
    a, b = measure(left.unit), measure(right.unit)
    return a is not None and b is not None and a[1] == b[1]


def base_values(left: Quantity, right: Quantity) -> tuple[Decimal, Decimal] | None:
    """Both values in one unit; None when they cannot be compared."""
    if left.unit == right.unit:
        return left.value, right.value
    a, b = measure(left.unit), measure(right.unit)
    if a is None or b is None or a[1] != b[1]:
        return None
    return left.value * a[0], right.value * b[0]


def multiplied(left: Quantity, right: Quantity) -> Quantity | None:
    """The product, in base units; None when a unit is not in the table."""
    return _combined(left, right, 1)


def divided(left: Quantity, right: Quantity) -> Quantity | None:
    """The quotient, in base units; None when a unit is not in the table or the divisor is zero."""
    return _combined(left, right, -1) if right.value else None


def _combined(left: Quantity, right: Quantity, sign: int) -> Quantity | None:
    a, b = measure(left.unit), measure(right.unit)
    if a is None or b is None:
        return None
    dimension = dict(a[1])
    for base, power in b[1]:
        dimension[base] = dimension.get(base, 0) + sign * power
    unit = ".".join(base + (str(power) if power != 1 else "") for base, power in sorted(dimension.items()) if power)
    value = (left.value * a[0]) * (right.value * b[0]) if sign == 1 else (left.value * a[0]) / (right.value * b[0])
    return Quantity(value, unit or "1")
