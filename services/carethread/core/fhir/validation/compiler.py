"""Turns a type's definition into a check: one table of members per part, walked by the object's own members.

A part compiles when an object first needs it: a type that no resource uses costs nothing, and a type may hold itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from carethread.core.fhir.definitions import (
    ElementDefinition,
    ValueSet,
    primitive_types,
    resource_types,
    type_definition,
)
from carethread.core.fhir.validation import members
from carethread.core.fhir.validation.bindings import Bound, bound, is_maximum, required_value_set
from carethread.core.fhir.validation.members import Check, ValueCheck
from carethread.core.fhir.validation.primitives import PRIMITIVES
from carethread.core.fhir.validation.references import check_reference
from carethread.core.fhir.validation.report import Place, Run, step


@dataclass(frozen=True, slots=True)
class Table:
    """A compiled part: a check for each member name, and what must be there."""

    checks: Mapping[str, Check]
    required: tuple[str, ...]
    required_choices: tuple[tuple[str, frozenset[str]], ...]


def check_resource(value: Any, place: Place, run: Run) -> None:
    """Check a resource by its own resourceType, as the container that its `#id` references mean."""
    outer, run.container = run.container, value if type(value) is dict else {}
    _check_by_type(value, place, run)
    run.container = outer


def _check_contained(value: Any, place: Place, run: Run) -> None:
    if type(value) is dict and "contained" in value:
        run.add(
            "structure", (place, "contained", None), "A contained resource contains no others; contain them beside it."
        )
    _check_by_type(value, place, run)


def _check_by_type(value: Any, place: Place, run: Run) -> None:
    if not members.is_object(value, place, run):
        return
    name = value.get("resourceType")
    if type(name) is str and name in resource_types():
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
    rule = _RULES.get(type_name) if path == "" else None
    # Beside a primitive's value an id may stand alone; `members.sibling` tells whether the value is there.
    needs_content = type_name != "Element" and (path != "" or type_name not in resource_types())

    def check(value: Any, place: Place, run: Run) -> None:
        nonlocal checks, required, required_choices
        if not checks:
            table = compile_part(type_name, path)
            required, required_choices, checks = table.required, table.required_choices, table.checks
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
        if rule is not None:
            rule(value, place, run)

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
    return Table(checks, tuple(required), tuple(choices))


def _element_checks(type_name: str, path: str, label: str, element: ElementDefinition) -> Iterator[tuple[str, Check]]:
    """The members that an element has in JSON; `label` is its name in FHIRPath, where a choice has no suffix."""
    if element.max == 0:
        yield element.name, members.forbidden(element.name, f"A {type_name} has no {element.name}.")
        return
    for name, type_code in element.json_names().items():
        if type_code in primitive_types():
            yield name, _primitive_check(label, type_code, element)
            if not _is_attribute(type_name, path, element.name, type_code):
                extras = part_check("Element", "")
                pair = members.siblings(name, extras) if element.is_list else members.sibling(label, name, extras)
                yield "_" + name, pair
        else:
            shape = members.objects if element.is_list else members.one
            yield name, shape(label, _complex_item(type_name, path, type_code, element))


def _is_attribute(type_name: str, path: str, name: str, type_code: str) -> bool:
    """XML attributes and XHTML carry no extensions, so they have no `_` member."""
    is_element_id = name == "id" and (path != "" or type_name not in resource_types())
    return is_element_id or type_code == "xhtml" or (type_name == "Extension" and name == "url")


def _primitive_check(label: str, type_code: str, element: ElementDefinition) -> Check:
    format = PRIMITIVES[type_code]
    kinds, test = format.kinds, format.test
    value_set = required_value_set(element)
    limits = bound(value_set, type_code) if value_set else None

    def item(value: Any, place: Place, run: Run) -> None:
        if type(value) not in kinds or not test(value):
            members.report_primitive(format, value, place, run)
        elif limits is not None and not limits.accepts(value):
            run.add("code-invalid", place, f"This code is not allowed. It must be {limits.allowed}.")
        elif limits is None and value_set is not None:
            _report_unexpanded(value_set, place, run)

    if element.is_list:
        return members.primitives(label, item)
    if limits is not None:
        return members.coded(label, item, limits.accepts)
    return members.primitive(label, format) if value_set is None else members.one(label, item)


def _complex_item(type_name: str, path: str, type_code: str, element: ElementDefinition) -> ValueCheck:
    if element.content is not None:
        return part_check(type_name, element.content)
    if type_code == "Resource":
        return _check_contained if element.name == "contained" else check_resource
    inner = f"{path}.{element.name}".lstrip(".")
    if inner in type_definition(type_name).parts:
        return part_check(type_name, inner)
    item = part_check(element.profile if element.profile and type_code == "Quantity" else type_code, "")
    if type_code == "Reference":
        return _reference_item(item, frozenset(element.types[type_code]))
    value_set = required_value_set(element)
    if value_set is None:
        return item
    return _bound_item(item, value_set, bound(value_set, type_code, text_suffices=is_maximum(element)))


def _reference_item(item: ValueCheck, targets: frozenset[str]) -> ValueCheck:
    def check(value: Any, place: Place, run: Run) -> None:
        item(value, place, run)
        if type(value) is dict:
            check_reference(value, targets, place, run)

    return check


def _bound_item(item: ValueCheck, value_set: ValueSet, limits: Bound | None) -> ValueCheck:
    def check(value: Any, place: Place, run: Run) -> None:
        item(value, place, run)
        if limits is None:
            _report_unexpanded(value_set, place, run)
        elif type(value) is dict and value and not limits.accepts(value):
            run.add("code-invalid", place, f"No coding here is allowed. It must be {limits.allowed}.")

    return check


def _report_unexpanded(value_set: ValueSet, place: Place, run: Run) -> None:
    if run.informational:
        run.add("informational", place, f"The codes of {value_set.url} are not known here.", "information")


def _report_unknown(name: Any, checks: Mapping[str, Check], place: Place, run: Run) -> None:
    suggestion = run.suggestion(name, [n for n in checks if n[0] != "_"]) if type(name) is str else ""
    run.add("structure", (place, step(name), None), f"R4 has no such element here.{suggestion}")


def _extension_rule(value: dict[str, Any], place: Place, run: Run) -> None:
    has_value = any(type(name) is str and name.lstrip("_").startswith("value") for name in value)
    if has_value and "extension" in value:
        run.add("structure", place, "An extension has a value[x] or extensions, not both.")
    elif not has_value and "extension" not in value:
        run.add("required", place, "An extension must have a value[x] or extensions.")


_RULES: Mapping[str, Callable[[dict[str, Any], Place, Run], None]] = {"Extension": _extension_rule}
