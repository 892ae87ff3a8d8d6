"""One value of a search as a condition on the columns of its index table, by search type.

Each condition can stand beside others that must hold too: what has alternatives is in brackets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from carethread.adapters.sql.searching.spelling import Spelling, both, either
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

Columns = Mapping[str, str]
"""The columns of an index table by name; a composite's are given the names of its component's type."""

Place = Callable[[str | int | float], str]

_AFTER_ALL_TEXT = "\U0010ffff"


def conditions(
    values: Sequence[Value], modifier: str | None, columns: Columns, sql: Spelling, widest: int | None = None
) -> Iterator[str]:
    """What a row must meet, one of it. Codes of one system, and ids of one type, are one condition together.

    `widest` is how long a range of a date parameter can be, in microseconds, where that is bounded.
    """
    tokens = [value for value in values if isinstance(value, TokenValue)]
    references = [value for value in values if isinstance(value, ReferenceValue)]
    if tokens:
        yield from _tokens(tokens, modifier, columns, sql)
    if references:
        yield from _references(references, columns, sql)
    for value in values:
        match value:
            case DateValue():
                yield date(value, columns["low"], columns["high"], sql.place, widest)
            case StringValue():
                yield _string(value, modifier, columns, sql.place)
            case NumberValue():
                yield _number(value, columns, sql.place)
            case QuantityValue():
                yield _quantity(value, columns, sql.place)
            case UriValue():
                yield _uri(value, modifier, columns["uri"], sql)


def _tokens(values: Iterable[TokenValue], modifier: str | None, columns: Columns, sql: Spelling) -> Iterator[str]:
    names = ("identifier_system", "identifier_value") if modifier == "identifier" else ("system", "code")
    system, code = (columns[name] for name in names)
    by_system: dict[str | None, list[str]] = {}
    for value in values:
        if value.code is None:
            yield f"{system} = {sql.place(fit(value.system or ''))}"
        else:
            by_system.setdefault(value.system, []).append(fit(value.code))
    for of_system, codes in by_system.items():
        among = sql.among(code, codes) if modifier != "identifier" else f"{sql.among(code, codes)} AND {code} <> ''"
        yield among if of_system is None else f"{among} AND {system} = {sql.place(fit(of_system))}"


def _references(values: Iterable[ReferenceValue], columns: Columns, sql: Spelling) -> Iterator[str]:
    by_type: dict[str | None, list[str]] = {}
    for value in values:
        if value.id is not None and value.version is None:
            by_type.setdefault(value.type, []).append(value.id)
            continue
        column, asked = ("target_id", value.id or "") if value.url is None else ("url", fit(value.url))
        parts = [f"{columns[column]} = {sql.place(asked)}"]
        if column == "url":
            parts.append(f"{columns[column]} <> ''")  # of such there is an index
        if value.type is not None and value.url is None:
            parts.append(f"{columns['target_type']} = {sql.place(value.type)}")
        if value.version is not None:
            parts.append(f"{columns['target_version']} = {sql.place(fit(value.version))}")
        yield both(parts)
    for type_name, ids in by_type.items():
        among = sql.among(columns["target_id"], ids)
        yield among if type_name is None else f"{among} AND {columns['target_type']} = {sql.place(type_name)}"


_DATE: dict[str, Callable[[DateValue, str, str, Place], str]] = {
    "eq": lambda v, low, high, at: f"{low} >= {at(v.low)} AND {low} < {at(v.high)} AND {high} <= {at(v.high)}",
    "ne": lambda v, low, high, at: f"({low} < {at(v.low)} OR {high} > {at(v.high)})",
    "gt": lambda v, low, high, at: f"{high} > {at(v.high)}",
    "ge": lambda v, low, high, at: f"({high} > {at(v.high)} OR {low} >= {at(v.low)} AND {high} <= {at(v.high)})",
    "lt": lambda v, low, high, at: f"{low} < {at(v.low)}",
    "le": lambda v, low, high, at: f"({low} < {at(v.low)} OR {low} >= {at(v.low)} AND {high} <= {at(v.high)})",
    "sa": lambda v, low, high, at: f"{low} >= {at(v.high)}",
    "eb": lambda v, low, high, at: f"{high} <= {at(v.low)}",
    "ap": lambda v, low, high, at: f"{low} < {at(v.high)} AND {high} > {at(v.low)}",
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


def date(value: DateValue, low: str, high: str, at: Place, widest: int | None) -> str:
    """The condition of the prefix, with what follows from it for `low`, by which the index is in order."""
    parts = [_DATE[value.prefix](value, low, high, at)]
    if value.prefix in _BELOW:
        parts.append(f"{low} < {at(_BELOW[value.prefix](value))}")
    if value.prefix in _ABOVE and widest is not None:
        parts.append(f"{low} >= {at(_ABOVE[value.prefix](value, widest))}")
    return both(parts)


INSTANT: dict[str, Callable[[DateValue, str, Place], str]] = {
    "eq": lambda v, time, at: f"{time} >= {at(v.low)} AND {time} < {at(v.high)}",
    "ne": lambda v, time, at: f"({time} < {at(v.low)} OR {time} >= {at(v.high)})",
    "gt": lambda v, time, at: f"{time} >= {at(v.high)}",
    "ge": lambda v, time, at: f"{time} >= {at(v.low)}",
    "lt": lambda v, time, at: f"{time} < {at(v.low)}",
    "le": lambda v, time, at: f"{time} < {at(v.high)}",
    "sa": lambda v, time, at: f"{time} >= {at(v.high)}",
    "eb": lambda v, time, at: f"{time} < {at(v.low)}",
    "ap": lambda v, time, at: f"{time} >= {at(v.low)} AND {time} < {at(v.high)}",
}
"""The same for a moment, which is the range of nothing but itself."""


def _string(value: StringValue, modifier: str | None, columns: Columns, at: Place) -> str:
    if modifier == "exact":
        return f"{columns['exact']} = {at(value.exact[:MAX_INDEXED])}"
    if modifier == "contains":
        within = value.folded.replace("/", "//").replace("%", "/%").replace("_", "/_")
        return f"{columns['folded']} LIKE {at(f'%{within}%')} ESCAPE '/'"
    folded = columns["display" if modifier == "text" else "folded"]
    starts = _starts_with(folded, value.folded, at)
    return f"{folded} <> '' AND {starts}" if modifier == "text" else starts


def _starts_with(column: str, text: str, at: Place) -> str:
    return f"{column} >= {at(text)} AND {column} < {at(text + _AFTER_ALL_TEXT)}"


_NUMBER: dict[str, Callable[[NumberValue, str, str, Place], str]] = {
    "eq": lambda v, low, high, at: f"{low} >= {at(v.low)} AND {high} < {at(v.high)}",
    "ne": lambda v, low, high, at: f"({low} < {at(v.low)} OR {high} >= {at(v.high)})",
    "gt": lambda v, low, high, at: f"{high} > {at(v.value)}",
    "ge": lambda v, low, high, at: f"{high} >= {at(v.value)}",
    "lt": lambda v, low, high, at: f"{low} < {at(v.value)}",
    "le": lambda v, low, high, at: f"{low} <= {at(v.value)}",
    "sa": lambda v, low, high, at: f"{low} > {at(v.value)}",
    "eb": lambda v, low, high, at: f"{high} < {at(v.value)}",
    "ap": lambda v, low, high, at: f"{low} <= {at(v.high)} AND {high} >= {at(v.low)}",
}


def _number(value: NumberValue, columns: Columns, at: Place) -> str:
    return _NUMBER[value.prefix](value, columns["low"], columns["high"], at)


def _quantity(value: QuantityValue, columns: Columns, at: Place) -> str:
    parts = [_number(value.number, columns, at)]
    if value.system is not None:
        parts.append(f"{columns['system']} = {at(fit(value.system))}")
    if value.code is not None:
        named = [f"{columns[name]} = {at(fit(value.code))}" for name in ("code", "unit")[: 1 if value.system else 2]]
        parts.append(either(named))
    return both(parts)


def _uri(value: UriValue, modifier: str | None, uri: str, sql: Spelling) -> str:
    """`below` is the URL itself or what goes on after it and a `/`; `above` is what it goes on after."""
    if modifier == "below":
        stem = value.uri.rstrip("/")
        return either([sql.among(uri, [fit(stem), fit(value.uri)]), _starts_with(uri, stem + "/", sql.place)])
    if modifier == "above":
        return sql.among(uri, [fit(text) for text in _stems(value.uri)])
    return f"{uri} = {sql.place(fit(value.uri))}" if value.uri else "false"


def _stems(url: str) -> list[str]:
    """The URL and each that it goes on after, with and without the `/` at its end."""
    scheme, _, rest = url.partition("://")
    parts = rest.rstrip("/").split("/")
    stems = [f"{scheme}://{'/'.join(parts[:length])}" for length in range(1, len(parts) + 1)]
    return [text for stem in stems for text in (stem, f"{stem}/")]
