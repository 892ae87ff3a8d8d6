"""`_summary` and `_elements`: part of a resource, marked as such (http://hl7.org/fhir/R4/search.html#summary).

What is mandatory or modifies the meaning always stays, so that what is left is valid and says nothing false. The tag
SUBSETTED in `meta` keeps a client from writing it back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.fhir.definitions import ElementDefinition
from carethread.core.fhir.fhirpath.model import members
from carethread.core.fhir.search.shape import check_shape, read_elements, read_summary
from carethread.core.ports import Request, Resource, Response
from carethread.interactions.rest.exchange import tagged

SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}

_ALWAYS = frozenset({"resourceType", "id", "meta"})

Keeps = Callable[[ElementDefinition], bool]


def shape_of(type_name: str, params: Sequence[tuple[str, str]]) -> tuple[str | None, tuple[str, ...]]:
    """The `_summary` and the `_elements` that a read asks for; None and empty where it asks for all.

    Raises Malformed for what cannot be read, or for both at once.
    """
    summary: str | None = None
    elements: tuple[str, ...] = ()
    for name, value in params:
        if name == "_summary":
            summary = read_summary(name, value)
        elif name == "_elements":
            elements += read_elements(type_name, name, value)
    check_shape(summary, elements)
    if summary == "count":
        raise Malformed(
            "_summary=count is for searches; a read takes true, text, data or false.", expression="_summary"
        )
    return None if summary == "false" else summary, elements


def described(request: Request, statement: Resource) -> Response:
    """The answer with a CapabilityStatement, or the part of it that is asked for; it has an ETag."""
    summary, elements = shape_of(statement["resourceType"], request.query)
    if summary or elements:
        statement = json.parse_object(subset(json.render(statement), statement["resourceType"], summary, elements))
    return tagged(request, statement, apart="date")


def subset(body: bytes, type_name: str, summary: str | None, elements: Sequence[str]) -> bytes:
    """A resource's JSON as `_summary` (true, text, data; None, count and false: whole) or `_elements` ask for it."""
    keeps = _keeps(summary, frozenset(elements))
    if keeps is None:
        return body
    resource: Resource = json.parse(body)
    kept = _part(resource, type_name, keeps, deep=summary == "true")
    kept["meta"] = _tagged(resource.get("meta", {}))
    return json.render({name: kept[name] for name in (*resource, "meta") if name in kept})


def _keeps(summary: str | None, elements: frozenset[str]) -> Keeps | None:
    """What decides on an element besides those that always stay; None where the resource stays whole."""
    if elements:
        return lambda element: element.name.removesuffix("[x]") in elements or element.min > 0 or element.is_modifier
    match summary:
        case "true":
            return lambda element: element.is_summary or element.min > 0 or element.is_modifier
        case "text":
            return lambda element: element.name == "text" or element.min > 0
        case "data":
            return lambda element: element.name != "text"
    return None


@lru_cache(maxsize=1024)
def _slots(type_name: str) -> dict[str, tuple[ElementDefinition, str]]:
    return {slot.key: (slot.definition, slot.type) for slots in members(type_name).values() for slot in slots}


def _part(value: Resource, type_name: str, keeps: Keeps, *, deep: bool) -> Resource:
    """The members that stay; `deep` judges those of backbone elements too. A primitive's sibling goes with it."""
    slots, kept = _slots(type_name), Resource()
    for name, child in value.items():
        found = slots.get(name.removeprefix("_"))
        if name in _ALWAYS or (found and keeps(found[0])):
            left = _below(child, found[1], keeps) if deep and found and "#" in found[1] else child
            if left not in ({}, []):
                kept[name] = left
    return kept


def _below(value: Any, type_name: str, keeps: Keeps) -> Any:
    if isinstance(value, list):
        return [left for item in value if (left := _below(item, type_name, keeps))]
    return _part(value, type_name, keeps, deep=True) if isinstance(value, dict) else value


def _tagged(meta: Resource) -> Resource:
    tags = [tag for tag in meta.get("tag", []) if tag.get("code") != SUBSETTED["code"]]
    return {**meta, "tag": [*tags, SUBSETTED]}
