"""Walking a resource by element names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from carethread.core.fhir.targets import parse_reference


def at(resource: dict[str, Any], path: str) -> Iterator[Any]:
    """The values at a dotted path of element names, through arrays: `participant.actor`."""
    found: list[Any] = [resource]
    for name in path.split("."):
        step = [value[name] for value in found if isinstance(value, dict) and name in value]
        found = [item for value in step for item in (value if isinstance(value, list) else [value])]
    yield from found


def keys_at(resource: dict[str, Any], path: str, base: str | None = None) -> list[tuple[str, str]]:
    """(type, id) of the literal references at a path that are local: relative, or absolute under `base`."""
    keys = []
    for reference in at(resource, path):
        text = reference.get("reference") if isinstance(reference, dict) else None
        target = parse_reference(text.partition("#")[0], base) if isinstance(text, str) else None
        if target and target.id:
            keys.append((target.type, target.id))
    return keys
