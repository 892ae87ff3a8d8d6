"""Checks of one member of a JSON object, by its shape: http://hl7.org/fhir/R4/json.html

A check takes the member's value, the object that holds it, where that object is, and the run. It returns nothing and
reports what is wrong. Each factory closes over all that it needs, so a right value costs one call and one test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from carethread.core.fhir.json import describe
from carethread.core.fhir.validation.primitives import PRIMITIVES, Primitive
from carethread.core.fhir.validation.report import Place, Run

Check = Callable[[Any, dict[str, Any], Place, Run], None]
ValueCheck = Callable[[Any, Place, Run], None]
"""Checks one value, at its own place."""

_NULL = "null stands only in an array of primitives, where the '_' array has an object; leave the element out."
NO_CONTENT = "An element has more than an id; add its content or leave it out."
_ONLY_ID = {"id"}


def primitive(name: str, format: Primitive) -> Check:
    """One primitive value."""
    kinds, test = format.kinds, format.test
    if len(kinds) == 1:
        (kind,) = kinds

        def check_kind(value: Any, owner: dict[str, Any], at: Place, run: Run) -> None:
            if type(value) is not kind or not test(value):
                report_primitive(format, value, (at, name, None), run)

        return check_kind

    def check_kinds(value: Any, owner: dict[str, Any], at: Place, run: Run) -> None:
        if type(value) not in kinds or not test(value):
            report_primitive(format, value, (at, name, None), run)

    return check_kinds


def primitives(name: str, item: ValueCheck) -> Check:
    """An array of primitives; null is a place holder for an object at the same index of the `_` array."""
    sibling = "_" + name

    def check(values: Any, owner: dict[str, Any], at: Place, run: Run) -> None:
        if not _is_array(values, (at, name, None), run):
            return
        for index, value in enumerate(values):
            if value is not None:
                item(value, (at, name, index), run)
            elif not _has_object(owner.get(sibling), index):
                run.add("structure", (at, name, index), _NULL)

    return check


def coded(name: str, item: ValueCheck, accepts: Callable[[Any], bool]) -> Check:
    """One code under a required binding: a member of the set needs no other test."""

    def check(value: Any, owner: dict[str, Any], at: Place, run: Run) -> None:
        if type(value) is not str or not accepts(value):
            item(value, (at, name, None), run)

    return check


def one(name: str, item: ValueCheck) -> Check:
    """One value."""

    def check(value: Any, owner: dict[str, Any], at: Place, run: Run) -> None:
        item(value, (at, name, None), run)

    return check


def objects(name: str, item: ValueCheck) -> Check:
    """An array of objects."""

    def check(values: Any, owner: dict[str, Any], at: Place, run: Run) -> None:
        if type(values) is list and values:
            for index, value in enumerate(values):
                item(value, (at, name, index), run)
        else:
            _is_array(values, (at, name, None), run)

    return check


def sibling(name: str, name_in_json: str, element: ValueCheck) -> Check:
    """`_name`: the id and extensions of the primitive `name`, which a choice calls differently in JSON."""

    def check(value: Any, owner: dict[str, Any], at: Place, run: Run) -> None:
        if type(value) is dict:
            element(value, (at, name, None), run)
            if name_in_json not in owner and value.keys() == _ONLY_ID:
                run.add("structure", (at, name, None), NO_CONTENT)
        else:
            run.add("structure", (at, name, None), f"'_{name_in_json}' must be an object, not {describe(value)}.")

    return check


def with_code(label: str, name: str, pair: Check, allowed: str) -> Check:
    """`_name` of a code under a required binding: an extension does not stand for the code, which is `allowed`."""
    said = f"A code is required here, beside the extension, which does not stand for it: {allowed}."

    def check(value: Any, owner: dict[str, Any], at: Place, run: Run) -> None:
        pair(value, owner, at, run)
        if name not in owner:
            run.add("code-invalid", (at, label, None), said)

    return check


def siblings(name: str, element: ValueCheck) -> Check:
    """`_name` of an array: an object or null for each value, in step with it."""

    def check(values: Any, owner: dict[str, Any], at: Place, run: Run) -> None:
        place: Place = (at, name, None)
        if not _is_array(values, place, run):
            return
        paired = owner.get(name)
        for index, value in enumerate(values):
            if value is not None:
                element(value, (at, name, index), run)
                if type(value) is dict and value.keys() == _ONLY_ID and not _has_value(paired, index):
                    run.add("structure", (at, name, index), NO_CONTENT)
        if paired is None:
            if all(value is None for value in values):
                run.add("structure", place, f"An array of nulls says nothing; leave '_{name}' out.")
        elif type(paired) is list and len(paired) != len(values):
            run.add("structure", place, f"'{name}' and '_{name}' need equally many entries, null where there is none.")

    return check


def one_of(check: Check, label: str, name: str, alternatives: frozenset[str]) -> Check:
    """A member of the choice `label`, of which an object has at most one; told once, at the first of them."""
    base = name.removeprefix("_")
    others = alternatives - {base, "_" + base}

    def check_choice(value: Any, owner: dict[str, Any], at: Place, run: Run) -> None:
        check(value, owner, at, run)
        if not others.isdisjoint(owner):
            present = [member for member in owner if member in alternatives]
            if present[0] == name:
                named = " and ".join(dict.fromkeys(member.removeprefix("_") for member in present))
                run.add("structure", (at, label, None), f"Only one type of {label}[x] is allowed, not {named}.")

    return check_choice


def forbidden(name: str, why: str) -> Check:
    """An element that the type has and that a constraint takes away."""

    def check(value: Any, owner: dict[str, Any], at: Place, run: Run) -> None:
        run.add("structure", (at, name, None), why)

    return check


def element_id(value: Any, place: Place, run: Run) -> None:
    """The id of an element: a string that no other element of the resource has."""
    format = PRIMITIVES["string"]
    if type(value) not in format.kinds or not format.test(value):
        report_primitive(format, value, place, run)
    elif value in run.ids:
        run.add("value", place, "Another element of this resource has the same id; ids of elements are unique in it.")
    else:
        run.ids.add(value)


def nothing(value: Any, owner: dict[str, Any], at: Place, run: Run) -> None:
    """A member that is checked elsewhere: resourceType."""


def report_primitive(format: Primitive, value: Any, place: Place, run: Run) -> None:
    if value is None:
        run.add("structure", place, _NULL)
    elif type(value) is list:
        run.add("structure", place, f"This element has one value, not an array; it must be {format.allowed}.")
    elif type(value) is dict:
        run.add("structure", place, f"This is an object; it must be {format.allowed}.")
    else:
        run.add("value", place, format.problem(value), format.severity(value))


def is_object(value: Any, place: Place, run: Run) -> bool:
    """Whether this is an object with members; reports what else it is."""
    if type(value) is dict and value:
        return True
    if value is None:
        run.add("structure", place, _NULL)
    elif type(value) is list:
        run.add("structure", place, "This element has one value, not an array.")
    elif type(value) is dict:
        run.add("structure", place, "An object is never empty; leave the element out.")
    else:
        run.add("structure", place, f"This must be an object, not {describe(value)}.")
    return False


def _is_array(values: Any, place: Place, run: Run) -> bool:
    if type(values) is list and values:
        return True
    if type(values) is list:
        run.add("structure", place, "An array is never empty; leave the element out.")
    elif values is None:
        run.add("structure", place, _NULL)
    else:
        run.add("structure", place, f"This element repeats: it must be an array, not {describe(values)}.")
    return False


def _has_value(paired: Any, index: int) -> bool:
    return type(paired) is list and index < len(paired) and paired[index] is not None


def _has_object(paired: Any, index: int) -> bool:
    return type(paired) is list and index < len(paired) and type(paired[index]) is dict
