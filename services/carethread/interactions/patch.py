"""patch, and conditional patch: http://hl7.org/fhir/R4/http.html#patch.

The patch is applied inside the transaction to the version that is locked there, so that no other change is lost, and
what comes out is checked as an update is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from carethread.core.context import Context, authorize
from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.patch import fhir_patch, json_patch, merge_patch
from carethread.core.ports import Key, Resource
from carethread.interactions.rest.headers import versions_of
from carethread.interactions.update import check_id
from carethread.interactions.writing.check import check_resource
from carethread.interactions.writing.command import Command, Condition

Change = Callable[[Resource], Resource]

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"

_APART = ("id", "meta", "implicitRules", "language", "text")
"""What a narrative does not tell."""


def _of_json(body: bytes) -> Change:
    return json_patch(json.parse(body))


def _of_parameters(body: bytes) -> Change:
    return _fhir_patch(json.parse_object(body))


def _fhir_patch(parameters: Resource) -> Change:
    if parameters.get("resourceType") != "Parameters":
        raise Malformed(
            "A FHIRPath Patch is a Parameters resource, and the body is none. To send only what changes, use the "
            f"Content-Type {MERGE_PATCH} or {JSON_PATCH}; to send the whole resource, PUT it.",
            code="invalid",
            expression="Parameters.resourceType",
        )
    check_resource("Parameters", parameters)
    return fhir_patch(parameters)


def _of_merge(body: bytes) -> Change:
    return merge_patch(json.parse(body))


def _of_any(body: bytes) -> Change:
    """What only says that it is JSON is told by its shape."""
    document = json.parse(body)
    if isinstance(document, dict) and document.get("resourceType") == "Parameters":
        return _fhir_patch(document)
    return json_patch(document) if isinstance(document, list) else merge_patch(document)


_STATED: Mapping[str, Callable[[bytes], Change]] = {
    JSON_PATCH: _of_json,
    "application/fhir+json": _of_parameters,
    MERGE_PATCH: _of_merge,
}

PATCH_FORMATS = tuple(_STATED)
"""The media types of a patch: JSON Patch, FHIRPath Patch as Parameters, JSON Merge Patch."""

LANGUAGES: Mapping[str, Callable[[bytes], Change]] = {**_STATED, "application/json": _of_any}
"""What reads a body, by its media type."""


def patch_command(target: Key | Condition, change: Change, context: Context, *, if_match: str | None = None) -> Command:
    """The command to change a resource, or the one that meets a condition, by what a patch says.

    Doing it raises NotFound or Gone where nothing is there, Invalid where the patch does not fit or its result is not
    valid, PreconditionFailed where If-Match does not hold or several meet the condition.
    """
    condition, key = (target, (target.type, "")) if isinstance(target, Condition) else (None, target)
    authorize("patch", key[0], context)
    if not condition:
        check_id(key)

    def told_change(before: Resource) -> Resource:
        return told(before, change(before))

    return Command(*key, None, if_match=versions_of(if_match), verb="PATCH", change=told_change, condition=condition)


def told(before: Resource, after: Resource) -> Resource:
    """The patched resource without a narrative that tells what was before the patch.

    One that holds no more than the data is left out. Raises Invalid where it may hold more (status additional): only
    who sends the patch can say what it should tell now.
    """
    text: Any = after.get("text")
    if not text or text != before.get("text") or _data(before) == _data(after):
        return after
    if isinstance(text, dict) and text.get("status") == "additional":
        raise Invalid(
            "The narrative says more than the data and would no longer be true of them; patch text as well.",
            code="business-rule",
            expression=f"{before['resourceType']}.text",
        )
    return {name: value for name, value in after.items() if name != "text"}


def _data(resource: Resource) -> Resource:
    return {name: value for name, value in resource.items() if name not in _APART}
