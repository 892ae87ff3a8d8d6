"""$validate: http://hl7.org/fhir/R4/resource-operation-validate.html. What would be said of a resource, if it came.

The answer is 200 with every issue, errors too; another status says that the question itself could not be understood.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from carethread.core.context import Context
from carethread.core.errors import Busy, FhirError, Gone, Issue, Malformed, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.fhir.validation import validate
from carethread.core.ports import Key, Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.create import create_command
from carethread.interactions.delete import delete_command
from carethread.interactions.operations.parameters import refuse_objects
from carethread.interactions.read import read
from carethread.interactions.update import update_command
from carethread.interactions.writing.ahead import ask_ahead
from carethread.interactions.writing.check import already_checked
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.trial import tried
from carethread.interactions.writing.unit import WriteUnit

_PARAMETERS = ("resource", "mode", "profile")
_PASSED_OVER = ("_format", "_pretty")
_MODES = ("create", "update", "delete", "profile")
_OF_AN_INSTANCE = ("update", "delete", "profile")


def validate_operation(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The OperationOutcome. Raises Malformed for parameters that are not right, NotFound or Gone for the instance."""
    key = call.type, call.id
    profiles = list(call.params.get("profile", ()))
    mode, sent = _mode(call), _sent(call)
    if call.body is not None and call.body.get("resourceType") == "Parameters":
        refuse_objects(call.body, call.params, ("mode", "profile"))
    if mode == "delete":
        return _outcome(_would_delete(runtime, key, context))
    if mode == "profile" and not profiles:
        raise Malformed("With mode 'profile' the parameter profile is needed.", code="required", expression="profile")
    if sent is None and (mode in ("create", "update") or not call.id):
        raise Malformed(
            "What is to be validated is missing: send the resource, or a Parameters with a part named resource.",
            code="required",
            expression="Parameters.parameter",
        )
    resource = json.parse(read(runtime, key, context).body) if sent is None else sent
    issues = _of_type(call.type, resource) + validate(resource, profiles=profiles, informational=True)
    type_ = runtime.service.owns(call.type)
    if type_ and type_.judges and not _refused(issues):
        issues += type_.judges(runtime, resource, context)
    if mode in ("create", "update") and not _refused(issues):
        issues += _would_write(runtime, mode, key, resource, context)
    return _outcome(issues)


def _refused(issues: Sequence[Issue]) -> bool:
    return any(issue.severity in ("error", "fatal") for issue in issues)


def _mode(call: Call) -> str:
    """The mode, empty for none."""
    for name in call.params:
        if name not in _PARAMETERS + _PASSED_OVER:
            raise _unknown(name)
    modes = call.params.get("mode", [])
    if len(modes) > 1 or (modes and modes[0] not in _MODES):
        said = "it is given twice" if len(modes) > 1 else f"'{modes[0][:64]}' is none"
        raise Malformed(f"mode is one of {', '.join(_MODES)}; {said}.", code="value", expression="mode")
    mode = modes[0] if modes else ""
    if mode in _OF_AN_INSTANCE and not call.id:
        raise Malformed(
            f"Mode '{mode}' is about an instance: ask {call.type}/[id]/$validate.", code="value", expression="mode"
        )
    return mode


def _sent(call: Call) -> Resource | None:
    """The resource of the body, which may be the body itself."""
    body = call.body
    if body is None or body.get("resourceType") != "Parameters":
        return body
    parts = body.get("parameter", [])
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise Malformed("Parameters.parameter is an array of objects.", expression="Parameters.parameter")
    for number, part in enumerate(parts):
        if part.get("name") not in _PARAMETERS:
            raise _unknown(str(part.get("name", "")), f"Parameters.parameter[{number}].name")
    resources = [part.get("resource") for part in parts if part["name"] == "resource"]
    if len(resources) > 1 or not all(isinstance(resource, dict) for resource in resources):
        raise Malformed("The part named resource holds one resource.", expression="Parameters.parameter.resource")
    return resources[0] if resources else None


def _unknown(name: str, expression: str = "") -> Malformed:
    return Malformed(
        f"'{name[:64]}' is no parameter of $validate; it takes {', '.join(_PARAMETERS)}.",
        code="not-supported",
        expression=expression or name[:64],
    )


def _of_type(type_name: str, resource: Resource) -> list[Issue]:
    if resource.get("resourceType") == type_name:
        return []
    return [Issue("invalid", f"The URL is for {type_name}; send a resource of that type.", "resourceType")]


def _would_delete(runtime: Runtime, key: Key, context: Context) -> Sequence[Issue]:
    try:
        read(runtime, key, context)
    except (NotFound, Gone) as error:
        return error.issues
    return _refusals(runtime, delete_command(key, context), context)


def _would_write(runtime: Runtime, mode: str, key: Key, resource: Resource, context: Context) -> Sequence[Issue]:
    """What the resource, in which nothing wrong was found, would be refused for. Raises Busy."""
    try:
        if mode == "create":
            command = create_command(key[0], resource, context, check=already_checked)
        else:
            command = update_command(key, resource, context, check=already_checked)
    except Malformed as error:
        return error.issues
    return _refusals(runtime, command, context)


def _refusals(runtime: Runtime, command: Command, context: Context) -> Sequence[Issue]:
    """What a command would be refused for. Raises Busy."""

    def work(session: Session) -> None:
        unit = WriteUnit(runtime, session, context, trial=True)
        unit.look([command])
        unit.do(command)

    ask_ahead(runtime, [command], context)
    try:
        runtime.store.transact(lambda session: tried(session, partial(work, session)))
    except Busy:
        raise
    except FhirError as error:
        return error.issues
    return []


def _outcome(issues: Sequence[Issue]) -> Resource:
    return operation_outcome(issues or [Issue("informational", "All is valid.", severity="information")])


OPERATIONS = (
    Operation(
        name="validate",
        type="",
        levels=("type", "instance"),
        definition="http://hl7.org/fhir/OperationDefinition/Resource-validate",
        handler=validate_operation,
        judges_body=True,
        parameters=("mode", "profile"),
    ),
)
