"""The invariants of R4's definitions, each compiled once and checked where its element occurs.

An invariant holds when its expression is true; where it is empty or cannot be evaluated it has failed, as in HAPI's
validator. Source: http://hl7.org/fhir/R4/conformance-rules.html#constraints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from carethread.core.fhir.definitions import Invariant, type_definition
from carethread.core.fhir.fhirpath import Budget, BudgetExceeded, Element, Expression, FhirPathError, compile
from carethread.core.fhir.fhirpath.model import ancestry
from carethread.core.fhir.fhirpath.parser import parse
from carethread.core.fhir.validation.report import Place, Run
from carethread.core.fhir.validation.sufficient import Test, sure

_BUDGET = Budget(steps=1_000_000, trusted=True)
"""Some invariants compare everything with everything."""

ELSEWHERE: Mapping[str, str] = {
    "ele-1": "structure: an empty object and an element of an id alone are reported",
    "ext-1": "structure: an extension has a value or extensions",
    "sqty-1": "structure: a SimpleQuantity has no comparator",
    "dom-2": "structure: a contained resource contains no others",
    "dom-3": "contained: cycles and references to the container count as HAPI counts them",
    "dom-4": "contained",
    "dom-5": "contained",
    "dom-6": "contained: a warning for the outermost resource only, as in R5",
    "ref-1": "references: `#id` must be contained, of an allowed type",
    "txt-1": "narrative: each wrong element and attribute is named",
    "txt-2": "narrative",
}
"""Invariants that other checks cover, by key, with where."""

_NAME = "name.exists() implies name.matches('^[A-Z]([A-Za-z0-9_]){0,254}$')"
_PATH_PART = r"[^\\s\\.,:;\\\'\"\\/|?!@#$%&*()\\[\\]{}]{1,64}"

CORRECTED: Mapping[str, tuple[str, str]] = {
    "ctm-1": (
        "onBehalfOf.exists() implies (member.where(reference.startsWith('#')).resolve()"
        ".iif(empty(), true, ofType(Practitioner).exists()))",
        "what lies elsewhere is not resolved during validation",
    ),
    "que-7": ("operator = 'exists' implies (answer is boolean)", "a FHIR boolean is not a System.Boolean"),
    "que-12": ("enableWhen.count() >= 2 implies enableBehavior.exists()", "'more than one' is two, as in R5"),
    "ras-2": (
        "(probability.exists() and (probability is decimal)) implies ((probability as decimal) <= 100)",
        "without a probability the published expression is empty",
    ),
    "con-3": (
        "clinicalStatus.exists() or verificationStatus.coding.where(system='http://terminology.hl7.org/CodeSystem/"
        "condition-ver-status' and code = 'entered-in-error').exists() or category.coding.where(system='http://"
        "terminology.hl7.org/CodeSystem/condition-category' and code='problem-list-item').empty()",
        "a concept never equals a code",
    ),
    "eld-19": (
        rf"path.matches('^{_PATH_PART}(\\.{_PATH_PART}(\\[x\\])?(\\:[^\\s\\.]+)?)*$')",
        "the pattern is meant for the whole path",
    ),
    "eld-20": (
        r"path.matches('^[A-Za-z][A-Za-z0-9]*(\\.[a-z][A-Za-z0-9]*(\\[x])?)*$')",
        "the pattern is meant for the whole path",
    ),
}
"""Expressions that HL7 published with a slip, by key: what is evaluated instead, and why.

`app-4`, `bdl-8` and `tim-9` come corrected with the definitions; the `name` rules (`que-0`...) are in `_expression`.
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """One invariant on objects of one type; `surely` spares most evaluations."""

    text: str
    severity: str
    surely: Test
    expression: Expression
    focus: str

    def check(self, value: Any, place: Place, run: Run) -> None:
        """Report the invariant where it fails."""
        try:
            if not self.holds(value, run.resource, run.container):
                run.add("invariant", place, self.text, self.severity)
        except BudgetExceeded:
            key = self.text.partition(":")[0]
            run.add("too-costly", place, f"{key}: There is too much here to check this rule.", self.severity)

    def holds(self, value: Any, resource: dict[str, Any], container: dict[str, Any]) -> bool:
        """Whether the expression is true of the value. Raises BudgetExceeded."""
        focus = Element(value, self.focus)
        try:
            return self.expression.holds(focus, root=resource, container=container, budget=_BUDGET) is True
        except FhirPathError:
            return False


@cache
def type_rules(type_name: str) -> tuple[Rule, ...]:
    """The rules of a type and of what it specializes."""
    found = [i for name in reversed(ancestry(type_name)) for i in type_definition(name).invariants]
    return _rules(found, type_name)


@cache
def part_rules(type_name: str, path: str) -> tuple[Rule, ...]:
    """The rules of a backbone element, which stand on it where it is defined."""
    parent, _, name = path.rpartition(".")
    return _rules(type_definition(type_name).parts[parent][name].invariants, f"{type_name}#{path}")


def element_rules(invariants: Iterable[Invariant], type_code: str) -> tuple[Rule, ...]:
    """The rules that an element adds to those of its type."""
    return _rules(invariants, type_code)


def _rules(invariants: Iterable[Invariant], focus: str) -> tuple[Rule, ...]:
    return tuple(_rule(invariant, focus) for invariant in invariants if invariant.key not in ELSEWHERE)


def _rule(invariant: Invariant, focus: str) -> Rule:
    expression = _expression(invariant)
    text = f"{invariant.key}: {invariant.human.rstrip('.')}."
    surely = sure(parse(expression), focus).true
    return Rule(text, invariant.severity, surely, compile(expression), focus)


def _expression(invariant: Invariant) -> str:
    if invariant.expression.startswith("name.matches("):
        return _NAME
    corrected = CORRECTED.get(invariant.key)
    return corrected[0] if corrected else invariant.expression
