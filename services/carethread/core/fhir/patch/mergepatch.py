"""JSON Merge Patch (RFC 7396): an object with the members to set, null for those to take away.

FHIR does not name it, but clients send it where they change a few elements of a resource.
"""

from __future__ import annotations

from typing import Any

from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.fhir.patch.jsonpatch import Change, clone


def merge_patch(document: Any) -> Change:
    """The change that a parsed merge patch describes. Raises Malformed; the resource given to it is not touched."""
    if not isinstance(document, dict):
        raise Malformed(f"A merge patch is an object; this is {json.describe(document)}.")

    def change(resource: dict[str, Any]) -> dict[str, Any]:
        return _merged(resource, document)

    return change


def _merged(target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value) if isinstance(value, dict) else clone(value)
    return merged
