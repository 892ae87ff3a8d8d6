"""Whether one resource meets a criterion, by its index rows alone, without a database.

Says what the search says that runs in the database; what needs other resources (chains, compartments) is not here.
Source: http://hl7.org/fhir/R4/search.html.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from carethread.core.fhir.search.query import (
    CompositeValue,
    Criterion,
    DateValue,
    MissingValue,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
    Value,
)
from carethread.core.fhir.search.rows import OF_TYPE, IndexRows
from carethread.core.fhir.search.text import MAX_INDEXED

Row = tuple[Any, ...]
"""A row of the index: its parameter, then the columns of its search type."""

Found = Mapping[str, Sequence[Row]]
"""The rows of one resource by parameter."""


def by_parameter(rows: IndexRows) -> dict[str, list[Row]]:
    """The rows of one resource, made ready for many questions."""
    found: dict[str, list[Row]] = defaultdict(list)
    for table in (
        rows.token, rows.reference, rows.date, rows.string, rows.number, rows.quantity, rows.uri, rows.composite,
    ):  # fmt: skip
        for row in table:
            found[row[0]].append(row)
    return dict(found)


def meets(criterion: Criterion, found: Found) -> bool:
    """Whether a resource with these rows meets the criterion."""
    modifier = criterion.modifier
    if modifier == "missing":
        return any((criterion.param not in found) is v.missing for v in criterion.values if isinstance(v, MissingValue))
    rows = found.get(f"{criterion.param}{OF_TYPE}" if modifier == "of-type" else criterion.param, ())
    met = any(_met(value, modifier, rows) for value in criterion.values)
    return not met if modifier in ("not", "not-in") else met


def _met(value: Value, modifier: str | None, rows: Sequence[Row]) -> bool:
    if isinstance(value, CompositeValue):
        return any(
            all(
                any(_TESTS[type(part)](part, None, row) for row in element[place])
                for place, part in enumerate(value.parts)
            )
            for element in _elements(value, rows)
        )
    test = _TESTS[type(value)]
    return any(test(value, modifier, row) for row in rows)


def _elements(value: CompositeValue, rows: Sequence[Row]) -> Iterator[list[list[Row]]]:
    """For each element of a composite parameter, the rows of each component, as rows of its own search type."""
    elements: dict[int, list[list[Row]]] = {}
    for param, element, component, system, code, low, high, text in rows:
        place = elements.setdefault(element, [[] for _ in value.parts])[component]
        part = value.parts[component]
        match part:
            case TokenValue():
                place.append((param, system, code, ""))
            case ReferenceValue():
                place.append((param, system, code, text, "", "", ""))
            case StringValue():
                place.append((param, text, text))
            case UriValue():
                place.append((param, text))
            case QuantityValue():
                place.append((param, low, high, system, code, text))
            case _:
                place.append((param, low, high))
    yield from elements.values()


def _token(value: TokenValue, modifier: str | None, row: Row) -> bool:
    system, code = (row[5], row[6]) if modifier == "identifier" else (row[1], row[2])
    if value.code is None:
        return bool(system == (value.system or ""))
    return bool(code == value.code and (value.system is None or system == value.system))


def _reference(value: ReferenceValue, _: str | None, row: Row) -> bool:
    type_name, id_, url, version = row[1:5]
    if value.url is not None:
        return bool(url == value.url) and value.version in (None, version)
    return bool(id_ == value.id) and value.type in (None, type_name) and value.version in (None, version)


_DATE: Mapping[str, Callable[[DateValue, int, int], bool]] = {
    "eq": lambda v, low, high: low >= v.low and high <= v.high,
    "ne": lambda v, low, high: low < v.low or high > v.high,
    "gt": lambda v, low, high: high > v.high,
    "ge": lambda v, low, high: high > v.high or (low >= v.low and high <= v.high),
    "lt": lambda v, low, high: low < v.low,
    "le": lambda v, low, high: low < v.low or (low >= v.low and high <= v.high),
    "sa": lambda v, low, high: low >= v.high,
    "eb": lambda v, low, high: high <= v.low,
    "ap": lambda v, low, high: low < v.high and high > v.low,
}


def _date(value: DateValue, _: str | None, row: Row) -> bool:
    return _DATE[value.prefix](value, row[1], row[2])


_NUMBER: Mapping[str, Callable[[NumberValue, float, float], bool]] = {
    "eq": lambda v, low, high: low >= v.low and high < v.high,
    "ne": lambda v, low, high: low < v.low or high >= v.high,
    "gt": lambda v, low, high: high > v.value,
    "ge": lambda v, low, high: high >= v.value,
    "lt": lambda v, low, high: low < v.value,
    "le": lambda v, low, high: low <= v.value,
    "sa": lambda v, low, high: low > v.value,
    "eb": lambda v, low, high: high < v.value,
    "ap": lambda v, low, high: low <= v.high and high >= v.low,
}


def _number(value: NumberValue, _: str | None, row: Row) -> bool:
    return _NUMBER[value.prefix](value, row[1], row[2])


def _quantity(value: QuantityValue, _: str | None, row: Row) -> bool:
    _, low, high, system, code, unit = row
    if value.system is not None and system != value.system:
        return False
    if value.code is not None and code != value.code and (value.system is not None or unit != value.code):
        return False
    return _NUMBER[value.number.prefix](value.number, low, high)


def _string(value: StringValue, modifier: str | None, row: Row) -> bool:
    if modifier == "text":
        return bool(row[3]) and str(row[3]).startswith(value.folded)
    if modifier == "exact":
        return bool(row[2] == value.exact[:MAX_INDEXED])
    folded: str = row[1]
    return value.folded in folded if modifier == "contains" else folded.startswith(value.folded)


def _uri(value: UriValue, modifier: str | None, row: Row) -> bool:
    """`below` is the URL itself or what goes on after it and a `/`; `above` is what it goes on after."""
    uri: str = row[1]
    if modifier == "below":
        stem = value.uri.rstrip("/")
        return uri in (stem, value.uri) or uri.startswith(f"{stem}/")
    if modifier == "above":
        stem = uri.rstrip("/")
        return "://" in stem and f"{value.uri.rstrip('/')}/".startswith(f"{stem}/") and stem.partition("://")[2] != ""
    return bool(value.uri) and uri == value.uri


_TESTS: Mapping[type, Callable[[Any, str | None, Row], bool]] = {
    TokenValue: _token,
    ReferenceValue: _reference,
    DateValue: _date,
    NumberValue: _number,
    QuantityValue: _quantity,
    StringValue: _string,
    UriValue: _uri,
}
