"""Which service answers a request: the owner of the type that it is about.

Bytes and headers go through unchanged. A batch whose entries have several owners is split by owner and its answers
are put back in the order of the request; a transaction must have one owner.
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
from carethread.interactions.capabilities import capability_statement
from carethread.interactions.rest import allow, answer, body_of, guarded, refusal
from carethread.interactions.transaction import entries_of

_ENTRY = re.compile(r"^Bundle\.entry\[\d+\]")


def gateway(
    services: Sequence[Service], peer: Peer, base_url: str, limits: Limits
) -> Callable[[Request, Context], Response]:
    """The handler of the whole base URL."""
    owners = {type_.name: service.name for service in services for type_ in service.types}

    def forward(service: str, request: Request, context: Context) -> Response:
        headers = {**request.headers, "traceparent": context.traceparent}
        return peer.call(service, replace(request, headers=headers))

    def route(request: Request, context: Context) -> Response:
        head = request.path.partition("/")[0]
        if head in owners:
            return forward(owners[head], request, context)
        if request.path == "metadata":
            allow(request, "GET")
            return answer(capability_statement(services, base_url, context))
        if not request.path and request.method == "POST":
            return bundle(request, context)
        if not request.path:
            raise NotSupported("Allowed at the base URL: POST of a batch or transaction Bundle.", kind="method")
        raise NotSupported("There is nothing at this path: no R4 resource type, nor metadata, begins it.")

    def bundle(request: Request, context: Context) -> Response:
        whole = body_of(request)
        by_owner = _by_owner(whole, owners, limits.bundle_entries)
        if len(by_owner) == 1:
            return forward(next(iter(by_owner)), request, context)
        if whole["type"] == "transaction":
            raise NotSupported(
                f"A transaction's entries must belong to one service; these belong to {', '.join(sorted(by_owner))}. "
                "Send one transaction for each, or a batch.",
                kind="method",
                expression="Bundle.entry",
            )
        return _split(whole, by_owner, request, lambda service, part: forward(service, part, context))

    return lambda request, context: guarded(lambda: route(request, context))


def _by_owner(bundle: Resource, owners: Mapping[str, str], limit: int) -> dict[str, list[int]]:
    """The entries' numbers by owning service. What no owner can be told for goes to whoever judges it: the first
    one."""
    found: dict[str, list[int]] = {}
    unowned: list[int] = []
    for number, entry in enumerate(entries_of(bundle, limit)):
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
