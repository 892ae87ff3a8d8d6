"""One value of a search as a condition on the columns of its index table, by search type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_

from carethread.adapters.sql.tables import fit
from carethread.core.fhir.search.query import (
    DateValue,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
    Value,
)
from carethread.core.fhir.search.text import MAX_INDEXED

Condition = ColumnElement[bool]
Columns = Mapping[str, Any]
"""The columns of an index table by name; a composite's are given the names of its component's type."""

_AFTER_ALL_TEXT = "\U0010ffff"


def conditions(
    values: Sequence[Value], modifier: str | None, columns: Columns, widest: int | None = None
) -> Iterator[Condition]:
    """What a row must meet, one of it. Codes of one system, and ids of one type, are one condition together.

    `widest` is how long a range of a date parameter can be, in microseconds, where that is bounded.
    """
    tokens = [value for value in values if isinstance(value, TokenValue)]
    references = [value for value in values if isinstance(value, ReferenceValue)]
    if tokens:
        yield from _tokens(tokens, modifier, columns)
    if references:
        yield from _references(references, columns)
    for value in values:
        match value:
            case DateValue():
                yield date(value, columns["low"], columns["high"], widest)
            case StringValue():
                yield _string(value, modifier, columns)
            case NumberValue():
                yield _number(value, columns)
            case QuantityValue():
                yield _quantity(value, columns)
            case UriValue():
                yield _uri(value, modifier, columns["uri"])


def _tokens(values: Iterable[TokenValue], modifier: str | None, columns: Columns) -> Iterator[Condition]:
    names = ("identifier_system", "identifier_value") if modifier == "identifier" else ("system", "code")
    system, code = (columns[name] for name in names)
    by_system: dict[str | None, list[str]] = {}
    for value in values:
        if value.code is None:
            yield system == fit(value.system or "")
        else:
            by_system.setdefault(value.system, []).append(fit(value.code))
    for of_system, codes in by_system.items():
        among = _among(code, codes)
        yield among if of_system is None else and_(among, system == fit(of_system))


def _references(values: Iterable[ReferenceValue], columns: Columns) -> Iterator[Condition]:
    by_type: dict[str | None, list[str]] = {}
    for value in values:
        if value.id is not None and value.version is None:
            by_type.setdefault(value.type, []).append(value.id)
            continue
        parts = [columns["url"] == fit(value.url)] if value.url is not None else [columns["target_id"] == value.id]
        if value.type is not None and value.url is None:
            parts.append(columns["target_type"] == value.type)
        if value.version is not None:
            parts.append(columns["target_version"] == fit(value.version))
        yield and_(*parts)
    for type_name, ids in by_type.items():
        among = _among(columns["target_id"], ids)
        yield among if type_name is None else and_(among, columns["target_type"] == type_name)


def _among(column: ColumnElement[str], texts: Sequence[str]) -> Condition:
    return column == texts[0] if len(texts) == 1 else column.in_(texts)


_DATE: dict[str, Callable[[DateValue, Any, Any], Condition]] = {
    "eq": lambda v, low, high: and_(low >= v.low, low < v.high, high <= v.high),
    "ne": lambda v, low, high: or_(low < v.low, high > v.high),
    "gt": lambda v, low, high: high > v.high,
    "ge": lambda v, low, high: or_(high > v.high, and_(low >= v.low, high <= v.high)),
    "lt": lambda v, low, high: low < v.low,
    "le": lambda v, low, high: or_(low < v.low, and_(low >= v.low, high <= v.high)),
    "sa": lambda v, low, high: low >= v.high,
    "eb": lambda v, low, high: high <= v.low,
    "ap": lambda v, low, high: and_(low < v.high, high > v.low),
}
"""As in `DateValue`; `eq` also bounds `low` from above, so that the index by value is read on one range."""

_BELOW: dict[str, Callable[[DateValue], int]] = {"le": lambda v: v.high, "eb": lambda v: v.low}
"""What `low` is less than wherever the condition of the prefix holds."""

_ABOVE: dict[str, Callable[[DateValue, int], int]] = {
    "gt": lambda v, widest: v.high - widest,
    "ge": lambda v, widest: min(v.low, v.high - widest),
    "ap": lambda v, widest: v.low - widest,
}
"""What `low` is not less than wherever it holds, where no range is longer than `widest`."""


def date(value: DateValue, low: ColumnElement[int], high: ColumnElement[int], widest: int | None) -> Condition:
    """The condition of the prefix, with what follows from it for `low`, by which the index is in order."""
    parts = [_DATE[value.prefix](value, low, high)]
    if value.prefix in _BELOW:
        parts.append(low < _BELOW[value.prefix](value))
    if value.prefix in _ABOVE and widest is not None:
        parts.append(low >= _ABOVE[value.prefix](value, widest))
    return and_(*parts)


INSTANT: dict[str, Callable[[DateValue, Any], Condition]] = {
    "eq": lambda v, at: and_(at >= v.low, at < v.high),
    "ne": lambda v, at: or_(at < v.low, at >= v.high),
    "gt": lambda v, at: at >= v.high,
    "ge": lambda v, at: at >= v.low,
    "lt": lambda v, at: at < v.low,
    "le": lambda v, at: at < v.high,
    "sa": lambda v, at: at >= v.high,
    "eb": lambda v, at: at < v.low,
    "ap": lambda v, at: and_(at >= v.low, at < v.high),
}
"""The same for a moment, which is the range of nothing but itself."""


def _string(value: StringValue, modifier: str | None, columns: Columns) -> Condition:
    if modifier == "exact":
        exact: Condition = columns["exact"] == value.exact[:MAX_INDEXED]
        return exact
    if modifier == "contains":
        contains: Condition = columns["folded"].contains(value.folded, autoescape=True)
        return contains
    folded = columns["display" if modifier == "text" else "folded"]
    starts = _starts_with(folded, value.folded)
    return and_(folded != "", starts) if modifier == "text" else starts


def _starts_with(column: ColumnElement[str], text: str) -> Condition:
    return and_(column >= text, column < text + _AFTER_ALL_TEXT)


_NUMBER: dict[str, Callable[[NumberValue, Any, Any], Condition]] = {
    "eq": lambda v, low, high: and_(low >= v.low, high < v.high),
    "ne": lambda v, low, high: or_(low < v.low, high >= v.high),
    "gt": lambda v, low, high: high > v.value,
    "ge": lambda v, low, high: high >= v.value,
    "lt": lambda v, low, high: low < v.value,
    "le": lambda v, low, high: low <= v.value,
    "sa": lambda v, low, high: low > v.value,
    "eb": lambda v, low, high: high < v.value,
    "ap": lambda v, low, high: and_(low <= v.high, high >= v.low),
}


def _number(value: NumberValue, columns: Columns) -> Condition:
    return _NUMBER[value.prefix](value, columns["low"], columns["high"])


def _quantity(value: QuantityValue, columns: Columns) -> Condition:
    parts = [_number(value.number, columns)]
    if value.system is not None:
        parts.append(columns["system"] == fit(value.system))
    if value.code is not None:
        code = columns["code"] == fit(value.code)
        parts.append(code if value.system else or_(code, columns["unit"] == fit(value.code)))
    return and_(*parts)


def _uri(value: UriValue, modifier: str | None, uri: ColumnElement[str]) -> Condition:
    """`below` is the URL itself or what goes on after it and a `/`; `above` is what it goes on after."""
    if modifier == "below":
        stem = value.uri.rstrip("/")
        return or_(_among(uri, [fit(stem), fit(value.uri)]), _starts_with(uri, stem + "/"))
    if modifier == "above":
        return uri.in_([fit(text) for text in _stems(value.uri)])
    return uri == fit(value.uri) if value.uri else false()


def _stems(url: str) -> list[str]:
    """The URL and each that it goes on after, with and without the `/` at its end."""
    scheme, _, rest = url.partition("://")
    parts = rest.rstrip("/").split("/")
    stems = [f"{scheme}://{'/'.join(parts[:length])}" for length in range(1, len(parts) + 1)]
    return [text for stem in stems for text in (stem, f"{stem}/")]
