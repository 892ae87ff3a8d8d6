"""What a profile asks of one value: its type, its targets, a fixed value or pattern, a binding, FHIRPath constraints.

Source: http://hl7.org/fhir/R4/elementdefinition.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from carethread.core.fhir.definitions import Invariant
from carethread.core.fhir.fhirpath import Expression, FhirPathError, compile
from carethread.core.fhir.fhirpath.model import ancestry
from carethread.core.fhir.fhirpath.parser import parse
from carethread.core.fhir.profiles import slicing
from carethread.core.fhir.profiles.slicing import contained_target
from carethread.core.fhir.profiles.tree import Node, ProfileError, base_type
from carethread.core.fhir.profiles.values import Item, covers, equal, has_form
from carethread.core.fhir.profiles.valuesets import limits
from carethread.core.fhir.targets import reference_type
from carethread.core.fhir.validation.report import MAX_ISSUES, Place, Run, expression
from carethread.core.fhir.validation.sufficient import Test, sure

Definition = Mapping[str, Any]

MAX_VALUE_SET = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"


@dataclass(frozen=True, slots=True)
class Case:
    """One validation: where the issues go, the resource that is checked, and the one in which `#id` is sought."""

    run: Run
    resource: dict[str, Any]
    container: dict[str, Any]

    def add(self, code: str, place: Place, text: str, severity: str = "error") -> None:
        self.run.add(code, place, text, severity)

    def add_once(self, code: str, place: Place, text: str) -> None:
        """Report what the base validation or another profile may have said of the element already."""
        issues, where = self.run.issues, expression(place)
        is_full = len(issues) >= MAX_ISSUES  # then it is only counted
        if is_full or not any(issue.code == code and issue.expression == where for issue in issues):
            self.run.add(code, place, text)


ItemCheck = Callable[[Item, Case], None]


@dataclass(frozen=True, slots=True)
class Profile:
    """A compiled StructureDefinition. One that cannot be used has a `problem` and checks nothing.

    `contexts` is where an extension may stand, as (type, expression) of StructureDefinition.context; `context_rules`
    must hold there.
    """

    url: str
    name: str
    type: str
    check: ItemCheck
    contexts: tuple[tuple[str, str], ...] = ()
    context_rules: tuple[Expression, ...] = ()
    is_modifier: bool = False
    problem: str = ""


class Source(slicing.Source, Protocol):
    """Where the definitions that a profile names are found."""

    def structure(self, canonical: str) -> Definition | None: ...

    def profile(self, canonical: str) -> Profile | None: ...


def own_rules(node: Node, label: str, source: Source) -> Iterator[ItemCheck]:
    """The checks of one value of a node, without its children; `label` begins every sentence."""
    yield from _types(node, label, source)
    if node.fixed:
        yield _value(node.fixed[0], equal, f"{label}: this must be exactly the value that the profile fixes")
    if node.pattern:
        yield _value(node.pattern[0], covers, f"{label}: this must have the values that the profile asks for")
    if node.binding:
        yield from _binding(node.binding, label, source)
    for invariant in node.constraints.values():
        yield _constraint(invariant, label)


def _value(expected: Any, same: Callable[[Any, Any], bool], text: str) -> ItemCheck:
    said = f"{text}: {expected}." if type(expected) in (str, int, bool) else f"{text}{_listed(expected)}."

    def check(item: Item, case: Case) -> None:
        if not same(expected, item.value):
            case.add_once("value", item.place, said)

    return check


def _listed(expected: Any) -> str:
    """The codes that an expected concept has, for the sentence."""
    codings = expected.get("coding", [expected]) if type(expected) is dict else []
    codes = [coding["code"] for coding in codings if "code" in coding]
    return ": " + ", ".join(codes) if codes else ""


def _types(node: Node, label: str, source: Source) -> Iterator[ItemCheck]:
    targets = _targets(node, source)
    if targets:
        allowed = f"{label}: this must refer to {' or '.join(sorted(targets))}."
        yield _target(targets, allowed)
    for each in node.types:
        profiles = [url for url in each.get("profile", ()) if base_type(url) is None]
        if profiles and each["code"] != "Extension":  # each extension is checked by its own url
            yield _profiled(each["code"], profiles, label, source)


def right_type(node: Node, label: str) -> Callable[[Item, Case], bool] | None:
    """The test of a value's type, without which nothing else is asked of it; None where any type will do."""
    codes = frozenset(each["code"] for each in node.types)
    if not codes or any("/" in code for code in codes):  # ids and urls are declared by FHIRPath's System types
        return None
    text = f"{label}: this must be of type {' or '.join(sorted(codes))}."

    def check(item: Item, case: Case) -> bool:
        right = item.type in codes or not item.type or not codes.isdisjoint(ancestry(item.type))
        if not right:
            case.add_once("structure", item.place, text)
        return right

    return check


def _targets(node: Node, source: Source) -> frozenset[str]:
    """The types that a reference may point to; empty where one of them is not known."""
    names = [source.type_of(url) for each in node.types for url in each.get("targetProfile", ())]
    known = [name for name in names if name is not None]
    return frozenset(known) if len(known) == len(names) and "Resource" not in known else frozenset()


def _target(targets: frozenset[str], text: str) -> ItemCheck:
    def check(item: Item, case: Case) -> None:
        if item.type != "Reference":
            return
        inside = contained_target(item.value, case.container)
        name = inside.get("resourceType") if inside is not None else reference_type(item.value)
        if type(name) is str and name not in targets:
            case.add_once("value", (item.place, "reference", None), text)

    return check


def _profiled(code: str, profiles: list[str], label: str, source: Source) -> ItemCheck:
    def check(item: Item, case: Case) -> None:
        if item.type != code:
            return
        known = [profile for url in profiles if (profile := source.profile(url)) is not None]
        if len(profiles) == len(known) == 1:
            known[0].check(item, case)
        elif len(profiles) == len(known) and not any(source.meets(url, item, case.container) for url in profiles):
            case.add("structure", item.place, f"{label}: this meets none of {', '.join(p.name for p in known)}.")

    return check


def _binding(binding: Mapping[str, Any], label: str, source: Source) -> Iterator[ItemCheck]:
    maximum = next((e.get("valueCanonical") for e in binding.get("extension", ()) if e["url"] == MAX_VALUE_SET), None)
    if maximum:
        yield _bound(maximum, "error", label, source, text_suffices=True)
    strength = binding["strength"]
    if strength != "example":
        severity = "error" if strength == "required" else "warning"
        yield _bound(binding["valueSet"], severity, label, source, text_suffices=strength != "required")


def _bound(canonical: str, severity: str, label: str, source: Source, *, text_suffices: bool) -> ItemCheck:
    allowed = limits(source, canonical, text_suffices=text_suffices)
    unknown = f"{label}: the codes of {canonical} are not known here."

    def check(item: Item, case: Case) -> None:
        members = allowed(item.type)
        if not has_form(item):
            return  # the base validation has said so
        if members is not None and not members.accepts(item.value):
            verb = "must" if severity == "error" else "should"
            case.add("code-invalid", item.place, f"{label}: the code {verb} be {members.allowed}.", severity)
        if members is None and case.run.informational:
            case.add("informational", item.place, unknown, "information")

    return check


def _constraint(invariant: Invariant, label: str) -> ItemCheck:
    try:
        condition, syntax = compile(invariant.expression), parse(invariant.expression)
    except FhirPathError as error:
        raise ProfileError(f"its constraint {invariant.key} cannot be read. {error}") from None
    text = f"{label}: {invariant.human.rstrip('.')} ({invariant.key})."

    @cache
    def surely(type_name: str) -> Test:
        return sure(syntax, type_name).true

    def check(item: Item, case: Case) -> None:
        if type(item.value) is dict and surely(item.type)(item.value):
            return
        if not holds(condition, item, case):
            case.add("invariant", item.place, text, invariant.severity)

    return check


def holds(condition: Expression, item: Item, case: Case, **variables: Any) -> bool:
    """Whether an expression is true of a value; one that is empty or cannot be evaluated is not."""
    try:
        found = condition.holds(item.element(), root=case.resource, container=case.container, environment=variables)
    except FhirPathError:
        return False
    return found is True
