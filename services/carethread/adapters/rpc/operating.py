"""A call that is an operation of REST: its message becomes Parameters, and the answer a message; so both decide alike.

What a call writes ends with it: see `calls.timely`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType, ModuleType
from typing import Any

import grpc

from carethread.adapters.rpc.calls import Call, Workers, timely
from carethread.adapters.rpc.messages import to_message
from carethread.core.clock import instant
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.fhir.search.dates import EARLIEST, LATEST, date_range
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Runtime
from carethread.interactions.operations.invoke import invoke
from carethread.interactions.operations.naming import named
from carethread.interactions.read import living
from carethread.interactions.rest.exchange import answer, refuse_nul
from carethread.interactions.rest.status import error_of
from carethread.v1 import fhir_pb2

Query = Sequence[tuple[str, str]]

Said = Mapping[str, list[Any]]
"""What an operation answers: the values of its parameters by name; a part has its own."""

_FAILED = 400


class Operating:
    """The operations of a runtime for one call."""

    def __init__(self, runtime: Runtime, call: Call) -> None:
        self.base_url = runtime.base_url
        self._runtime = timely(runtime, call.check)
        self._call = call

    def do(
        self,
        where: tuple[str, str],
        name: str,
        parts: Sequence[Resource] = (),
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, str] = MappingProxyType({}),
        method: str = "POST",
    ) -> Response:
        """What an operation on a type, or an instance of it, answers. Raises what it raises, which names the `fields`
        of the message by the parameters that are made of them."""
        refuse_nul(query)
        type_name, id_ = where
        body: Resource | None = {"resourceType": "Parameters", "parameter": list(parts)} if parts else None
        path = "/".join(each for each in (type_name, id_, f"${name}") if each)
        request = Request(method, path, query, headers or {})
        with named(fields):
            said = invoke(self._runtime, request, name, type_name, id_, body, self._call.context)
            response = said if isinstance(said, Response) else answer(said)
            if response.status >= _FAILED:
                raise error_of(response)
        return response

    def version(self, resource: Resource) -> fhir_pb2.ResourceVersion:
        """A resource that an operation answers, in the version that it made."""
        place, version = (resource["resourceType"], resource["id"]), int(resource["meta"]["versionId"])
        found = self._runtime.store.glance(lambda session: session.version(place, version))
        return to_message(living(found, place, str(version)))


def unary(
    runtime: Runtime,
    workers: Workers,
    messages: ModuleType,
    calls: Mapping[str, Callable[[Any, Any], Any]],
    of: Callable[[Runtime, Call], Any] = Operating,
) -> dict[str, grpc.RpcMethodHandler]:
    """The handlers of calls that each take one message and answer one, by their names: `messages` has `<Name>Request`
    and `<Name>Response`. A call is given what `of` makes of it, and is worked on by a thread."""

    async def work(does: Callable[[Any, Any], Any], request: Any, call: grpc.aio.ServicerContext) -> Any:
        return await workers.answer(call, lambda known: does(of(runtime, known), request))

    return {
        name: grpc.unary_unary_rpc_method_handler(
            partial(work, does),
            getattr(messages, f"{name}Request").FromString,
            getattr(messages, f"{name}Response").SerializeToString,
        )
        for name, does in calls.items()
    }


def keyed(key: str) -> dict[str, str]:
    """The header of a client's own key for what it asks; none where it is empty."""
    return {"idempotency-key": key} if key else {}


def ids(name: str, *given: str) -> None:
    """Raise Malformed for what is no id."""
    if not all(map(is_id, given)):
        raise Malformed("An id has 1 to 64 of A-Z, a-z, 0-9, - and a dot.", code="value", expression=name)


def references(name: str, type_name: str, given: Sequence[str]) -> Iterator[Resource]:
    """Parameters that refer to resources of a type by their ids. Raises Malformed for what is no id."""
    ids(name, *given)
    for id_ in given:
        yield {"name": name, "valueReference": {"reference": f"{type_name}/{id_}"}}


def resources(name: str, bodies: Sequence[bytes]) -> Iterator[Resource]:
    for body in bodies:
        yield {"name": name, "resource": json.parse_object(body)}


def texts(said: Mapping[str, str], member: str = "valueString") -> Iterator[Resource]:
    for name, text in said.items():
        if text:
            yield {"name": name, member: text}


def refer(given: Mapping[str, str]) -> Iterator[Resource]:
    """Parameters that refer to what is named (`Patient/1`); those that are not empty."""
    for name, reference in given.items():
        if reference:
            yield {"name": name, "valueReference": {"reference": reference}}


def moments(request: Any, fields: Mapping[str, str]) -> Iterator[Resource]:
    """Parameters of the fields of a message that have a moment, by their names."""
    for name, member in fields.items():
        if request.HasField(member):
            yield {"name": name, "valueInstant": told(member, getattr(request, member))}


def told(name: str, micros: int) -> str:
    """A moment of a message as an instant. Raises Malformed for one that is in no calendar."""
    if not EARLIEST <= micros < LATEST:
        raise Malformed(
            "A moment is in microseconds since 1970, in the years 1 to 9999.", code="value", expression=name
        )
    return instant(micros)


def micros(text: str) -> int:
    """The microseconds of an instant that an operation answers."""
    span = date_range(text)
    return span[0] if span else 0


def said_of(body: bytes) -> Said:
    """The Parameters that an operation answers; of a reference what it refers to."""
    return _values(json.parse_object(body).get("parameter", ()))


def _values(parts: Sequence[Resource]) -> Said:
    found: dict[str, list[Any]] = {}
    for part in parts:
        member = next((name for name in part if name.startswith("value") or name == "resource"), "")
        value = part[member] if member else _values(part.get("part", ()))
        found.setdefault(part["name"], []).append(value["reference"] if member == "valueReference" else value)
    return found


def one(said: Said, name: str) -> str:
    """The first value of a name; empty without one."""
    return str(next(iter(said.get(name, ())), ""))
