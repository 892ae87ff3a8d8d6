"""delete: http://hl7.org/fhir/R4/http.html#delete. What is not there, or is deleted already, is no error."""

from __future__ import annotations

from carethread.core.context import Context, authorize
from carethread.core.ports import Key
from carethread.core.service import Runtime
from carethread.interactions.rest.headers import versions_of
from carethread.interactions.update import check_id
from carethread.interactions.writing.apply import apply
from carethread.interactions.writing.command import Command, Condition, Result


def delete(runtime: Runtime, key: Key, context: Context, *, if_match: str | None = None) -> Result:
    """Delete a resource; its history stays. Raises PreconditionFailed, or Conflict where a rule forbids it."""
    return apply(runtime, [delete_command(key, context, if_match=if_match)], context)[0]


def delete_command(key: Key, context: Context, *, if_match: str | None = None) -> Command:
    """The command of a delete."""
    authorize("delete", key[0], context)
    check_id(key)
    return Command(key[0], key[1], None, if_match=versions_of(if_match), verb="DELETE")


def conditional_delete_command(condition: Condition, context: Context, *, if_match: str | None = None) -> Command:
    """The command to delete the one resource that meets the condition; none is no error, several are one."""
    authorize("delete", condition.type, context)
    return Command(condition.type, "", None, if_match=versions_of(if_match), verb="DELETE", condition=condition)
