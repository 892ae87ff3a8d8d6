"""Patient/[id]/$everything over all services: each is asked for its part, a stretch at a time.

See `interactions.operations.everything` for the walk over the parts and for what the requests to the services say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from carethread.core.clock import instant
from carethread.core.fhir import json
from carethread.core.ports import Key, Request, Response
from carethread.core.service import Call, Limits
from carethread.gateway.asking import Asking, Refused, Send
from carethread.interactions.operations.everything import (
    AFTER_HEADER,
    PART_HEADER,
    Asked,
    Found,
    asked_of,
    bundle,
    known,
    stand_of,
)
from carethread.interactions.operations.invoke import simple_values
from carethread.interactions.rest.exchange import body_of
from carethread.interactions.writing.check import check_resource

_HANDED_ON = {"authorization", "traceparent"}


@dataclass(frozen=True, slots=True)
class _RemotePart:
    """One service's part, as it gives it."""

    service: str
    request: Request
    send: Send

    def members(self, asked: Asked, after: int) -> tuple[list[Found], int]:
        answer = self._stretch("members", asked, str(after))
        row = next((value for name, value in answer.headers.items() if name.lower() == AFTER_HEADER.lower()), "0")
        return _found(answer), int(row)

    def references(self, asked: Asked, after: Key) -> list[Key]:
        said = json.parse_object(self._stretch("references", asked, "/".join(after)).body)
        texts = [part["valueReference"]["reference"].partition("/") for part in said.get("parameter", [])]
        return [(type_name, id_) for type_name, _, id_ in texts]

    def _stretch(self, kind: str, asked: Asked, after: str) -> Response:
        headers = {**self.request.headers, PART_HEADER.lower(): kind, AFTER_HEADER.lower(): after}
        query = [*self.request.query, ("_count", str(asked.count))]
        return _ok(self.send(self.service, replace(self.request, query=query, headers=headers)))


def everything(
    request: Request, services: Sequence[str], owners: Mapping[str, str], send: Send, base_url: str, limits: Limits
) -> Response:
    """One page of all that the services have of a patient; what the Patient's owner refuses is refused."""
    patient = request.path.split("/")[1]
    body = body_of(request) if request.method == "POST" and request.body else None
    if body is not None:
        check_resource("Parameters", body)
    params = [*request.query, *simple_values(body, (), base_url)]
    given: dict[str, list[str]] = {}
    for name, value in params:
        given.setdefault(name, []).append(value)
    asked, stand = asked_of(Call("Patient", patient, given, body, request), limits), stand_of(given)
    narrowing = [(name, value) for name, value in params if name in ("start", "end", "_since", "_type")]
    plain = Request("GET", request.path, narrowing, {n: v for n, v in request.headers.items() if n in _HANDED_ON})
    parts = [_RemotePart(service, plain, send) for service in services]

    asking = Asking(owners, send, request.headers, base_url)

    def fetch(asked: Asked, keys: Sequence[Key]) -> list[Found]:
        since = [("_lastUpdated", f"gt{instant(asked.since)}")] if asked.since >= 0 else []
        there = [key for key in keys if owners[key[0]] in services]
        return sorted(Found(each.type, each.id, each.body) for each in asking.current(there, also=since).values())

    try:
        page = bundle(base_url, asked, known(params), stand, parts, fetch)
    except Refused as refused:
        return refused.response
    return Response(200, {"Content-Type": "application/fhir+json;charset=utf-8"}, page)


def _found(answer: Response) -> list[Found]:
    """The resources of a Bundle, with number text and member order as they are."""
    entries = json.parse_object(answer.body).get("entry", [])
    resources = [each["resource"] for each in entries if each.get("search", {}).get("mode") != "outcome"]
    return [Found(each["resourceType"], each["id"], json.render(each)) for each in resources]


def _ok(answer: Response) -> Response:
    if answer.status != 200:
        raise Refused(answer)
    return answer
