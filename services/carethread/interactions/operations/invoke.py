"""Operations `$name`, those that a service declares and those of every service:
http://hl7.org/fhir/R4/operations.html."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from carethread.core.context import Context, authorize
from carethread.core.errors import NotSupported
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations import operations_of
from carethread.interactions.operations.parameters import written
from carethread.interactions.writing.check import check_resource


def invoke(
    runtime: Runtime, request: Request, name: str, type_name: str, id_: str, body: Resource | None, context: Context
) -> Resource | Response:
    """Run an operation on the system (`type_name` empty), on a type (`id_` empty) or on an instance.

    Raises NotSupported for an operation that is not there.
    """
    operation = find(runtime, name, type_name, "instance" if id_ else "type" if type_name else "system")
    if request.method == "GET" and operation.affects_state:
        raise NotSupported(f"${name} changes state: POST it.", kind="method")
    authorize(f"${name}", type_name, context)
    if body is not None and not operation.judges_body:
        check_resource("Parameters", operation.judged(body))
    given: dict[str, list[str]] = {}
    for key, value in [*request.query, *simple_values(body, operation.parameters, runtime.base_url)]:
        given.setdefault(key, []).append(value)
    return operation.handler(runtime, Call(type_name, id_, given, body, request), context)


def find(runtime: Runtime, name: str, type_name: str, level: str) -> Operation:
    """The operation. Raises NotSupported naming those that are there."""
    owned = runtime.service.owns(type_name) is not None
    declared = [o for o in runtime.service.operations if o.type]
    here = [o for o in operations_of(runtime.service) if _stands_on(o, type_name, declared, owned=owned)]
    for operation in here:
        if operation.name == name and level in operation.levels:
            return operation
    name = name[:64]
    where = f"{type_name[:64]} has no ${name} on the {level}" if type_name else f"There is no ${name} for the server"
    known = ", ".join(f"${o.name} ({' and '.join(o.levels)})" for o in here) or "no operation"
    raise NotSupported(f"{where}; there is {known}.")


def _stands_on(operation: Operation, type_name: str, declared: Sequence[Operation], *, owned: bool) -> bool:
    if not type_name:
        return "system" in operation.levels
    if operation.levels == ("system",) or operation.type not in ("", type_name):
        return False
    return owned or operation.partial or operation in declared


def simple_values(parameters: Resource | None, names: Collection[str], base_url: str) -> list[tuple[str, str]]:
    """The simple values of a Parameters resource, as a GET would give them; for these names also what a Reference
    refers to."""
    parts = parameters.get("parameter") if parameters and parameters.get("resourceType") == "Parameters" else None
    return [
        (part["name"], text)
        for part in (parts if isinstance(parts, list) else ())
        if isinstance(part, dict) and isinstance(part.get("name"), str)
        for text in written(part, base_url)
        if part["name"] in names or "valueReference" not in part
    ]
