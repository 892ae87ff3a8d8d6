"""The keys by which rows of views are joined: a resource's own, and that of what a Reference points at.

Both are the id alone, for a view is of one type, and a column of references says which it keeps. A reference that is
not to a resource of ours has none.
Source: https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html, "Required Additional Functions".
"""

from __future__ import annotations

from collections.abc import Mapping

from carethread.core.fhir.fhirpath.element import Element, Items
from carethread.core.fhir.fhirpath.functions.kinds import Eager, Function, Named
from carethread.core.fhir.fhirpath.scope import Scope
from carethread.core.fhir.targets import parse_reference


def resource_key(resource: object) -> str | None:
    """The key of a resource, None where it has no id."""
    if type(resource) is not dict or "id" not in resource or "resourceType" not in resource:
        return None
    return str(resource["id"])


def reference_key(reference: object, type_name: str = "") -> str | None:
    """The key of what a Reference points at, where that is of the type; None where it has none."""
    text = reference.get("reference") if type(reference) is dict else None
    target = parse_reference(text) if isinstance(text, str) else None
    if target is None or not target.id or type_name not in ("", target.type):
        return None
    return target.id


def _resource_key(_: Scope, items: Items) -> Items:
    return [key for item in items if type(item) is Element and (key := resource_key(item.value))]


def _reference_key(_: Scope, items: Items, type_name: str) -> Items:
    wanted = type_name.removeprefix("FHIR.")
    return [key for item in items if type(item) is Element and (key := reference_key(item.value, wanted))]


FUNCTIONS: Mapping[str, Function] = {
    "getResourceKey": Eager(_resource_key),
    "getReferenceKey": Named(_reference_key),
}
