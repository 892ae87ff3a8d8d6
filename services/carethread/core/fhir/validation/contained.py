"""What binds a resource and those that it contains: dom-3 to dom-6. http://hl7.org/fhir/R4/references.html#contained

Every contained resource has an id of its own and is referred to, or refers to its container; those that only refer to
each other in a circle pass, as they do in HAPI's validator.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from carethread.core.fhir.fhirpath.element import child, children, resource_element
from carethread.core.fhir.fhirpath.model import ancestry
from carethread.core.fhir.validation.report import Place, Run

_URIS = frozenset({"canonical", "uri", "url"})
_HOLDERS = (dict, list)
CONTAINER = ""
"""What `#` refers to."""


def check_container(resource: dict[str, Any], place: Place, run: Run) -> None:
    """Check what holds of a resource as a whole, when its elements have been checked."""
    contained = resource.get("contained")
    resources = [r if type(r) is dict else {} for r in contained] if type(contained) is list else []
    if resources:
        _check_each(resources, place, run)
        for index in _orphans(resource, resources, {link for link, _ in run.links}):
            text = "dom-3: A contained resource must be referred to from the resource, or refer to it as '#'."
            run.add("invariant", (place, "contained", index), text)
    known = {identifier for r in (resource, *resources) if type(identifier := r.get("id")) is str}
    for link, at in run.links:
        if link not in run.ids and link not in known:
            run.add("invariant", at, "txt-1: A link within the narrative leads to no id in the resource.")
    narrative = resource.get("text")
    has_narrative = type(narrative) is dict and "div" in narrative
    if not has_narrative and "DomainResource" in ancestry(str(resource.get("resourceType"))):
        run.add("invariant", place, "dom-6: A resource should have narrative for robust management.", "warning")


def _check_each(resources: list[dict[str, Any]], place: Place, run: Run) -> None:
    seen: set[str] = set()
    for index, resource in enumerate(resources):
        identifier, meta = resource.get("id"), resource.get("meta")
        if type(meta) is dict and ("versionId" in meta or "lastUpdated" in meta):
            text = "dom-4: A contained resource has no version of its own: no meta.versionId and no meta.lastUpdated."
            run.add("invariant", ((place, "contained", index), "meta", None), text)
        if type(meta) is dict and "security" in meta:
            text = "dom-5: A contained resource has no security label of its own."
            run.add("invariant", ((place, "contained", index), "meta", None), text)
        if "id" not in resource:
            run.add("required", (place, "contained", index), "A contained resource must have an id to be referred to.")
        elif type(identifier) is str:
            if identifier in seen:
                run.add("value", (place, "contained", index), "Another contained resource has the same id.")
            seen.add(identifier)


def _orphans(resource: dict[str, Any], resources: list[dict[str, Any]], links: set[str]) -> list[int]:
    """The indexes of those that nothing refers to; what is named `reference` is looked at first, for it mostly does."""
    outside = {**resource, "contained": []}
    for references in (_named_reference, _of_reference_types):
        referred = links.union(references(outside))
        orphans = _unreferred(resources, referred, [set(references(r)) for r in resources])
        if not orphans:
            break
    return orphans


def _unreferred(resources: list[dict[str, Any]], referred: set[str], inside: list[set[str]]) -> list[int]:
    """The indexes that neither `referred` names nor another one that is itself referred to."""
    ids = [str(resource.get("id")) for resource in resources]
    by_id: dict[str, list[int]] = {}
    holders: dict[str, set[int]] = {}
    for index, identifier in enumerate(ids):
        by_id.setdefault(identifier, []).append(index)
        for name in inside[index]:
            holders.setdefault(name, set()).add(index)
    orphans: set[int] = set()
    pending = list(range(len(ids)))
    while pending:
        index = pending.pop()
        others = holders.get(ids[index], set())
        if index in orphans or CONTAINER in inside[index] or ids[index] in referred:
            continue
        if len(others) > (index in others):
            continue
        orphans.add(index)
        for name in inside[index]:
            holders[name].discard(index)
            # Only now can those that bear the name have lost the last that refers to them.
            if len(holders[name]) < 2:
                pending += by_id.get(name, ())
    return sorted(orphans)


def _named_reference(resource: dict[str, Any]) -> Iterator[str]:
    """The ids behind `#` in members named `reference`, which in R4 are references and URIs."""
    stack: list[Any] = [resource]
    while stack:
        value = stack.pop()
        if type(value) is dict:
            text = value.get("reference")
            if type(text) is str and text[:1] == "#":
                yield text[1:]
            stack += [below for below in value.values() if type(below) in _HOLDERS]
        else:
            stack += [below for below in value if type(below) in _HOLDERS]


def _of_reference_types(resource: dict[str, Any]) -> Iterator[str]:
    """The ids behind `#` that a resource's references, canonicals and URIs name."""
    level = [resource_element(resource)]
    while level:
        for element in level:
            value = element.value
            if type(value) is str and element.type in _URIS and value[:1] == "#":
                yield value[1:]
            elif element.type == "Reference":
                yield from (r.value[1:] for r in child(element, "reference") if str(r.value)[:1] == "#")
        level = [below for element in level for below in children(element)]
