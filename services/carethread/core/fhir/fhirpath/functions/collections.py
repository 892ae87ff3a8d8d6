"""Existence, filtering, subsetting and combining of collections.

Source: http://hl7.org/fhirpath/N1, sections 5.1 to 5.4 and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cmp_to_key
from typing import Any

from carethread.core.fhir.fhirpath.element import Items, key, plain, single, truth
from carethread.core.fhir.fhirpath.errors import FhirPathEvaluationError
from carethread.core.fhir.fhirpath.functions.kinds import Closure, Eager, Function, Lazy, integer_of
from carethread.core.fhir.fhirpath.operators import OPERATORS, distinct, order, union
from carethread.core.fhir.fhirpath.scope import Scope


def _kept(scope: Scope, items: Items, criteria: Closure, what: str) -> Items:
    scope.spend(len(items) + 1)
    outer, kept = scope.index, []
    for scope.index, item in enumerate(items):
        if truth(criteria(scope, [item]), what):
            kept.append(item)
    scope.index = outer
    return kept


def _where(scope: Scope, items: Items, closures: tuple[Closure, ...]) -> Items:
    return _kept(scope, items, closures[0], "The criterion of 'where'")


def _exists(scope: Scope, items: Items, closures: tuple[Closure, ...]) -> Items:
    return [bool(_kept(scope, items, closures[0], "The criterion of 'exists'") if closures else items)]


def _all(scope: Scope, items: Items, closures: tuple[Closure, ...]) -> Items:
    return [len(_kept(scope, items, closures[0], "The criterion of 'all'")) == len(items)]


def _select(scope: Scope, items: Items, closures: tuple[Closure, ...]) -> Items:
    outer, found = scope.index, list[Any]()
    for scope.index, item in enumerate(items):
        found += closures[0](scope, [item])
    scope.index = outer
    scope.spend(len(items) + len(found) + 1)
    return found


def _repeat(scope: Scope, items: Items, closures: tuple[Closure, ...]) -> Items:
    found: dict[Any, Any] = {}
    level = items
    while level:
        scope.spend(len(level))
        level = [below for item in level for below in closures[0](scope, [item]) if _is_new(found, below)]
    return list(found.values())


def _is_new(found: dict[Any, Any], item: Any) -> bool:
    own = key(item)
    if own in found:
        return False
    found[own] = item
    return True


def _aggregate(scope: Scope, items: Items, closures: tuple[Closure, ...]) -> Items:
    outer, before = scope.total, scope.index
    scope.total = closures[1](scope, items) if len(closures) > 1 else []
    for scope.index, item in enumerate(items):
        scope.spend(1)
        scope.total = closures[0](scope, [item])
    result, scope.total, scope.index = scope.total, outer, before
    return result


def _sum(_: Scope, items: Items) -> Items:
    """All added up, as `+` does; empty for nothing: SDC's scores, http://hl7.org/fhir/uv/sdc/expressions.html."""
    total = items[:1]
    for item in items[1:]:
        total = OPERATORS["+"](total, [item])
    return total


def _iif(scope: Scope, items: Items, closures: tuple[Closure, ...]) -> Items:
    if len(items) > 1:
        raise FhirPathEvaluationError("'iif' takes one item.")
    criterion = single(closures[0](scope, items), "The criterion of 'iif'")
    if criterion is not None and type(criterion) is not bool:
        raise FhirPathEvaluationError("The criterion of 'iif' is a boolean.")
    if criterion:
        return closures[1](scope, items)
    return closures[2](scope, items) if len(closures) > 2 else []


def _sort(scope: Scope, items: Items, pairs: tuple[tuple[Closure, bool], ...]) -> Items:
    scope.spend(len(items) * 2 + 1)

    def keys(item: Any) -> list[Any]:
        return [single(closure(scope, [item]), "A key of 'sort'") for closure, _ in pairs] if pairs else [plain(item)]

    directions = [-1 if down else 1 for _, down in pairs] or [1]

    def compare(left: tuple[list[Any], Any], right: tuple[list[Any], Any]) -> int:
        for a, b, direction in zip(left[0], right[0], directions, strict=True):
            known = (a is not None) - (b is not None)
            result = (order(a, b) or 0) * direction if a is not None and b is not None else known
            if result:
                return result
        return 0

    return [item for _, item in sorted(((keys(item), item) for item in items), key=cmp_to_key(compare))]


def _booleans(what: str, test: Callable[[list[bool]], bool]) -> Function:
    def apply(_: Scope, items: Items) -> Items:
        values = [plain(item) for item in items]
        if not all(type(value) is bool for value in values):
            raise FhirPathEvaluationError(f"'{what}' takes booleans.")
        return [test(values)]

    return Eager(apply)


def _subset(left: Items, right: Items) -> Items:
    return [{key(item) for item in left} <= {key(item) for item in right}]


def _intersect(_: Scope, items: Items, other: Items) -> Items:
    keys = {key(item) for item in other}
    return distinct([item for item in items if key(item) in keys])


def _exclude(_: Scope, items: Items, other: Items) -> Items:
    keys = {key(item) for item in other}
    return [item for item in items if key(item) not in keys]


def _skip(_: Scope, items: Items, count: Items) -> Items:
    return items[max(0, integer_of(count, "'skip'") or 0) :]


def _take(_: Scope, items: Items, count: Items) -> Items:
    return items[: max(0, integer_of(count, "'take'") or 0)]


def _single(_: Scope, items: Items) -> Items:
    if len(items) > 1:
        raise FhirPathEvaluationError(f"'single' takes one item, not {len(items)}.")
    return items


def _not(_: Scope, items: Items) -> Items:
    value = truth(items, "'not'")
    return [] if value is None else [not value]


FUNCTIONS: Mapping[str, Function] = {
    "where": Lazy(_where, 1, 1),
    "exists": Lazy(_exists, 0, 1),
    "all": Lazy(_all, 1, 1),
    "select": Lazy(_select, 1, 1),
    "repeat": Lazy(_repeat, 1, 1),
    "aggregate": Lazy(_aggregate, 1, 2),
    "sum": Eager(_sum),
    "iif": Lazy(_iif, 2, 3),
    "sort": Lazy(_sort, 0, 9, strips_sign=True),
    "empty": Eager(lambda _, items: [not items]),
    "not": Eager(_not),
    "count": Eager(lambda _, items: [len(items)]),
    "distinct": Eager(lambda _, items: distinct(items)),
    "isDistinct": Eager(lambda _, items: [len(distinct(items)) == len(items)]),
    "allTrue": _booleans("allTrue", all),
    "anyTrue": _booleans("anyTrue", any),
    "allFalse": _booleans("allFalse", lambda values: not any(values)),
    "anyFalse": _booleans("anyFalse", lambda values: not all(values)),
    "subsetOf": Eager(lambda _, items, other: _subset(items, other), 1, 1),
    "supersetOf": Eager(lambda _, items, other: _subset(other, items), 1, 1),
    "single": Eager(_single),
    "first": Eager(lambda _, items: items[:1]),
    "last": Eager(lambda _, items: items[-1:]),
    "tail": Eager(lambda _, items: items[1:]),
    "skip": Eager(_skip, 1, 1),
    "take": Eager(_take, 1, 1),
    "intersect": Eager(_intersect, 1, 1),
    "exclude": Eager(_exclude, 1, 1),
    "union": Eager(lambda _, items, other: union(items, other), 1, 1),
    "combine": Eager(lambda _, items, other: items + other, 1, 1),
}
