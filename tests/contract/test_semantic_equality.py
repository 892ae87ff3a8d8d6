"""The same write by REST, gRPC and the inbound topic: the same resource in the store, but for id and time, and the same
event; what came in by the topic has its source beside."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import grpc

from carethread.adapters.rpc.errors import from_status
from carethread.adapters.rpc.errors import status as status_of_error
from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.core.context import context_of
from carethread.core.errors import FhirError, Invalid
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.ports import Request
from carethread.core.service import Limits, Runtime
from carethread.gateway.inbound.doing import running
from carethread.interactions.rest.handling import handle
from carethread.interactions.rest.status import error_of
from carethread.records import SERVICE as RECORDS
from carethread.v1 import fhir_pb2
from support.intake import Intake
from support.owners import entry, practice
from support.rpc import Rpc, serving
from support.stores import BASE, open_store, runtime

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MINE = (("identifier", "urn:mrn|1"),)
Pairs = tuple[tuple[str, str], ...]


class Way(Protocol):
    """How a write gets in; each answers with the id of what it wrote, or raises."""

    def create(self, resource: dict[str, Any], *, none_exist: Pairs = (), history: bool = False) -> str: ...
    def update(
        self, resource: dict[str, Any], *, if_match: int = -1, where: Pairs = (), history: bool = False
    ) -> str: ...
    def delete(self, key: str, *, if_match: int = -1, where: Pairs = ()) -> str: ...
    def transact(self, *entries: dict[str, Any]) -> str: ...


class Rest:
    """By requests of HTTP."""

    def __init__(self, records: Runtime) -> None:
        self._records = records

    def create(self, resource, *, none_exist=(), history=False):
        criteria = {"if-none-exist": "&".join(f"{name}={value}" for name, value in none_exist)} if none_exist else {}
        return self._send("POST", resource["resourceType"], resource, criteria, history)

    def update(self, resource, *, if_match=-1, where=(), history=False):
        path = resource["resourceType"] + ("" if where else f"/{resource['id']}")
        return self._send("PUT", path, resource, _etag(if_match), history, where)

    def delete(self, key, *, if_match=-1, where=()):
        return self._send("DELETE", key, None, _etag(if_match), False, where)

    def transact(self, *entries):
        return self._send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries}, {}, False)

    def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        headers: Mapping[str, str],
        history: bool,
        where: Pairs = (),
    ) -> str:
        sent = {"content-type": "application/fhir+json", "traceparent": TRACE, **headers}
        sent |= {"x-carethread-backfill": "true"} if history else {}
        request = Request(method, path, where, sent, json.render(body) if body else b"")
        response = handle(self._records, request, context_of(sent))
        if response.status >= 400:
            raise error_of(response)
        return response.headers.get("Location", "").split("/_history")[0].rpartition("/")[2]


class Grpc:
    """By calls of FhirService."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def create(self, resource, *, none_exist=(), history=False):
        return self._call(
            lambda m: self._rpc.create(resource, if_none_exist=_parameters(none_exist), metadata=m), history
        )

    def update(self, resource, *, if_match=-1, where=(), history=False):
        more = {"criteria": _parameters(where), "if_match": [if_match] if if_match >= 0 else []}
        return self._call(lambda m: self._rpc.update(resource, metadata=m, **more), history)

    def delete(self, key, *, if_match=-1, where=()):
        type_name, _, id_ = key.partition("/")
        more = {"criteria": _parameters(where), "if_match": [if_match] if if_match >= 0 else []}
        return self._call(lambda m: self._rpc.delete(type_name, id_, metadata=m, **more), False)

    def transact(self, *entries):
        bundle = json.render({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        request = fhir_pb2.TransactRequest(bundle=bundle)
        self._call(lambda m: self._rpc.fhir.Transact(request, timeout=20, metadata=m) and None, False)
        return ""

    def _call(self, ask: Callable[[Any], Any], history: bool) -> str:
        metadata = [("traceparent", TRACE), *([("x-carethread-backfill", "true")] if history else [])]
        try:
            result = ask(metadata)
        except grpc.RpcError as error:
            raise from_status("records", error) from None
        return result.resource.id if result else ""


class Inbound:
    """By messages on the inbound topic: resources where that says it all, else transactions."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def create(self, resource, *, none_exist=(), history=False):
        more = {"ifNoneExist": "&".join(f"{name}={value}" for name, value in none_exist)} if none_exist else {}
        return self._send(entry("POST", resource["resourceType"], resource, "", **more), history)

    def update(self, resource, *, if_match=-1, where=(), history=False):
        if if_match < 0 and not where:
            return self._publish(resource, history)
        criteria = "?" + "&".join(f"{name}={value}" for name, value in where) if where else f"/{resource['id']}"
        return self._send(entry("PUT", resource["resourceType"] + criteria, resource, **_matching(if_match)), history)

    def delete(self, key, *, if_match=-1, where=()):
        criteria = "?" + "&".join(f"{name}={value}" for name, value in where) if where else ""
        return self._send(entry("DELETE", key + criteria, None, "", **_matching(if_match)), False)

    def transact(self, *entries):
        return self._publish({"resourceType": "Bundle", "type": "transaction", "entry": entries}, False)

    def _send(self, one: dict[str, Any], history: bool) -> str:
        return self._publish({"resourceType": "Bundle", "type": "transaction", "entry": [one]}, history)

    def _publish(self, body: dict[str, Any], history: bool) -> str:
        more = {"ce_backfill": "true"} if history else {}
        self._intake.feed.send(body, traceparent=TRACE, **more)
        self._intake.work()
        answer = self._intake.posts()[-1]
        if answer.verb == "refused":
            (letter,) = self._intake.store.glance(lambda session: session.held.letters("inbound"))
            self._intake.store.transact(lambda session: session.held.ask(letter.number, "discard"))
            self._intake.work()
            raise Invalid("It was refused.")
        return ""


def _matching(version: int) -> dict[str, str]:
    return {"ifMatch": etag} if (etag := _etag(version).get("if-match")) else {}


def _etag(version: int) -> dict[str, str]:
    return {"if-match": f'W/"{version}"' if version else "*"} if version >= 0 else {}


def _parameters(pairs: Pairs) -> list[fhir_pb2.SearchParameter]:
    return [fhir_pb2.SearchParameter(name=name, value=value) for name, value in pairs]


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": "1"}], **more}


def observation(**more: Any) -> dict[str, Any]:
    subject, quantity = {"reference": "Patient/p"}, {"value": json.parse(b"1.10"), "unit": "mmol/L"}
    found = {"resourceType": "Observation", "status": "final", "code": {"text": "β"}, "subject": subject}
    return {**found, "valueQuantity": quantity, **more}


Step = Callable[[Way], object]

STEPS: dict[str, Step] = {
    "create": lambda way: way.create(patient(id="ignored", name=[{"family": "Ä", "given": ["ß"]}])),
    "create, there already": lambda way: way.create(patient(active=True), none_exist=MINE),
    "create, of a new key": lambda way: way.create(observation(), none_exist=(("code", "none"),)),
    "create under an id": lambda way: way.update({"resourceType": "Patient", "id": "p", "gender": "female"}),
    "create what refers": lambda way: way.update(observation(id="o")),
    "update": lambda way: way.update(observation(id="o", status="amended"), if_match=1),
    "update what has changed": lambda way: way.update(observation(id="o", status="final"), if_match=1),
    "update any": lambda way: way.update(observation(id="o", note=[{"text": "n"}]), if_match=0),
    "update what is not there": lambda way: way.update(observation(id="x"), if_match=0),
    "update by criteria": lambda way: way.update(patient(active=False), where=MINE),
    "criteria that are unknown": lambda way: way.update(patient(), where=(("colour", "red"),)),
    "history": lambda way: way.update({"resourceType": "Location", "id": "l", "name": "Ward"}, history=True),
    "history again": lambda way: way.update({"resourceType": "Location", "id": "l", "name": "Ward"}, history=True),
    "transaction": lambda way: way.transact(
        {"request": {"method": "PUT", "url": "Patient/q"}, "resource": {"resourceType": "Patient", "id": "q"}},
        {"request": {"method": "POST", "url": "Observation"}, "resource": observation()},
        {"request": {"method": "DELETE", "url": "Location/l"}},
    ),
    "transaction with an error": lambda way: way.transact(
        {"request": {"method": "PUT", "url": "Patient/r"}, "resource": {"resourceType": "Patient", "id": "r"}},
        {"request": {"method": "POST", "url": "Observation"}, "resource": observation(status="x")},
    ),
    "what is invalid": lambda way: way.create(observation(status="none", valueString="too many values")),
    "what is not for the type": lambda way: way.update({"resourceType": "Patient", "id": "p", "colour": "red"}),
    "delete": lambda way: way.delete("Observation/o", if_match=3),
    "delete again": lambda way: way.delete("Observation/o"),
    "delete by criteria": lambda way: way.delete("Patient", where=(("_id", "q"),)),
    "back again": lambda way: way.update(observation(id="o")),
}
"""Done one after another on one store; each finds what those before it have left."""

_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(rb'"lastUpdated":"[^"]+"')


def told(step: Step, way: Way) -> object:
    """What a step says when it is refused."""
    try:
        step(way)
    except FhirError as error:
        return status_of_error(error), error.issues
    return None


def left(records: Runtime) -> list[Event]:
    """All events, with the stored resources, without what is new each time: ids made here by their order, no times."""
    engine = records.store.engine  # type: ignore[attr-defined]
    source = SqlOutbox(engine, "records", BASE)
    epoch = source.lead("test", 600)
    assert epoch is not None
    events = source.take(epoch, 0, 1000, 600)
    assert events
    seen: dict[bytes, bytes] = {}

    def plain(text: bytes) -> bytes:
        return _TIME.sub(b"", _ID.sub(lambda found: seen.setdefault(found[0], b"id-%d" % len(seen)), text))

    return [
        replace(
            event,
            id="",
            time=0,
            resource_id=plain(event.resource_id.encode()).decode(),
            key=plain(event.key.encode()).decode(),
            data=plain(event.data),
        )
        for event in events
    ]


def _but_source(event: Event) -> dict[str, Any]:
    """The resource without what tells where it came from; `left` has taken the time, and with it a comma, away."""
    found = json.parse_object(event.data.replace(b",}", b"}").replace(b",,", b",").replace(b"{,", b"{"))
    found.get("meta", {}).pop("source", None)
    return found


def test_rest_and_grpc_write_alike(database_url, tmp_path):
    results: dict[str, tuple[list[object], list[Event]]] = {}
    for name in ("rest", "grpc"):
        url = database_url if database_url.startswith("postgres") else f"sqlite:///{tmp_path}/{name}.db"
        records = runtime(open_store(url, name), RECORDS)
        with serving({"records": records}) as rpc:
            way: Way = Grpc(rpc) if name == "grpc" else Rest(records)
            said = [told(step, way) for step in STEPS.values()]
        results[name] = said, left(records)
        records.store.close()
    for step, by_rest, by_grpc in zip(STEPS, results["rest"][0], results["grpc"][0], strict=True):
        assert by_grpc == by_rest, step
    refused = [step for step, said in zip(STEPS, results["rest"][0], strict=True) if said]
    assert refused == [
        "update what has changed",
        "update what is not there",
        "criteria that are unknown",
        "transaction with an error",
        "what is invalid",
        "what is not for the type",
    ]
    assert results["grpc"][1] == results["rest"][1]
    assert {event.traceparent for event in results["grpc"][1]} == {TRACE}
    assert len(results["grpc"][1]) == 14


def test_the_inbound_topic_writes_alike(database_url, tmp_path):
    on_postgres = database_url.startswith("postgres")
    records = runtime(open_store(database_url if on_postgres else f"sqlite:///{tmp_path}/rest.db", "rest"), RECORDS)
    by_rest = [told(step, Rest(records)) for step in STEPS.values()]
    events = left(records)
    records.store.close()
    with practice(tmp_path, ["records"], postgres=database_url if on_postgres else "") as made:
        store = open_store(database_url if on_postgres else f"sqlite:///{tmp_path}/inbound.db", "inbound")
        owners = {type_.name: "records" for type_ in RECORDS.types}
        way = Inbound(Intake(made, store, running(owners, made.peer, made.coordinator, Limits())))
        by_message = [told(step, way) for step in STEPS.values()]
        for step, one, other in zip(STEPS, by_rest, by_message, strict=True):
            assert bool(one) == bool(other), step
        for event, same in zip(events, left(made.runtimes["records"]), strict=True):
            assert replace(same, data=b"") == replace(event, data=b"")
            assert _but_source(same) == _but_source(event)
        store.close()
