"""The filters of a subscription: `Type?parameter=value`, as the criteria of a search on the resource alone.

Several filters on one type must all hold; those on another type of the topic do not concern it. Source:
http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria, R5 Subscription.filterBy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite

from carethread.core.errors import FhirError, Invalid, Issue
from carethread.core.fhir.definitions import value_set
from carethread.core.fhir.search.parameters import paths_of, searchable
from carethread.core.fhir.search.query import (
    CompositeValue,
    Criterion,
    DateValue,
    NumberValue,
    QuantityValue,
    TokenValue,
    Value,
)
from carethread.subscriptions.topics import FilterBy, Topic, read_criteria

MOST_VALUES = 500
"""Values of one filter, joined by commas."""


def read_filter(text: str, base: str, now: int) -> tuple[str, tuple[Criterion, ...]]:
    """The type and the criteria of a filter. Raises Malformed or Invalid."""
    type_name, mark, query = text.partition("?")
    if not mark or not query:
        raise Invalid("A filter is written Type?parameter=value&parameter=value.", code="value")
    return type_name, read_criteria(type_name, query, base, now)


def read_filters(texts: Sequence[str], base: str, now: int) -> dict[str, tuple[Criterion, ...]]:
    """All filters of a subscription by the type that they concern. Raises as `read_filter`."""
    found: dict[str, tuple[Criterion, ...]] = {}
    for text in texts:
        type_name, criteria = read_filter(text, base, now)
        found[type_name] = (*found.get(type_name, ()), *criteria)
    return found


def filter_issues(topic: Topic, text: str, base: str, now: int) -> Iterator[Issue]:
    """Why nothing would ever meet a filter of a topic."""
    type_name = text.partition("?")[0]
    if type_name not in topic.types:
        yield Issue("value", f"A filter of this topic begins with {' or '.join(f'{name}?' for name in topic.types)}.")
        return
    try:
        _, criteria = read_filter(text, base, now)
    except FhirError as error:
        yield from error.issues
        return
    for criterion in criteria:
        allowed = topic.filters.get((type_name, criterion.param))
        if allowed is None:
            known = ", ".join(param for kind, param in topic.filters if kind == type_name)
            yield Issue("not-supported", f"The topic has no filter '{criterion.param}'; it has {known or 'none'}.")
        else:
            yield from _criterion_issues(type_name, criterion, allowed)


def _criterion_issues(type_name: str, criterion: Criterion, allowed: FilterBy) -> Iterator[Issue]:
    if criterion.modifier and criterion.modifier not in allowed.modifiers:
        known = ", ".join(f":{name}" for name in allowed.modifiers) or "no modifier"
        yield Issue("not-supported", f"'{criterion.param}' takes {known} in this topic.")
    if len(criterion.values) > MOST_VALUES:
        yield Issue("too-costly", f"'{criterion.param}' has at most {MOST_VALUES} values.")
    for prefix in sorted({prefix for value in criterion.values for prefix in _prefixes(value)}):
        if prefix != "eq" and prefix not in allowed.comparators:
            known = ", ".join(allowed.comparators) or "eq"
            yield Issue("not-supported", f"'{criterion.param}' takes the prefixes {known} in this topic.")
    if not all(isfinite(number) for value in criterion.values for number in _numbers(value)):
        yield Issue("value", f"'{criterion.param}' has a number that is too large to be compared.")
    codes = _codes(type_name, criterion.param)
    asked = [value.code for value in criterion.values if isinstance(value, TokenValue) and value.code]
    if codes and not codes.issuperset(asked):
        yield Issue("code-invalid", f"'{criterion.param}' is one of {', '.join(sorted(codes))}.")


def _prefixes(value: Value) -> Iterator[str]:
    match value:
        case CompositeValue():
            for part in value.parts:
                yield from _prefixes(part)
        case DateValue() | NumberValue():
            yield value.prefix
        case QuantityValue():
            yield value.number.prefix


def _numbers(value: Value) -> Iterator[float]:
    match value:
        case CompositeValue():
            for part in value.parts:
                yield from _numbers(part)
        case NumberValue():
            yield value.value
        case QuantityValue():
            yield value.number.value


def _codes(type_name: str, param: str) -> frozenset[str]:
    """The codes that a parameter can have, where all are known: its element is a code with a required binding."""
    parameter = searchable(type_name).get(param)
    codes: set[str] = set()
    for path in paths_of(type_name, parameter.expression or "") if parameter else ():
        binding = path.definition.binding if path.definition and path.type == "code" else None
        if binding is None or binding.strength != "required":
            return frozenset()
        members = value_set(binding.value_set)
        if not members.is_enumerated:
            return frozenset()
        codes |= {code for found in members.codes.values() for code in found}
    return frozenset(codes)
