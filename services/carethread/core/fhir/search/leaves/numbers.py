"""Number and quantity rows: a plain number is a point, a Range is its bounds.

The precision of a stored number plays no part in a search; that of the search value does.

Source: http://hl7.org/fhir/R4/search.html#number.
"""

from __future__ import annotations

from typing import Any

from carethread.core.fhir.search.leaves.kinds import Leaf, Use, text_of
from carethread.core.fhir.search.rows import IndexRows

UNBOUNDED = 1e300
"""Beyond every number: the bound of a Range that has none."""

_CURRENCIES = "urn:iso:std:iso:4217"


def _float(value: Any) -> float | None:
    if isinstance(value, int | float) and type(value) is not bool:
        return max(-UNBOUNDED, min(UNBOUNDED, float(value)))
    return None


def number(uses: tuple[Use, ...]) -> Leaf:
    def leaf(value: Any, rows: IndexRows) -> None:
        number = _float(value)
        if number is not None:
            for use in uses:
                rows.number[(use.param, number, number)] = None

    return leaf


def _bounds(value: dict[str, Any]) -> tuple[float, float, dict[str, Any]] | None:
    low, high = value.get("low"), value.get("high")
    least = _float(low.get("value")) if type(low) is dict else None
    most = _float(high.get("value")) if type(high) is dict else None
    if least is None and most is None:
        return None
    unit = low if type(low) is dict else high
    return -UNBOUNDED if least is None else least, UNBOUNDED if most is None else most, unit if unit is not None else {}


def number_range(uses: tuple[Use, ...]) -> Leaf:
    def leaf(value: Any, rows: IndexRows) -> None:
        bounds = _bounds(value) if type(value) is dict else None
        if bounds:
            for use in uses:
                rows.number[(use.param, bounds[0], bounds[1])] = None

    return leaf


def quantity(uses: tuple[Use, ...]) -> Leaf:
    params = [use.param for use in uses]

    def leaf(value: Any, rows: IndexRows) -> None:
        if type(value) is not dict:
            return
        low = high = _float(value.get("value"))
        if low is None or high is None:
            return
        comparator = value.get("comparator")
        if comparator in ("<", "<="):
            low = -UNBOUNDED
        elif comparator in (">", ">="):
            high = UNBOUNDED
        system, code, unit = text_of(value.get("system")), text_of(value.get("code")), text_of(value.get("unit"))
        for param in params:
            rows.quantity[(param, low, high, system, code, unit)] = None

    return leaf


def quantity_range(uses: tuple[Use, ...]) -> Leaf:
    def leaf(value: Any, rows: IndexRows) -> None:
        bounds = _bounds(value) if type(value) is dict else None
        if bounds:
            low, high, unit = bounds
            names = text_of(unit.get("system")), text_of(unit.get("code")), text_of(unit.get("unit"))
            for use in uses:
                rows.quantity[(use.param, low, high, *names)] = None

    return leaf


def money(uses: tuple[Use, ...]) -> Leaf:
    def leaf(value: Any, rows: IndexRows) -> None:
        amount = _float(value.get("value")) if type(value) is dict else None
        if amount is not None:
            currency = text_of(value.get("currency"))
            for use in uses:
                rows.quantity[(use.param, amount, amount, _CURRENCIES if currency else "", currency, currency)] = None

    return leaf
