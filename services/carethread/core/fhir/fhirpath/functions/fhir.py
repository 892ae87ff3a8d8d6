"""The functions that FHIR adds: extensions, values of primitives, references and conformance to base types.

`resolve()` reads what the caller's `resolve` finds; without one, or where it finds nothing, it gives an empty resource
of the type that the reference's own text names, so that `resolve() is Patient` needs no I/O.
Source: http://hl7.org/fhir/R4/fhirpath.html#functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carethread.core.fhir import xhtml
from carethread.core.fhir.definitions import resource_types, value_set
from carethread.core.fhir.fhirpath.element import Element, Items, child, plain, resource_element
from carethread.core.fhir.fhirpath.errors import FhirPathEvaluationError
from carethread.core.fhir.fhirpath.functions.kinds import Eager, Function, text_of
from carethread.core.fhir.fhirpath.functions.weights import weight
from carethread.core.fhir.fhirpath.model import ancestry, is_defined
from carethread.core.fhir.fhirpath.scope import Scope
from carethread.core.fhir.targets import reference_type

_BASE_PROFILES = "http://hl7.org/fhir/StructureDefinition/"


def _extension(scope: Scope, items: Items, url: Items) -> Items:
    wanted = text_of(url, "'extension'")
    found = [
        extension
        for item in items
        if type(item) is Element
        for extension in child(item, "extension")
        if type(extension.value) is dict and extension.value.get("url") == wanted
    ]
    scope.spend(len(found))
    return found


def _has_value(_: Scope, items: Items) -> Items:
    if len(items) != 1:
        return [False]
    value = plain(items[0])
    return [value is not None and type(value) is not Element]


def _get_value(_: Scope, items: Items) -> Items:
    return [value for item in items[:1] if (value := plain(item)) is not None and type(value) is not Element]


def _resolve(scope: Scope, items: Items) -> Items:
    return [target for item in items if (target := _target(scope, item)) is not None]


def _target(scope: Scope, item: Any) -> Element | None:
    value = item.value if type(item) is Element else item
    reference = {"reference": value} if isinstance(value, str) else value
    text = reference.get("reference") if isinstance(reference, dict) else None
    if isinstance(text, str) and text.startswith("#"):
        return _contained(scope.container, text[1:])
    if isinstance(text, str) and scope.resolve is not None:
        found = scope.resolve(text)
        if found is not None:
            return resource_element(found)
    type_name = reference_type(reference)
    return Element({"resourceType": type_name}, type_name) if type_name in resource_types() and type_name else None


def _contained(container: Element, id_: str) -> Element | None:
    if not id_:
        return container
    resources = (below for below in child(container, "contained") if type(below.value) is dict)
    return next((below for below in resources if below.value.get("id") == id_), None)


def _conforms_to(_: Scope, items: Items, url: Items) -> Items:
    profile = text_of(url, "'conformsTo'") or ""
    name = profile.removeprefix(_BASE_PROFILES)
    if name == profile or not is_defined(name):
        raise FhirPathEvaluationError("'conformsTo' knows the base types of R4 only.")
    return [type(item) is Element and name in ancestry(item.type) for item in items[:1]]


def _member_of(_: Scope, items: Items, url: Items) -> Items:
    """Whether a code, Coding or CodeableConcept is of a value set; empty where the set is not known whole."""
    canonical = text_of(url, "'memberOf'")
    if len(items) != 1 or canonical is None:
        return []
    try:
        members = value_set(canonical)
    except KeyError:
        return []
    if not members.is_enumerated:
        return []
    value = items[0].value if type(items[0]) is Element else items[0]
    if type(value) is str:
        return [any(value in codes for codes in members.codes.values())]
    codings = value.get("coding", [value]) if type(value) is dict else []
    return [any(c.get("code") in members.codes.get(str(c.get("system")), ()) for c in codings if type(c) is dict)]


def _html_checks(_: Scope, items: Items) -> Items:
    div = text_of(items, "'htmlChecks'")
    return [] if div is None else [xhtml.is_right(div)]


FUNCTIONS: Mapping[str, Function] = {
    "extension": Eager(_extension, 1, 1),
    "hasValue": Eager(_has_value),
    "getValue": Eager(_get_value),
    "resolve": Eager(_resolve),
    "conformsTo": Eager(_conforms_to, 1, 1),
    "htmlChecks": Eager(_html_checks),
    "memberOf": Eager(_member_of, 1, 1),
    "weight": Eager(weight),
    "ordinal": Eager(weight),
}
