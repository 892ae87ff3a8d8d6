"""update, and create by update: http://hl7.org/fhir/R4/http.html#update, #upsert."""

from __future__ import annotations

from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Key, Resource
from carethread.core.service import Runtime
from carethread.interactions.rest.headers import versions_of
from carethread.interactions.writing.apply import apply
from carethread.interactions.writing.check import Check, check_resource
from carethread.interactions.writing.command import Command, Condition, Result


def update(
    runtime: Runtime,
    key: Key,
    resource: Resource,
    context: Context,
    *,
    if_match: str | None = None,
    if_none_match: str | None = None,
) -> Result:
    """Replace a resource, or create it under the id of the URL.

    `if_match` is an ETag that must be current; `if_none_match` may be `*`: create only. Raises Malformed or Invalid
    for the content, PreconditionFailed where a condition does not hold, Conflict where a rule forbids it.
    """
    command = update_command(key, resource, context, if_match=if_match, if_none_match=if_none_match)
    return apply(runtime, [command], context)[0]


def update_command(
    key: Key,
    resource: Resource,
    context: Context,
    *,
    if_match: str | None = None,
    if_none_match: str | None = None,
    check: Check = check_resource,
) -> Command:
    """The checked command of an update."""
    authorize("update", key[0], context)
    check_id(key)
    found = resource.get("id")
    if found != key[1]:
        said = f"it is '{found}'" if isinstance(found, str) and is_id(found) else "what is there is no id"
        raise Malformed(
            f'The body has no id; add "id": "{key[1]}", the one in the URL.'
            if "id" not in resource
            else f"The id in the body must be the id in the URL, {key[1]}; {said}.",
            code="invalid",
            expression=f"{key[0]}.id",
        )
    check(key[0], resource)
    return Command(key[0], key[1], resource, if_match=versions_of(if_match), only_create=_only_create(if_none_match))


def conditional_update_command(
    condition: Condition,
    resource: Resource,
    context: Context,
    *,
    if_match: str | None = None,
    if_none_match: str | None = None,
) -> Command:
    """The checked command to replace the one resource that meets the condition, or to make one where none does.

    A body with an id makes one under that id.
    """
    authorize("update", condition.type, context)
    check_resource(condition.type, resource)
    id_ = resource.get("id") or context.new_id()
    check_id((condition.type, id_))
    return Command(
        condition.type,
        id_,
        resource,
        if_match=versions_of(if_match),
        only_create=_only_create(if_none_match),
        condition=condition,
    )


def _only_create(if_none_match: str | None) -> bool:
    if if_none_match is not None and if_none_match.strip() != "*":
        raise Malformed("If-None-Match on an update can only be *: create, never replace.", code="invalid")
    return if_none_match is not None


def check_id(key: Key) -> None:
    """Raise Malformed for an id that FHIR does not allow."""
    if not is_id(key[1]):
        raise Malformed(
            "An id is 1 to 64 characters from A-Z a-z 0-9 - and a dot.", code="value", expression=f"{key[0]}.id"
        )
