"""create: http://hl7.org/fhir/R4/http.html#create. The id is ours; one that the client sends is ignored."""

from __future__ import annotations

from carethread.core.context import Context, authorize
from carethread.core.ports import Resource
from carethread.core.service import Runtime
from carethread.interactions.writing.apply import apply
from carethread.interactions.writing.check import Check, check_resource
from carethread.interactions.writing.command import Command, Condition, Result


def create(
    runtime: Runtime, type_name: str, resource: Resource, context: Context, *, condition: Condition | None = None
) -> Result:
    """Store a new resource, unless there is one that meets the condition; then that is the result, unchanged.

    Raises Malformed or Invalid for its content, Conflict where a rule forbids it, PreconditionFailed where several
    meet the condition.
    """
    return apply(runtime, [create_command(type_name, resource, context, condition=condition)], context)[0]


def create_command(
    type_name: str,
    resource: Resource,
    context: Context,
    *,
    id_: str = "",
    condition: Condition | None = None,
    check: Check = check_resource,
) -> Command:
    """The checked command of a create, with its new id unless one was made before."""
    authorize("create", type_name, context)
    check(type_name, resource)
    return Command(type_name, id_ or context.new_id(), resource, fresh=True, verb="POST", condition=condition)
