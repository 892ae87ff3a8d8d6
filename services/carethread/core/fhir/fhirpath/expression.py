"""An expression ready to be applied to resources.

Source: http://hl7.org/fhirpath/N1; http://hl7.org/fhir/R4/fhirpath.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from carethread.core.fhir.fhirpath.compiler import compiled
from carethread.core.fhir.fhirpath.element import Element, Items, resource_element, truth
from carethread.core.fhir.fhirpath.functions import Closure
from carethread.core.fhir.fhirpath.parser import parse
from carethread.core.fhir.fhirpath.quantity import Quantity
from carethread.core.fhir.fhirpath.scope import Budget, Resolve, Scope
from carethread.core.fhir.fhirpath.temporal import Temporal


class Expression:
    """A compiled expression; it has no state and may be shared.

    Each way to evaluate takes the resource (or an `Element` inside one, then with the resource as `root`), and

    - `container`: the resource that contains the root, where it is a contained one;
    - `resolve`: from a reference's text to the resource, or None; without it `resolve()` knows the target's type only;
    - `environment`: values of `%name`;
    - `clock`: what `now()` and `today()` mean, an aware datetime;
    - `budget`: for expressions from outside, how many steps it may take.

    All raise FhirPathEvaluationError where the expression does not fit, and BudgetExceeded.
    """

    def __init__(self, text: str, closure: Closure) -> None:
        self.text = text
        self._closure = closure

    def items(
        self,
        focus: dict[str, Any] | Element,
        *,
        root: dict[str, Any] | Element | None = None,
        container: dict[str, Any] | Element | None = None,
        resolve: Resolve | None = None,
        environment: Mapping[str, Any] | None = None,
        clock: Callable[[], datetime] | None = None,
        budget: Budget | None = None,
    ) -> Items:
        """The result as it is computed: Elements with their types, and plain values."""
        context = _element(focus)
        scope = Scope(
            context,
            context if root is None else _element(root),
            container=None if container is None else _element(container),
            resolve=resolve,
            environment=environment,
            clock=clock,
            budget=budget,
        )
        return self._closure(scope, [context])

    def evaluate(self, focus: dict[str, Any] | Element, **surroundings: Any) -> list[Any]:
        """The result: JSON values for parts of the resource, else bool, int, Decimal, str, Temporal or Quantity."""
        values = [item.value if type(item) is Element else item for item in self.items(focus, **surroundings)]
        return [value for value in values if value is not None]

    def typed(self, focus: dict[str, Any] | Element, **surroundings: Any) -> list[tuple[str, Any]]:
        """Each item of the result with the name of its FHIR type, as JSON values."""
        return [_typed(item) for item in self.items(focus, **surroundings)]

    def holds(self, focus: dict[str, Any] | Element, **surroundings: Any) -> bool | None:
        """The result as a condition, as an invariant is: None when it is empty."""
        return truth(self.items(focus, **surroundings), "A condition")


@lru_cache(maxsize=4096)
def compile(expression: str) -> Expression:
    """Read an expression. Raises FhirPathSyntaxError, FhirPathEvaluationError (an unknown type) or BudgetExceeded."""
    return Expression(expression, compiled(parse(expression)))


def _element(focus: dict[str, Any] | Element) -> Element:
    return focus if isinstance(focus, Element) else resource_element(focus)


def _typed(item: Any) -> tuple[str, Any]:
    if type(item) is Element:
        return item.type, item.value
    if type(item) is Temporal:
        return item.kind[0].lower() + item.kind[1:], str(item)
    if type(item) is Quantity:
        return "Quantity", {"value": float(item.value), "unit": item.unit}
    if type(item) is Decimal:
        return "decimal", float(item)
    return {bool: "boolean", int: "integer", str: "string"}[type(item)], item
