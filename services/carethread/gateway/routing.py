"""Which service answers a request: the owner of the type that it is about.

Bytes and headers go through unchanged. A batch whose entries have several owners is split by owner and its answers
are put back in the order of the request; a transaction of several owners is coordinated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from carethread.core.context import Context
from carethread.core.errors import FhirError, NotSupported
from carethread.core.fhir import json
from carethread.core.ports import Peer, Request, Resource, Response
from carethread.core.service import Limits, Service
from carethread.gateway import exporting, history
from carethread.gateway.coordinator import Coordinator
from carethread.gateway.everything import everything
from carethread.gateway.searching import is_search, search
from carethread.gateway.transaction import referred_by_criteria, transaction
from carethread.interactions import table
from carethread.interactions.capabilities import capability_statement
from carethread.interactions.exchange import MEDIA_TYPE, allow, answer, body_of, guarded, negotiate, refusal, tagged
from carethread.interactions.headers import preferences
from carethread.interactions.openapi import openapi
from carethread.interactions.operations.export import type_of
from carethread.interactions.smart import smart_configuration
from carethread.interactions.transaction import Entry, entries_of
from carethread.interactions.transaction.part import PATH

_ENTRY = re.compile(r"^Bundle\.entry\[\d+\]")


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
            return tagged(request, capability_statement(services, base_url, context), apart="date")
        if not request.path:
            allow(request, *table.methods(table.BASE))
            return bundle(request, context)
        raise NotSupported("There is nothing at this path: no R4 resource type, nor metadata, begins it.")

    def bundle(request: Request, context: Context) -> Response:
        whole = body_of(request)
        entries = entries_of(whole, limits.bundle_entries)
        by_owner = _by_owner(entries, owners)
        is_transaction = whole["type"] == "transaction"
        about = {owners.get(name) for name in referred_by_criteria(request.body)} if is_transaction else set()
        if len(by_owner) == 1 and about <= set(by_owner):
            return forward(next(iter(by_owner)), request, context)
        if is_transaction:
            wanted = preferences(request.headers).get("return", "")

            def send(service: str, each: Request) -> Response:
                return forward(service, each, context)

            done = transaction(entries, owners, send, coordinator, context, wanted)
            return Response(200, {"Content-Type": f"{MEDIA_TYPE};charset=utf-8"}, done)
        return _split(whole, by_owner, request, lambda service, part: forward(service, part, context))

    return lambda request, context: guarded(lambda: route(request, context))


def _by_owner(entries: Sequence[Entry | FhirError], owners: Mapping[str, str]) -> dict[str, list[int]]:
    """The entries' numbers by owning service. What no owner can be told for goes to whoever judges it: the first
    one."""
    found: dict[str, list[int]] = {}
    unowned: list[int] = []
    for number, entry in enumerate(entries):
        owner = None if isinstance(entry, FhirError) else owners.get(entry.path[0])
        if owner:
            found.setdefault(owner, []).append(number)
        else:
            unowned.append(number)
    if unowned or not found:
        found.setdefault(next(iter(found), "records"), []).extend(unowned)
    return found


def _split(
    whole: Resource, by_owner: Mapping[str, list[int]], request: Request, send: Callable[[str, Request], Response]
) -> Response:
    answers: dict[int, object] = {}
    for service, numbers in by_owner.items():
        part = {**whole, "entry": [whole["entry"][number] for number in numbers]}
        try:
            response = send(service, replace(request, body=json.render(part)))
        except FhirError as error:  # one owner is away: what the others did stays done, and the answer says so
            response = refusal(error)
        said = json.parse_object(response.body)
        if response.status == 200:
            answers |= {n: _renumbered(entry, n) for n, entry in zip(numbers, said["entry"], strict=True)}
        else:
            answers |= {n: {"response": {"status": str(response.status), "outcome": said}} for n in numbers}
    return answer(
        {
            "resourceType": "Bundle",
            "type": "batch-response",
            "entry": [answers[number] for number in range(len(whole["entry"]))],
        }
    )


def _renumbered(entry: Resource, number: int) -> Resource:
    """An answer whose issues say where in the whole Bundle they are, not where in its owner's part."""
    for issue in entry.get("response", {}).get("outcome", {}).get("issue", []):
        if "expression" in issue:
            issue["expression"] = [_ENTRY.sub(f"Bundle.entry[{number}]", place) for place in issue["expression"]]
    return entry
