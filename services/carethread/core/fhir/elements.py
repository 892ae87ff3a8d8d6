"""Walking a resource by element names, and its extensions by their URLs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from carethread.core.fhir.targets import parse_reference


def at(resource: dict[str, Any], path: str) -> Iterator[Any]:
    """The values at a dotted path of element names, through arrays: `participant.actor`."""
    found: list[Any] = [resource]
    for name in path.split("."):
        step = [value[name] for value in found if isinstance(value, dict) and name in value]
        found = [item for value in step for item in (value if isinstance(value, list) else [value])]
    yield from found


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value, itself first, in no order."""
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            yield each
            stack += each.values()
        elif isinstance(each, list):
            stack += each


def keys_at(resource: dict[str, Any], path: str, base: str | None = None) -> list[tuple[str, str]]:
    """(type, id) of the literal references at a path that are local: relative, or absolute under `base`."""
    keys = []
    for reference in at(resource, path):
        text = reference.get("reference") if isinstance(reference, dict) else None
        target = parse_reference(text.partition("#")[0], base) if isinstance(text, str) else None
        if target and target.id:
            keys.append((target.type, target.id))
    return keys


def profiles_of(resource: Mapping[str, Any] | None) -> frozenset[str]:
    """The canonicals that a resource claims in `meta.profile`, each without the version that may follow it."""
    meta = (resource or {}).get("meta") or {}
    return frozenset(each.partition("|")[0] for each in meta.get("profile") or () if isinstance(each, str))


def is_bound(resource: Mapping[str, Any] | None, *profiles: str) -> bool:
    """Whether a resource claims one of these profiles and comes from nowhere else: it is bound by their rules."""
    return not profiles_of(resource).isdisjoint(profiles) and "source" not in (resource or {})["meta"]


def extension(element: Mapping[str, Any], url: str) -> Mapping[str, Any]:
    """The extension of that URL; empty where there is none."""
    return next((found for found in element.get("extension", ()) if found.get("url") == url), {})


def with_extensions(element: dict[str, Any], marks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The element with these extensions, a value for each URL, in place of those it had of the same URLs."""
    kept = [each for each in element.get("extension", ()) if each.get("url") not in marks]
    made = [*kept, *({"url": url, **value} for url, value in marks.items())]
    rest = {name: value for name, value in element.items() if name != "extension"}
    return {**rest, "extension": made} if made else rest


def without_extensions(element: dict[str, Any], urls: Collection[str]) -> dict[str, Any]:
    """The element without the extensions of these URLs."""
    if not any(each.get("url") in urls for each in element.get("extension", ())):
        return dict(element)
    kept = [each for each in element["extension"] if each.get("url") not in urls]
    rest = {name: value for name, value in element.items() if name != "extension"}
    return {**rest, "extension": kept} if kept else rest
