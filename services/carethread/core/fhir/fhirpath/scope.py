"""The state of one evaluation: where it started, what it may ask for, and how much work it may still do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from carethread.core.fhir.fhirpath.element import UCUM, Element, Items, resource_element
from carethread.core.fhir.fhirpath.errors import BudgetExceeded, FhirPathEvaluationError

Resolve = Callable[[str], dict[str, Any] | None]
"""The resource that a reference's text leads to, or None."""

_UNLIMITED = 1 << 62

_CONSTANTS = {"ucum": UCUM, "sct": "http://snomed.info/sct", "loinc": "http://loinc.org"}
_PREFIXED = {"vs-": "http://hl7.org/fhir/ValueSet/", "ext-": "http://hl7.org/fhir/StructureDefinition/"}


@dataclass(slots=True)
class Purse:
    """How many steps several evaluations may still take together."""

    steps: int


@dataclass(frozen=True, slots=True)
class Budget:
    """How much an evaluation may cost: a step is one item found or one function applied.

    An expression from outside is not `trusted`: its patterns are restricted too, for a match cannot be counted. What
    is taken is taken out of the `purse`, and no more than it holds.
    """

    steps: int = 100_000
    trusted: bool = False
    purse: Purse | None = field(default=None, compare=False)


class Scope:
    """One evaluation. `index` and `total` are those of the innermost function that has them.

    `root` is %resource; `container`, when it is another, is %rootResource, whose contained resources `#id` means.
    """

    def __init__(
        self,
        context: Element,
        root: Element,
        *,
        container: Element | None = None,
        resolve: Resolve | None = None,
        environment: Mapping[str, Any] | None = None,
        clock: Callable[[], datetime] | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.context = context
        self.root = root
        self.container = container or root
        self.resolve = resolve
        self.environment = environment or {}
        self.clock = clock
        self.bounded = budget is not None and not budget.trusted
        self.steps = budget.steps if budget else _UNLIMITED
        self.purse = budget.purse if budget else None
        self.index = 0
        self.total: Items = []
        self.kept: dict[str, Any] = {}
        """What functions remember while the evaluation lasts."""

    def spend(self, steps: int) -> None:
        """Count work. Raises BudgetExceeded."""
        self.steps -= steps
        left = self.steps
        if self.purse:
            self.purse.steps -= steps
            left = min(left, self.purse.steps)
        if left < 0:
            raise BudgetExceeded("The expression takes more steps than its budget allows; make it simpler.")

    @cached_property
    def now(self) -> datetime:
        """The one moment that `now()`, `today()` and `timeOfDay()` mean during an evaluation."""
        return self.clock() if self.clock else datetime.now(UTC)

    def variable(self, name: str) -> Items:
        """The value of `%name`. Raises FhirPathEvaluationError for a name that is not defined."""
        if name in self.environment:
            value = self.environment[name]
            values = value if isinstance(value, list) else [value]
            return [_item(value) for value in values if value is not None]
        if name == "resource":
            return [self.root]
        if name == "rootResource":
            return [self.container]
        if name == "context":
            return [self.context]
        if name in _CONSTANTS:
            return [_CONSTANTS[name]]
        for prefix, base in _PREFIXED.items():
            if name.startswith(prefix):
                return [base + name.removeprefix(prefix)]
        raise FhirPathEvaluationError(f"The variable %{name[:64]} is not defined.")


def _item(value: Any) -> Any:
    return resource_element(value) if isinstance(value, dict) else value
