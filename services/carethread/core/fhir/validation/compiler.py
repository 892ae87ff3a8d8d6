"""Turns a type's definition into a check: one table of members per part, walked by the object's own members.

A part compiles when an object first needs it: a type that no resource uses costs nothing, and a type may hold itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from carethread.core.fhir.definitions import ElementDefinition, primitive_types, resource_types, type_definition
from carethread.core.fhir.validation import members
from carethread.core.fhir.validation.bindings import limits_of
from carethread.core.fhir.validation.contained import check_container
from carethread.core.fhir.validation.invariants import Rule, element_rules, part_rules, type_rules
from carethread.core.fhir.validation.members import Check, ValueCheck
from carethread.core.fhir.validation.narrative import check_narrative
from carethread.core.fhir.validation.primitives import PRIMITIVES
from carethread.core.fhir.validation.references import check_reference
from carethread.core.fhir.validation.report import Place, Run, step
from carethread.core.fhir.validation.typed import TYPED, full_urls


@dataclass(frozen=True, slots=True)
class Table:
    """A compiled part: a check for each member name, what must be there, and what must hold."""

    checks: Mapping[str, Check]
    required: tuple[str, ...]
    required_choices: tuple[tuple[str, frozenset[str]], ...]
    rules: tuple[Rule, ...]


def check_resource(value: Any, place: Place, run: Run) -> None:
    """Check a resource by its own resourceType, as the container that its `#id` references mean."""
    outer = run.enter(value if type(value) is dict else {})
    if run.resource.get("resourceType") == "Bundle":
        run.full_urls = full_urls(run.resource)
    _check_by_type(value, place, run)
    if type(value) is dict:
        check_container(value, place, run)
    run.leave(outer)


def _check_contained(value: Any, place: Place, run: Run) -> None:
    if type(value) is not dict:
        _check_by_type(value, place, run)
        return
    if "contained" in value:
        text = "A contained resource contains no others; contain them beside it."
        run.add("structure", (place, "contained", None), text)
    outer = run.enter(value, contained=True)
    _check_by_type(value, place, run)
    run.leave(outer)


def _check_by_type(value: Any, place: Place, run: Run) -> None:
    if not members.is_object(value, place, run):
        return
    name = value.get("resourceType")
    if type(name) is str and name in resource_types():
        if "_id" in value and "id" not in value:
            run.add("value", (place, "id", None), "The id of a resource has a value; extensions do not stand for it.")
        meta = value.get("meta")
        if type(meta) is dict and "profile" in meta:
            run.claims.append((value, place, run.container))
        part_check(name, "")(value, place, run)
    elif "resourceType" not in value:
        run.add("required", (place, "resourceType", None), "A resource must say its resourceType.")
    elif type(name) is not str:
        run.add("structure", (place, "resourceType", None), "The resourceType must be a string.")
    else:
        suggestion = run.suggestion(name, resource_types())
        run.add("value", (place, "resourceType", None), f"R4 has no resource of this type.{suggestion}")


@cache
def part_check(type_name: str, path: str) -> ValueCheck:
    """The check of objects of a type, or of one of its backbone elements; compiles when first called."""
    checks: Mapping[str, Check] = {}
    required: tuple[str, ...] = ()
    required_choices: tuple[tuple[str, frozenset[str]], ...] = ()
    rules: tuple[Rule, ...] = ()
    typed = TYPED.get(type_name) if path == "" else None
    # Beside a primitive's value an id may stand alone; `members.sibling` tells whether the value is there.
    needs_content = type_name != "Element" and (path != "" or type_name not in resource_types())

    def check(value: Any, place: Place, run: Run) -> None:
        nonlocal checks, required, required_choices, rules
        if not checks:
            table = compile_part(type_name, path)
            required, required_choices = table.required, table.required_choices
            rules, checks = table.rules, table.checks
        if type(value) is not dict or not value:
            members.is_object(value, place, run)
            return
        if len(value) == 1 and needs_content and "id" in value:
            run.add("structure", place, members.NO_CONTENT)
        for name, member in value.items():
            member_check = checks.get(name)
            if member_check is not None:
                member_check(member, value, place, run)
            else:
                _report_unknown(name, checks, place, run)
        for name in required:
            if name not in value and "_" + name not in value:
                run.add("required", (place, name, None), f"'{name}' is required.")
        for label, names in required_choices:
            if names.isdisjoint(value):
                text = f"One of {', '.join(sorted(n for n in names if n[0] != '_'))} is required."
                run.add("required", (place, label, None), text)
        if typed is not None:
            typed(value, place, run)
        for rule in rules:
            if not rule.surely(value):
                rule.check(value, place, run)

    return check


def compile_part(type_name: str, path: str) -> Table:
    """Read the definition of a part into a table."""
    definition = type_definition(type_name)
    checks: dict[str, Check] = {}
    required: list[str] = []
    choices: list[tuple[str, frozenset[str]]] = []
    if definition.kind == "resource" and path == "":
        checks["resourceType"] = members.nothing
    for element in definition.parts[path].values():
        label = element.name.removesuffix("[x]")
        own = dict(_element_checks(type_name, path, label, element))
        if element.is_choice:
            names = frozenset(own)
            own = {name: members.one_of(check, label, name, names) for name, check in own.items()}
            if element.min:
                choices.append((label, names))
        elif element.min:
            required.append(element.name)
        checks.update(own)
    rules = part_rules(type_name, path) if path else type_rules(type_name)
    return Table(checks, tuple(required), tuple(choices), rules)


def _element_checks(type_name: str, path: str, label: str, element: ElementDefinition) -> Iterator[tuple[str, Check]]:
    """The members that an element has in JSON; `label` is its name in FHIRPath, where a choice has no suffix."""
    if element.max == 0:
        yield element.name, members.forbidden(element.name, f"A {type_name} has no {element.name}.")
        return
    for name, type_code in element.json_names().items():
        if type_code in primitive_types():
            is_attribute = _is_attribute(type_name, path, element.name, type_code)
            is_element_id = is_attribute and name == "id"
            yield name, _primitive_check(label, type_code, element, is_element_id=is_element_id)
            if not is_attribute:
                extras = part_check("Element", "")
                pair = members.siblings(name, extras) if element.is_list else members.sibling(label, name, extras)
                is_bound = element.binding is not None and element.binding.strength == "required"
                if is_bound and not element.is_list:
                    limits = limits_of(element, type_code)
                    allowed = next((each.bound.allowed for each in limits if each.bound), "one of its value set")
                    pair = members.with_code(label, name, pair, allowed)
                yield "_" + name, pair
        else:
            shape = members.objects if element.is_list else members.one
            yield name, shape(label, _complex_item(type_name, path, type_code, element))


def _is_attribute(type_name: str, path: str, name: str, type_code: str) -> bool:
    """XML attributes and XHTML carry no extensions, so they have no `_` member."""
    is_element_id = name == "id" and (path != "" or type_name not in resource_types())
    return is_element_id or type_code == "xhtml" or (type_name == "Extension" and name == "url")


def _primitive_check(label: str, type_code: str, element: ElementDefinition, *, is_element_id: bool) -> Check:
    format = PRIMITIVES[type_code]
    kinds, test = format.kinds, format.test
    limits, rules = limits_of(element, type_code), element_rules(element.invariants, type_code)
    if type_code == "xhtml":
        return members.one(label, check_narrative)
    if is_element_id:
        return members.one(label, members.element_id)

    def item(value: Any, place: Place, run: Run) -> None:
        if type(value) not in kinds or not test(value):
            members.report_primitive(format, value, place, run)
            return
        for limit in limits:
            limit.check(value, place, run)
        for rule in rules:
            rule.check(value, place, run)

    if element.is_list:
        return members.primitives(label, item)
    if not limits:
        return members.one(label, item) if rules else members.primitive(label, format)
    if len(limits) == 1 and limits[0].bound is not None and not rules:
        return members.coded(label, item, limits[0].bound.accepts)
    return members.one(label, item)


def _complex_item(type_name: str, path: str, type_code: str, element: ElementDefinition) -> ValueCheck:
    if element.content is not None:
        return part_check(type_name, element.content)
    if type_code == "Resource":
        return _check_contained if element.name == "contained" else check_resource
    inner = f"{path}.{element.name}".lstrip(".")
    if inner in type_definition(type_name).parts:
        return part_check(type_name, inner)
    name = element.profile if element.profile and type_code == "Quantity" else type_code
    item = part_check(name, "")
    targets = frozenset(element.types[type_code]) if type_code == "Reference" else None
    limits, rules = limits_of(element, type_code), element_rules(element.invariants, name)
    if targets is None and not limits and not rules:
        return item

    def check(value: Any, place: Place, run: Run) -> None:
        item(value, place, run)
        if type(value) is not dict or not value:
            return
        if targets is not None:
            check_reference(value, targets, place, run)
        for limit in limits:
            limit.check(value, place, run)
        for rule in rules:
            if not rule.surely(value):
                rule.check(value, place, run)

    return check


def _report_unknown(name: Any, checks: Mapping[str, Check], place: Place, run: Run) -> None:
    suggestion = run.suggestion(name, [n for n in checks if n[0] != "_"]) if type(name) is str else ""
    run.add("structure", (place, step(name), None), f"R4 has no such element here.{suggestion}")
