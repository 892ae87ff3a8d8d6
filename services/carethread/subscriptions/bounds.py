"""Filters that exclude each other: bounds on a date or a number of which a resource has one at most, `gt10` and `lt5`.

What it cannot be sure of it lets pass: that all are met by something has to be impossible. A number is taken for what
it says: a Quantity with a comparator, which may be any of many numbers, makes no bounds possible.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from math import inf

from carethread.core.errors import Issue
from carethread.core.fhir.search.parameters import one_row, paths_of, searchable, widest
from carethread.core.fhir.search.paths import Path
from carethread.core.fhir.search.query import (
    CompositeValue,
    Criterion,
    DateValue,
    NumberValue,
    QuantityValue,
    Value,
)
from carethread.subscriptions.filters import read_filters

_Bounds = tuple[tuple[float, bool], tuple[float, bool]]
"""The least, and whether it is beyond it; the greatest, and whether that itself is possible."""

_ANY: _Bounds = ((-inf, False), (inf, True))


def contradictions(texts: Sequence[str], base: str, now: int) -> Iterator[Issue]:
    """Bounds that no resource can be within. The filters can be read."""
    for type_name, criteria in read_filters(texts, base, now).items():
        bounds: dict[Hashable, list[_Bounds]] = defaultdict(list)
        params: dict[Hashable, dict[str, None]] = defaultdict(dict)
        for criterion in criteria:
            for element, found in _bounds(type_name, criterion):
                bounds[element].append(found)
                params[element][criterion.param] = None
        for element, each in bounds.items():
            if _empty(max(low for low, _ in each), min(high for _, high in each)):
                names = " and ".join(f"'{param}'" for param in params[element])
                said = f"No {type_name} has a {names} that is within all its bounds."
                yield Issue("value", said, "Subscription.criteria.extension")


def _empty(low: tuple[float, bool], high: tuple[float, bool]) -> bool:
    return low[0] > high[0] or (low[0] == high[0] and (low[1] or not high[1]))


def _bounds(type_name: str, criterion: Criterion) -> Iterator[tuple[Hashable, _Bounds]]:
    """What a criterion demands of elements that there is one of: of one for each part of a composite."""
    parameter = searchable(type_name).get(criterion.param)
    if parameter is None:
        return
    width = widest((type_name,), criterion.param)
    if width is not None and one_row((type_name,), criterion.param):
        dates = [value for value in criterion.values if isinstance(value, DateValue)]
        yield criterion.param, _hull([_begin(value, width) for value in dates])
    elif element := _number(paths_of(type_name, parameter.expression or "")):
        yield element, _hull([_point(value) for value in criterion.values])
    elif [path.steps for path in paths_of(type_name, parameter.expression or "")] == [()]:
        for place, component in enumerate(parameter.component):
            if element := _number(paths_of(type_name, component.expression)):
                pairs = [value for value in criterion.values if isinstance(value, CompositeValue)]
                yield element, _hull([_point(pair.parts[place]) for pair in pairs])


def _number(paths: Sequence[Path]) -> int:
    """Names an element with one number at most; 0: it may have several, or a stretch of them, or is none."""
    if not paths or any(not path.single or path.type == "Range" for path in paths):
        return 0
    first = paths[0].definition
    return id(first) if first and all(path.definition is first for path in paths) else 0


def _hull(found: Sequence[_Bounds]) -> _Bounds:
    """One of them holds."""
    return (min(low for low, _ in found), max(high for _, high in found)) if found else _ANY


def _begin(value: DateValue, width: int) -> _Bounds:
    """From when and before when a date begins that meets the value, if its range is at most so wide; see DateValue."""
    early, late = value.low - width, value.high - width
    low = {"eq": value.low, "sa": value.high, "ge": early, "gt": late, "ap": early}
    high = {"eq": value.high, "eb": value.low, "lt": value.low, "le": value.high, "ap": value.high}
    return (low.get(value.prefix, -inf), False), (high.get(value.prefix, inf), False)


def _point(value: Value) -> _Bounds:
    """Where a plain number lies that meets the value; see NumberValue."""
    number = value.number if isinstance(value, QuantityValue) else value
    if not isinstance(number, NumberValue):
        return _ANY
    beyond, below = ((number.value, True), (inf, True)), ((-inf, False), (number.value, False))
    known: Mapping[str, _Bounds] = {
        "eq": ((number.low, False), (number.high, False)),
        "ap": ((number.low, False), (number.high, True)),
        "gt": beyond,
        "sa": beyond,
        "ge": ((number.value, False), (inf, True)),
        "lt": below,
        "eb": below,
        "le": ((-inf, False), (number.value, True)),
    }
    return known.get(number.prefix, _ANY)
