"""SchedulingService by the operations that REST has: a message becomes their Parameters, and their answer a message.

So both decide by the same functions. It is served where the service that owns Appointment runs; its slots are watched
by the streams of EventService, with a filter on what a Slot says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import grpc

from carethread.adapters.rpc.calls import Workers
from carethread.adapters.rpc.events import Events
from carethread.adapters.rpc.health import SCHEDULING_SERVICE
from carethread.adapters.rpc.operating import Operating, Query, keyed, micros, references, resources, texts, unary
from carethread.core.errors import Malformed
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.fhir.elements import at, keys_at
from carethread.core.fhir.search.query import CURSOR
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Resource, Response
from carethread.core.service import PROFILES, Runtime
from carethread.v1 import events_pb2, fhir_pb2, scheduling_pb2

TYPE = "Appointment"
_SLOT = "Slot"
_BROKEN = ("error", "fatal")
_BY = {
    scheduling_pb2.CANCELLED_BY_UNSPECIFIED: "",
    scheduling_pb2.CANCELLED_BY_PATIENT: "patient",
    scheduling_pb2.CANCELLED_BY_PROVIDER: "provider",
}


class Pending(Protocol):
    """A message about a hold."""

    appointment: str
    minutes: int


class Scheduling:
    """The calls of one runtime, each worked on by a thread; the streams are those of `events`."""

    def __init__(self, runtime: Runtime, workers: Workers, events: Events) -> None:
        self._runtime = runtime
        self._workers = workers
        self._events = events

    def add_to(self, server: grpc.aio.Server) -> None:
        """Let the server answer SchedulingService."""
        handlers = unary(self._runtime, self._workers, scheduling_pb2, _CALLS, _Desk)
        handlers["WatchSlots"] = grpc.unary_stream_rpc_method_handler(
            self._watch, scheduling_pb2.WatchSlotsRequest.FromString, response_serializer=bytes
        )
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SCHEDULING_SERVICE, handlers)])

    async def _watch(self, request: scheduling_pb2.WatchSlotsRequest, call: grpc.aio.ServicerContext) -> None:
        service = self._runtime.service.name
        asked = events_pb2.SubscribeRequest(
            services=[service],
            types=[_SLOT],
            after={service: request.after} if request.HasField("after") else {},
            heartbeat_seconds=request.heartbeat_seconds,
        )
        await self._events.stream(asked, call, _filter(request, self._runtime.base_url))


class _Desk(Operating):
    """The operations of the desk for one call."""

    def ask(self, name: str, parts: Sequence[Resource], query: Query = (), key: str = "") -> Response:
        """What an operation answers. Raises what it raises."""
        return self.do((TYPE, ""), name, parts, query, keyed(key))

    def appointment(self, name: str, parts: Sequence[Resource], key: str = "") -> fhir_pb2.ResourceVersion:
        """The Appointment that an operation answers, in the version that it made."""
        return self.version(json.parse_object(self.ask(name, parts, key=key).body)["entry"][0]["resource"])


def _find(desk: _Desk, request: scheduling_pb2.FindSlotsRequest) -> scheduling_pb2.FindSlotsResponse:
    query = [(each.name, each.value) for each in request.parameters]
    if request.page_token:
        query.append((CURSOR, request.page_token))
    parts = list(resources("patient-resource", [request.patient] if request.patient else []))
    bundle = json.parse_object(desk.ask("find", parts, query).body)
    told = [each for each in bundle.get("entry", ()) if each["search"]["mode"] == "match"]
    others = [each["resource"] for each in bundle.get("entry", ()) if each["search"]["mode"] == "outcome"]
    found = scheduling_pb2.FindSlotsResponse(
        proposals=[_proposal(each["resource"], each["search"].get("score", 0), desk.base_url) for each in told],
        next_page_token=_next(bundle),
        total=bundle["total"],
    )
    if others:
        found.operation_outcome.json = json.render(others[0])
    return found


def _proposal(appointment: Resource, score: float, base_url: str) -> scheduling_pb2.Proposal:
    reasons = [each for each in appointment.get("extension", ()) if each.get("url") == PROFILES + "ranking-reason"]
    return scheduling_pb2.Proposal(
        id=appointment["id"],
        begin_micros=micros(appointment["start"]),
        end_micros=micros(appointment["end"]),
        slots=[id_ for kind, id_ in keys_at(appointment, "slot", base_url) if kind == _SLOT],
        score=float(score),
        reasons=[_reason(each) for each in reasons],
        json=json.render(appointment),
    )


def _reason(extension: Resource) -> scheduling_pb2.RankingReason:
    said = {
        part["url"]: next(value for name, value in part.items() if name != "url") for part in extension["extension"]
    }
    return scheduling_pb2.RankingReason(code=said["code"], text=said["text"], weight=float(said["weight"]))


def _next(bundle: Resource) -> str:
    """The cursor of the next page."""
    url = next((link["url"] for link in bundle.get("link", ()) if link["relation"] == "next"), "")
    return parse_qs(urlsplit(url).query).get(CURSOR, [""])[0]


def _hold(desk: _Desk, request: scheduling_pb2.HoldRequest) -> scheduling_pb2.HoldResponse:
    parts = [*_about(request.appointment), *_wish(request.wish), *_lasting(request)]
    held = desk.appointment("hold", parts, request.idempotency_key)
    return scheduling_pb2.HoldResponse(appointment=held, until_micros=_until(held))


def _renew(desk: _Desk, request: scheduling_pb2.RenewRequest) -> scheduling_pb2.RenewResponse:
    held = desk.appointment("renew", [*_about(request.appointment), *_lasting(request)])
    return scheduling_pb2.RenewResponse(appointment=held, until_micros=_until(held))


def _release(desk: _Desk, request: scheduling_pb2.ReleaseRequest) -> scheduling_pb2.ReleaseResponse:
    return scheduling_pb2.ReleaseResponse(appointment=desk.appointment("release", [*_about(request.appointment)]))


def _book(desk: _Desk, request: scheduling_pb2.BookRequest) -> scheduling_pb2.BookResponse:
    parts = [*_about(request.appointment), *_wish(request.wish)]
    return scheduling_pb2.BookResponse(appointment=desk.appointment("book", parts, request.idempotency_key))


def _reschedule(desk: _Desk, request: scheduling_pb2.RescheduleRequest) -> scheduling_pb2.RescheduleResponse:
    proposal = references("proposal", TYPE, [request.proposal] if request.proposal else [])
    parts = [*_about(request.appointment), *_wish(request.wish), *proposal]
    return scheduling_pb2.RescheduleResponse(appointment=desk.appointment("reschedule", parts))


def _cancel(desk: _Desk, request: scheduling_pb2.CancelRequest) -> scheduling_pb2.CancelResponse:
    if request.by not in _BY:
        raise Malformed("by is a value of CancelledBy.", code="value", expression="by")
    parts = [
        *_about(request.appointment),
        *texts({"by": _BY[request.by], "reason": request.reason}, "valueCode"),
        *texts({"comment": request.comment}),
    ]
    return scheduling_pb2.CancelResponse(appointment=desk.appointment("cancel", parts))


def _check(desk: _Desk, request: scheduling_pb2.CheckRequest) -> scheduling_pb2.CheckResponse:
    body = desk.ask("check", [*_about(request.appointment), *_wish(request.wish)]).body
    free = not any(issue["severity"] in _BROKEN for issue in json.parse_object(body)["issue"])
    return scheduling_pb2.CheckResponse(bookable=free, operation_outcome=fhir_pb2.OperationOutcome(json=body))


_CALLS: dict[str, Callable[[_Desk, Any], Any]] = {
    "FindSlots": _find,
    "Hold": _hold,
    "Renew": _renew,
    "Release": _release,
    "Book": _book,
    "Reschedule": _reschedule,
    "Cancel": _cancel,
    "Check": _check,
}


def _about(id_: str) -> Iterator[Resource]:
    return references("appointment-reference", TYPE, [id_] if id_ else [])


def _wish(wish: scheduling_pb2.Wish) -> Iterator[Resource]:
    yield from references("slot", _SLOT, wish.slots)
    yield from references("patient", "Patient", wish.patients)
    yield from resources("appointment-resource", [wish.appointment] if wish.appointment else [])
    yield from resources("patient-resource", wish.new_patients)
    said = {"comment": wish.comment, "override-role": wish.override_role, "override-reason": wish.override_reason}
    yield from texts(said)


def _lasting(request: Pending) -> Iterator[Resource]:
    if request.minutes:
        length = {"value": request.minutes, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"}
        yield {"name": "duration", "valueDuration": length}


def _until(held: fhir_pb2.ResourceVersion) -> int:
    """When a hold ends by itself."""
    for each in json.parse_object(held.json).get("extension", ()):
        if each.get("url") == PROFILES + "hold-until":
            return micros(each["valueInstant"])
    return 0


def _filter(request: scheduling_pb2.WatchSlotsRequest, base_url: str) -> Callable[[Event], bool]:
    """Whether a Slot is watched. Raises Malformed for what is no id."""
    if not all(map(is_id, request.schedules)):
        raise Malformed("schedules has ids of Schedules, without the type.", code="value", expression="schedules")
    schedules, types = frozenset(request.schedules), frozenset(request.service_types)

    def holds(event: Event) -> bool:
        if event.deleted or event.dataref:
            return True  # what it was does not stand there
        its_schedules, its_types = _slot_facts(event.data, base_url)
        return (not schedules or bool(schedules & its_schedules)) and (not types or bool(types & its_types))

    return holds


@lru_cache(maxsize=1024)
def _slot_facts(data: bytes, base_url: str) -> tuple[frozenset[str], frozenset[str]]:
    """A Slot's Schedule, and its kinds of service as `code` and `system|code`; read once for all streams."""
    slot = json.parse_object(data)
    codings = [coding for coding in at(slot, "serviceType.coding") if "code" in coding]
    types = {coding["code"] for coding in codings} | {f"{each.get('system', '')}|{each['code']}" for each in codings}
    return frozenset(id_ for _, id_ in keys_at(slot, "schedule", base_url)), frozenset(types)
