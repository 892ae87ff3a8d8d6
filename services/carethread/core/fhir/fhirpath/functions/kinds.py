"""The kinds of function: those that take values, those that take expressions to apply themselves, and those that take a
type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from carethread.core.fhir.fhirpath.element import Items, single
from carethread.core.fhir.fhirpath.errors import FhirPathEvaluationError
from carethread.core.fhir.fhirpath.scope import Scope

Closure = Callable[[Scope, Items], Items]
"""A compiled expression: the scope and the focus in, a collection out."""


@dataclass(frozen=True, slots=True)
class Eager:
    """`apply(scope, items, *arguments)`, every argument evaluated; `least` and `most` count the arguments.

    `check` is given the first argument where that is written out, once for all evaluations, and raises what is wrong.
    """

    apply: Callable[..., Items]
    least: int = 0
    most: int = 0
    check: Callable[..., object] | None = None


@dataclass(frozen=True, slots=True)
class Lazy:
    """`apply(scope, items, closures)`.

    `strips_sign` hands over pairs instead: the closure, and whether a minus stood before the argument.
    """

    apply: Callable[[Scope, Items, tuple[Any, ...]], Items]
    least: int = 0
    most: int = 0
    strips_sign: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """`apply(scope, items, type_name)`: the argument is the name of a type, which may be left out (empty)."""

    apply: Callable[[Scope, Items, str], Items]
    least: int = 0
    most: int = 1


Function = Eager | Lazy | Named


def text_of(items: Items, what: str) -> str | None:
    """The one string of a collection. Raises FhirPathEvaluationError for anything else."""
    value = single(items, what)
    if value is None or type(value) is str:
        return value
    raise FhirPathEvaluationError(f"{what} takes a string.")


def integer_of(items: Items, what: str) -> int | None:
    """The one integer of a collection. Raises FhirPathEvaluationError for anything else."""
    value = single(items, what)
    if value is None or type(value) is int:
        return value
    if type(value) is Decimal and value == int(value):
        return int(value)
    raise FhirPathEvaluationError(f"{what} takes a whole number.")
