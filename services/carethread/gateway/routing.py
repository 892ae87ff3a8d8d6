"""Which service answers a request: the owner of the type that it is about.

Bytes and headers go through unchanged. A batch is split into its reads and each owner's writes; a transaction of
several owners is coordinated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Peer, Request, Response
from carethread.core.service import Limits, Service
from carethread.gateway import exporting, history
from carethread.gateway.batch import batch, by_owner
from carethread.gateway.coordinator import Coordinator
from carethread.gateway.everything import everything
from carethread.gateway.searching import is_search, search
from carethread.gateway.transaction import referred_by_criteria, refuse_reads_of_several, transaction
from carethread.interactions.description.capabilities import capability_statement
from carethread.interactions.description.openapi import openapi
from carethread.interactions.description.smart import smart_configuration
from carethread.interactions.operations.export import type_of
from carethread.interactions.rest import table
from carethread.interactions.rest.exchange import MEDIA_TYPE, allow, body_of, guarded, negotiate, nothing_here
from carethread.interactions.rest.headers import preferences
from carethread.interactions.rest.subset import described
from carethread.interactions.transaction import entries_of
from carethread.interactions.transaction.message import PATH


def gateway(
    services: Sequence[Service], peer: Peer, base_url: str, limits: Limits, coordinator: Coordinator
) -> Callable[[Request, Context], Response]:
    """The handler of the whole base URL."""
    owners = {type_.name: service.name for service in services for type_ in service.types}

    def forward(service: str, request: Request, context: Context) -> Response:
        headers = {**request.headers, "traceparent": context.traceparent}
        return peer.call(service, replace(request, headers=headers))

    def route(request: Request, context: Context) -> Response:
        def send(service: str, asked: Request) -> Response:
            return forward(service, asked, context)

        names = [service.name for service in services if peer.knows(service.name)]
        head = request.path.partition("/")[0]
        match request.path.split("/") if names else []:
            case ["Patient", _, "$everything"]:
                allow(request, "GET", "POST")
                return everything(request, names, owners, send, base_url, limits)
            case [history.PATH]:
                return history.history(request, names, send, base_url, limits)
            case ["$export"] | ["Patient", "$export"]:
                allow(request, "GET", "POST")
                return exporting.kick_off(request, names, send, context)
            case ["$export", _]:
                allow(request, *table.methods(table.EXPORT))
                return (exporting.cancel if request.method == "DELETE" else exporting.poll)(request, names, send)
            case ["$export", _, file] if type_of(file) in owners:
                return forward(owners[type_of(file)], request, context)
        if service := answered_by(request.path, services):
            return forward(service, request, context)
        if is_search(request, owners):
            return search(request, services, send, base_url, limits, context)
        if head in owners:
            return forward(owners[head], request, context)
        if head == PATH:
            allow(request, "GET")
            said = {"decision": coordinator.decision(request.path.partition("/")[2])}
            return Response(200, {"Content-Type": "application/json"}, json.render(said))
        if request.path == table.SMART:
            allow(request, *table.methods(table.SMART))
            return smart_configuration()
        if request.path == table.OPENAPI:
            allow(request, *table.methods(table.OPENAPI))
            return openapi(services, base_url, request)
        if request.path == table.METADATA:
            allow(request, *table.methods(table.METADATA))
            negotiate(request)
            return described(request, capability_statement(services, base_url, context))
        if not request.path:
            allow(request, *table.methods(table.BASE))
            return bundle(request, context)
        raise nothing_here(head)

    def bundle(request: Request, context: Context) -> Response:
        whole = body_of(request)
        entries = entries_of(whole, limits.bundle_entries)

        def send(service: str, each: Request) -> Response:
            return forward(service, each, context)

        if whole["type"] == "batch":
            read = partial(guarded_route, context=context)
            return _bundle_of(batch(whole, entries, owners, request, send, read))
        refuse_reads_of_several(entries, owners)
        parts = by_owner(entries, owners) or {"records": []}
        about = {owners.get(name) for name in referred_by_criteria(request.body)}
        if len(parts) == 1 and about <= set(parts):
            return forward(next(iter(parts)), request, context)
        wanted = preferences(request.headers).get("return", "")
        return _bundle_of(transaction(entries, owners, send, coordinator, context, wanted))

    def guarded_route(request: Request, context: Context) -> Response:
        return guarded(lambda: route(request, context))

    return guarded_route


def answered_by(path: str, services: Sequence[Service]) -> str:
    """The service that declares an operation on a type of another's; empty where the path is of none."""
    type_name, _, rest = path.partition("/")
    name = rest.rpartition("/")[2]
    if not name.startswith("$"):
        return ""
    found = ((o, s) for s in services if not s.owns(type_name) for o in s.operations)
    return next((s.name for o, s in found if o.type == type_name and o.name == name[1:]), "")


def _bundle_of(body: bytes) -> Response:
    return Response(200, {"Content-Type": f"{MEDIA_TYPE};charset=utf-8"}, body)
