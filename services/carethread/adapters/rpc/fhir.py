"""FhirService by the interactions that REST uses too: a request goes to the service that owns its resource type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import grpc

from carethread.adapters.rpc.calls import Call, Workers, timely
from carethread.adapters.rpc.messages import chunks, to_message
from carethread.core.context import BACKFILL_HEADER, Context, authorize
from carethread.core.errors import Issue, Malformed, NotSupported, TooLarge
from carethread.core.fhir import json
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.fhir.search.query import CURSOR
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Runtime
from carethread.interactions.create import create
from carethread.interactions.delete import conditional_delete_command, delete_command
from carethread.interactions.read import read, vread
from carethread.interactions.rest.exchange import refuse_nul
from carethread.interactions.rest.status import error_of
from carethread.interactions.search import Found, search
from carethread.interactions.update import conditional_update_command, update_command
from carethread.interactions.writing.apply import apply
from carethread.interactions.writing.command import Command, Condition, Outcome, Result
from carethread.interactions.writing.conditional import known_condition
from carethread.v1 import fhir_pb2, fhir_pb2_grpc

Transact = Callable[[Request, Context, Callable[[], None]], Response]
"""A Bundle POSTed to the base URL, over the services that it may span. The last argument raises when its caller has
gone; it is asked as long as nothing is decided."""

_MINIMAL = fhir_pb2.RETURN_PREFERENCE_MINIMAL
_SAID = fhir_pb2.RETURN_PREFERENCE_OPERATION_OUTCOME
_PREFER = {
    _MINIMAL: "return=minimal",
    fhir_pb2.RETURN_PREFERENCE_REPRESENTATION: "return=representation",
    _SAID: "return=OperationOutcome",
}
_OUTCOMES: Mapping[Outcome, fhir_pb2.WriteOutcome] = {
    "created": fhir_pb2.WRITE_OUTCOME_CREATED,
    "updated": fhir_pb2.WRITE_OUTCOME_UPDATED,
    "unchanged": fhir_pb2.WRITE_OUTCOME_UNCHANGED,
    "deleted": fhir_pb2.WRITE_OUTCOME_DELETED,
}

_FRAME_BYTES = 16
"""What a message of one field takes beside it."""


class FhirServicer(fhir_pb2_grpc.FhirServiceServicer):
    """The calls, each worked on by a thread; a message of an answer has at most `message_bytes`."""

    def __init__(self, runtimes: Iterable[Runtime], transact: Transact, workers: Workers, message_bytes: int) -> None:
        self._owners = {owned.name: runtime for runtime in runtimes for owned in runtime.service.types}
        self._transact = transact
        self._workers = workers
        self._message_bytes = message_bytes

    async def Read(self, request: fhir_pb2.ReadRequest, call: grpc.aio.ServicerContext) -> fhir_pb2.ReadResponse:
        return await self._workers.answer(call, partial(self._read, request))

    async def Create(self, request: fhir_pb2.CreateRequest, call: grpc.aio.ServicerContext) -> fhir_pb2.CreateResponse:
        return await self._workers.answer(call, partial(self._create, request))

    async def Update(self, request: fhir_pb2.UpdateRequest, call: grpc.aio.ServicerContext) -> fhir_pb2.UpdateResponse:
        return await self._workers.answer(call, partial(self._update, request))

    async def Delete(self, request: fhir_pb2.DeleteRequest, call: grpc.aio.ServicerContext) -> fhir_pb2.DeleteResponse:
        return await self._workers.answer(call, partial(self._delete, request))

    async def Transact(
        self, request: fhir_pb2.TransactRequest, call: grpc.aio.ServicerContext
    ) -> fhir_pb2.TransactResponse:
        return await self._workers.answer(call, partial(self._bundle, request))

    async def Search(self, request: fhir_pb2.SearchRequest, call: grpc.aio.ServicerContext) -> fhir_pb2.SearchResponse:
        return await self._workers.answer(call, partial(self._search, request))

    async def SearchAll(self, request: fhir_pb2.SearchAllRequest, call: grpc.aio.ServicerContext) -> None:
        await self._workers.stream(call, partial(self._search_all, request))

    async def Snapshot(self, request: fhir_pb2.SnapshotRequest, call: grpc.aio.ServicerContext) -> None:
        await self._workers.stream(call, partial(self._snapshot, request))

    def _read(self, request: fhir_pb2.ReadRequest, call: Call) -> fhir_pb2.ReadResponse:
        runtime, key = self._owner(request.type), (request.type, request.id)
        if request.version:
            return fhir_pb2.ReadResponse(resource=to_message(vread(runtime, key, str(request.version), call.context)))
        return fhir_pb2.ReadResponse(resource=to_message(read(runtime, key, call.context)))

    def _create(self, request: fhir_pb2.CreateRequest, call: Call) -> fhir_pb2.CreateResponse:
        runtime, context = self._writer(request.type, call), call.context
        condition = _condition(runtime, request.type, request.if_none_exist, context)
        made = create(runtime, request.type, _resource(runtime, request.json), context, condition=condition)
        return fhir_pb2.CreateResponse(result=_result(made, request.return_preference))

    def _update(self, request: fhir_pb2.UpdateRequest, call: Call) -> fhir_pb2.UpdateResponse:
        runtime, context = self._writer(request.type, call), call.context
        resource = _resource(runtime, request.json)
        if_match, create_only = _if_match(request.if_match), "*" if request.create_only else None
        target = _target(runtime, request, context)
        command = (
            conditional_update_command(target, resource, context, if_match=if_match, if_none_match=create_only)
            if isinstance(target, Condition)
            else update_command(target, resource, context, if_match=if_match, if_none_match=create_only)
        )
        return fhir_pb2.UpdateResponse(result=_done(runtime, command, context, request.return_preference))

    def _delete(self, request: fhir_pb2.DeleteRequest, call: Call) -> fhir_pb2.DeleteResponse:
        runtime, context = self._writer(request.type, call), call.context
        target, if_match = _target(runtime, request, context), _if_match(request.if_match)
        command = (
            conditional_delete_command(target, context, if_match=if_match)
            if isinstance(target, Condition)
            else delete_command(target, context, if_match=if_match)
        )
        return fhir_pb2.DeleteResponse(result=_done(runtime, command, context, request.return_preference))

    def _bundle(self, request: fhir_pb2.TransactRequest, call: Call) -> fhir_pb2.TransactResponse:
        context = call.context
        headers = {
            "content-type": "application/fhir+json",
            "traceparent": context.traceparent,
            BACKFILL_HEADER.lower(): "true" if context.backfill else "",
            "prefer": _PREFER.get(request.return_preference, ""),
        }
        limit = next(iter(self._owners.values())).limits.body_bytes
        if len(request.bundle) > limit:
            raise TooLarge(f"A Bundle may have {limit} bytes.", expression="Bundle")
        sent = Request("POST", "", headers={n: v for n, v in headers.items() if v}, body=request.bundle)
        response = self._transact(sent, context, call.check)
        if response.status != 200:
            raise error_of(response)
        fits = len(response.body) + _FRAME_BYTES <= self._message_bytes
        return fhir_pb2.TransactResponse(bundle=response.body if fits else _without_resources(response.body))

    def _search(self, request: fhir_pb2.SearchRequest, call: Call) -> fhir_pb2.SearchResponse:
        page = self._page(request, request.page_token, call.context)
        answer = fhir_pb2.SearchResponse(
            matches=map(to_message, page.matches),
            included=map(to_message, page.included),
            next_page_token=page.next,
            total=page.total,
        )
        if answer.ByteSize() > self._message_bytes:
            limit = self._message_bytes
            raise TooLarge(f"The page is over {limit} bytes; ask with a smaller _count, or use SearchAll.")
        return answer

    def _search_all(self, request: fhir_pb2.SearchAllRequest, call: Call) -> Iterator[fhir_pb2.SearchAllResponse]:
        context = call.context
        token = ""
        while True:
            page = self._page(request, token, context)
            for part in chunks(page.matches):
                yield fhir_pb2.SearchAllResponse(matches=part)
            if page.included:
                for part in chunks(page.included):
                    yield fhir_pb2.SearchAllResponse(included=part)
            token = page.next
            if not token:
                return

    def _snapshot(self, request: fhir_pb2.SnapshotRequest, call: Call) -> Iterator[fhir_pb2.SnapshotResponse]:
        authorize("search-type", request.type, call.context)
        if request.after < 0:
            raise Malformed("after has a place that a snapshot came to, or 0.", code="value")
        for chunk in self._owner(request.type).store.dump(request.type, request.after):
            sent = 0
            for part in chunks(chunk.versions):
                sent += len(part)
                through = chunk.versions[sent - 1].row if sent < len(chunk.versions) else chunk.through
                yield fhir_pb2.SnapshotResponse(sequence=chunk.sequence, resources=part, through=through)

    def _page(self, request: fhir_pb2.SearchRequest | fhir_pb2.SearchAllRequest, token: str, context: Context) -> Found:
        params = _pairs(request.parameters)
        if token:
            params.append((CURSOR, token))
        return search(self._owner(request.type), request.type, params, context, strict=True)

    def _owner(self, type_name: str) -> Runtime:
        if type_name not in self._owners:
            raise NotSupported(f"No service here owns the type '{type_name[:64]}'; ask one of {sorted(self._owners)}.")
        return self._owners[type_name]

    def _writer(self, type_name: str, call: Call) -> Runtime:
        """The owner, whose writes end with the call."""
        return timely(self._owner(type_name), call.check)


def _without_resources(bundle: bytes) -> bytes:
    """A transaction's answer that would be too large otherwise: all is done by now, and each can be read by itself."""
    answer = json.parse_object(bundle)
    for entry in answer["entry"]:
        entry.pop("resource", None)
    return json.render(answer)


def _resource(runtime: Runtime, body: bytes) -> Resource:
    if len(body) > runtime.limits.body_bytes:
        raise TooLarge(f"A resource may have {runtime.limits.body_bytes} bytes.")
    if not body:
        raise Malformed("A resource is needed as JSON.", code="required")
    return json.parse_object(body)


def _target(
    runtime: Runtime, request: fhir_pb2.UpdateRequest | fhir_pb2.DeleteRequest, context: Context
) -> tuple[str, str] | Condition:
    """What is meant: a resource by its id, or the one that meets the criteria."""
    condition = _condition(runtime, request.type, request.criteria, context)
    if condition and request.id:
        raise Malformed("Give an id or criteria, not both.", code="invalid")
    return condition or (request.type, request.id)


def _condition(
    runtime: Runtime, type_name: str, criteria: Sequence[fhir_pb2.SearchParameter], context: Context
) -> Condition | None:
    return known_condition(runtime, type_name, _pairs(criteria), context) if criteria else None


def _pairs(parameters: Iterable[fhir_pb2.SearchParameter]) -> list[tuple[str, str]]:
    pairs = [(parameter.name, parameter.value) for parameter in parameters]
    refuse_nul(pairs)
    return pairs


def _if_match(versions: Sequence[int]) -> str | None:
    """The versions as If-Match has them."""
    if any(version < 0 for version in versions):
        raise Malformed("if_match has versions, 1 or more, or 0 for any.", code="value")
    if not versions:
        return None
    return "*" if 0 in versions else ", ".join(f'W/"{version}"' for version in versions)


def _done(runtime: Runtime, command: Command, context: Context, preference: int) -> fhir_pb2.WriteResult:
    return _result(apply(runtime, [command], context)[0], preference)


def _result(result: Result, preference: int) -> fhir_pb2.WriteResult:
    """What became of a write, with as much of the version as is preferred."""
    answer = fhir_pb2.WriteResult(outcome=_OUTCOMES[result.outcome])
    stored = result.stored
    if stored:
        answer.resource.CopyFrom(to_message(replace(stored, body=b"") if preference in (_MINIMAL, _SAID) else stored))
    if preference == _SAID:
        said = f"{stored.type}/{stored.id} is {result.outcome}." if stored else "There was nothing to delete."
        outcome = operation_outcome([Issue("informational", said, severity="information")])
        answer.operation_outcome.json = json.render(outcome)
    return answer
