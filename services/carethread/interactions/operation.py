"""Operations `$name` that services declare: http://hl7.org/fhir/R4/operations.html."""

from __future__ import annotations

from collections.abc import Sequence

from carethread.core.context import Context, authorize
from carethread.core.errors import NotSupported
from carethread.core.ports import Resource
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.write import check_resource


def invoke(
    runtime: Runtime,
    method: str,
    name: str,
    type_name: str,
    id_: str,
    params: Sequence[tuple[str, str]],
    body: Resource | None,
    context: Context,
) -> Resource:
    """Run an operation on a type (`id_` empty) or an instance. Raises NotSupported for one that is not there."""
    operation = find(runtime, name, type_name, "instance" if id_ else "type")
    if method == "GET" and operation.affects_state:
        raise NotSupported(f"${name} changes state: POST it.", kind="method")
    authorize(f"${name}", type_name, context)
    if body is not None:
        check_resource("Parameters", body)
    given: dict[str, list[str]] = {}
    for key, value in [*params, *_values(body)]:
        given.setdefault(key, []).append(value)
    return operation.handler(runtime, Call(type_name, id_, given, body), context)


def find(runtime: Runtime, name: str, type_name: str, level: str) -> Operation:
    """The declared operation. Raises NotSupported naming those that the type has."""
    here = [o for o in runtime.service.operations if o.type == type_name]
    for operation in here:
        if operation.name == name and level in operation.levels:
            return operation
    known = ", ".join(f"${o.name} ({' and '.join(o.levels)})" for o in here) or "no operation"
    raise NotSupported(f"{type_name} has no ${name} on the {level}; it has {known}.")


def _values(parameters: Resource | None) -> list[tuple[str, str]]:
    """The simple values of a Parameters resource, as a GET would give them."""
    return [
        (part["name"], value if isinstance(value, str) else str(value))
        for part in (parameters or {}).get("parameter", [])
        for member, value in part.items()
        if member.startswith("value") and not isinstance(value, dict | list)
    ]
