"""The events as an AsyncAPI 3.0 document (https://www.asyncapi.com/docs/reference/specification/v3.0.0).

It is made of the topic catalogue: a topic for each type that the services own, what integration engines send in, what
became of it, and dead letters. Headers are CloudEvents 1.0 in Kafka's binary mode; bindings are Kafka's 0.5.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from carethread import __version__
from carethread.core.events import DEAD_LETTER, INBOUND, INBOUND_OUTCOME, Event, to_headers, topic
from carethread.core.fhir import json
from carethread.core.kafka_security import KafkaSecurity
from carethread.core.ports import Response
from carethread.core.service import Service
from carethread.interactions.description.event_headers import DEAD, INCOMING, OUTCOME, RESOURCE, Json, schema
from carethread.interactions.rest.headers import not_modified

MEDIA_TYPE = "application/json"
_BINDING = "0.5.0"
_SCHEMES: Mapping[str, str] = {"PLAIN": "plain", "SCRAM-SHA-256": "scramSha256", "SCRAM-SHA-512": "scramSha512"}
_UNKNOWN = "A kind of event that subscribers do not know may come at any time: pass over it."


@dataclass(frozen=True, slots=True)
class Bus:
    """Where the events are: `servers` as `host:port`, none where the embedded bus carries them."""

    servers: tuple[str, ...] = ()
    prefix: str = "carethread"
    partitions: int = 6
    replication: int = 1
    days: int = 90
    """How long topics that are made here keep their records."""
    security: KafkaSecurity = field(default_factory=KafkaSecurity)


def asyncapi(services: Sequence[Service], bus: Bus, inbound: bool, headers: Mapping[str, str]) -> Response:
    """The document as an answer; `inbound`: whether what integration engines send in is taken here."""
    body, etag = _made(tuple(services), bus, inbound)
    if not_modified(headers, etag):
        return Response(304, {"ETag": etag})
    return Response(200, {"Content-Type": MEDIA_TYPE, "ETag": etag}, body)


@lru_cache(maxsize=8)
def _made(services: tuple[Service, ...], bus: Bus, inbound: bool) -> tuple[bytes, str]:
    body = json.render(document(services, bus, inbound))
    return body, f'W/"{sha256(body).hexdigest()[:32]}"'


def document(services: Sequence[Service], bus: Bus, inbound: bool) -> Json:
    """The document as an object."""
    owners = {type_.name: service.name for service in services for type_ in service.types}
    channels = {name: _channel(bus, name, name, f"Every version of every {name}.") for name in sorted(owners)}
    operations = {
        f"publish{name}": _operation("send", name, f"Publish what happens to each {name}") for name in channels
    }
    messages = {name: _resource_message(name, owner) for name, owner in sorted(owners.items())}
    messages["DeadLetter"] = _dead_letter()
    channels["DeadLetter"] = _channel(bus, DEAD_LETTER, "DeadLetter", "Events that a consumer can never take in.")
    operations["publishDeadLetter"] = _operation("send", "DeadLetter", "Publish what could not be taken in, and why")
    schemas = {"ResourceHeaders": schema(RESOURCE), "DeadLetterHeaders": schema(DEAD), "Resource": _resource("")}
    if inbound:
        messages |= {"Inbound": _inbound(), "InboundOutcome": _inbound_outcome()}
        channels["Inbound"] = _channel(bus, INBOUND, "Inbound", "What integration engines send in.")
        channels["InboundOutcome"] = _channel(bus, INBOUND_OUTCOME, "InboundOutcome", "What became of it.")
        taking = _operation("receive", "Inbound", "Take in what an integration engine sends, once")
        reply = {"channel": _ref("channels", "InboundOutcome"), "messages": [_message_ref("InboundOutcome")]}
        operations["takeIn"] = {**taking, "reply": reply}
        schemas |= {"InboundHeaders": schema(INCOMING), "InboundOutcomeHeaders": schema(OUTCOME)}
    components: Json = {"messages": messages, "schemas": schemas}
    scheme = _scheme(bus.security)
    if scheme and bus.servers:
        components["securitySchemes"] = {"kafka": scheme}
    made: Json = {
        "asyncapi": "3.0.0",
        "info": {"title": "CareThread events", "version": __version__, "description": _about(bus)},
        "defaultContentType": "application/fhir+json",
        "channels": channels,
        "operations": operations,
        "components": components,
    }
    if bus.servers:
        made["servers"] = {f"kafka{n}": _server(host, bus, bool(scheme)) for n, host in enumerate(bus.servers, 1)}
    return made


def _about(bus: Bus) -> str:
    said = (
        "Every version of every resource is one event, published after its commit and at least once; recognise "
        "repetitions by ce_id. Events with the same key come in order. ce_sequence counts all events of a service "
        f"without gaps. Read with isolation_level=read_committed. {_UNKNOWN}"
    )
    if bus.servers:
        return said
    return f"{said} This installation carries its events on an embedded bus, which programs outside cannot read."


def _server(host: str, bus: Bus, secured: bool) -> Json:
    said: Json = {
        "host": host,
        "protocol": "kafka-secure" if bus.security.tls else "kafka",
        "description": f"Apache Kafka, security.protocol {bus.security.security_protocol}.",
        "bindings": {"kafka": {"bindingVersion": _BINDING}},
    }
    if secured:
        said["security"] = [_ref("components/securitySchemes", "kafka")]
    return said


def _scheme(security: KafkaSecurity) -> Json:
    """How one signs in: SASL's mechanism, else the client's certificate where there is one; empty for nothing."""
    if security.sasl_mechanism in _SCHEMES:
        return {"type": _SCHEMES[security.sasl_mechanism], "description": f"SASL {security.sasl_mechanism}."}
    if security.sasl_mechanism:
        scopes = dict.fromkeys(security.oauth_scope.split(), "Asked for by CareThread.")
        flow = {"tokenUrl": security.oauth_token_url, "availableScopes": scopes}
        return {"type": "oauth2", "description": "SASL OAUTHBEARER.", "flows": {"clientCredentials": flow}}
    return {"type": "X509", "description": "A client's certificate."} if security.ssl_certificate_file else {}


def _channel(bus: Bus, name: str, message: str, said: str) -> Json:
    address = topic(name, bus.prefix)
    made: Json = {
        "address": address,
        "description": said,
        "messages": {message: _ref("components/messages", message)},
        "bindings": {
            "kafka": {
                "topic": address,
                "partitions": bus.partitions,
                "replicas": bus.replication,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": bus.days * 24 * 3600 * 1000},
                "bindingVersion": _BINDING,
            }
        },
    }
    if bus.servers:
        made["servers"] = [_ref("servers", f"kafka{number}") for number in range(1, len(bus.servers) + 1)]
    return made


def _operation(action: str, channel: str, summary: str) -> Json:
    return {
        "action": action,
        "channel": _ref("channels", channel),
        "summary": f"{summary}.",
        "messages": [_message_ref(channel)],
    }


def _resource_message(name: str, owner: str) -> Json:
    stub = {
        "resourceType": name,
        "id": "example",
        "meta": {"versionId": "2", "lastUpdated": "2026-11-22T03:16:26.001Z"},
    }
    event = _example(name, owner, "deleted", stub)
    examples = [_shown("deleted", "A deletion: the value is a stub.", event, stub)]
    if name == "Appointment":
        booked = {**stub, "status": "booked", "participant": [_PATIENT_TAKES_PART]}
        booked_event = _example(name, owner, "booked", booked, changed=("status",), previous_status="proposed")
        examples.append(_shown("booked", "An appointment comes to be booked.", booked_event, booked))
    return {
        "name": name,
        "title": f"A version of a {name}",
        "summary": f"`ce_type` is `dev.carethread.{name.lower()}.` and what happened: created, updated, deleted…",
        "contentType": "application/fhir+json",
        "headers": _ref("components/schemas", "ResourceHeaders"),
        "payload": _resource(name),
        "bindings": _keyed(
            "The patient that it concerned when it was created, `Patient/456`; else the resource itself."
        ),
        "examples": examples,
    }


_PATIENT_TAKES_PART: Json = {"actor": {"reference": "Patient/example"}, "status": "accepted"}


def _example(
    name: str, owner: str, verb: str, body: Json, changed: tuple[str, ...] = (), previous_status: str = ""
) -> Event:
    return Event(
        id="01a20141-4b13-7c4b-9e79-9c24b0a6fdb6",
        service=owner,
        verb=verb,
        resource_type=name,
        resource_id="example",
        version=2,
        time=1_795_317_386_001_000,
        key="Patient/example",
        data=json.render(body),
        sequence=2,
        dataschema=f"http://hl7.org/fhir/StructureDefinition/{name}",
        changed=changed,
        previous_status=previous_status,
    )


def _shown(name: str, summary: str, event: Event, payload: Json) -> Json:
    headers = {header: value.decode() for header, value in to_headers(event)}
    return {"name": name, "summary": summary, "headers": headers, "payload": payload}


def _inbound() -> Json:
    patient = {"resourceType": "Patient", "id": "example", "meta": {"versionId": "3"}, "active": True}
    headers = {
        "ce_specversion": "1.0",
        "ce_id": "MSG-0001",
        "ce_source": "https://ehr.example/adt",
        "content-type": "application/fhir+json",
    }
    return {
        "name": "Inbound",
        "title": "A resource, or a Bundle: transaction, batch, or message that begins with a MessageHeader",
        "summary": "Done once for each ce_source, ce_id and body; the answer is on the outcome's topic.",
        "contentType": "application/fhir+json",
        "headers": _ref("components/schemas", "InboundHeaders"),
        "payload": _resource(""),
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": _keyed("What is to stay in order has one key: the patient, `Patient/456`."),
        "examples": [{"name": "resource", "summary": "One resource.", "headers": headers, "payload": patient}],
    }


def _inbound_outcome() -> Json:
    return {
        "name": "InboundOutcome",
        "title": "What became of a message: an OperationOutcome",
        "contentType": "application/fhir+json",
        "headers": _ref("components/schemas", "InboundOutcomeHeaders"),
        "payload": _resource("OperationOutcome"),
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": _keyed("That of the message."),
    }


def _dead_letter() -> Json:
    return {
        "name": "DeadLetter",
        "title": "What can never be taken in",
        "summary": "The value as it came; where it lay, why it failed, and its headers as `original-` and their names.",
        "contentType": "application/octet-stream",
        "headers": _ref("components/schemas", "DeadLetterHeaders"),
        "payload": {"description": "The bytes as they came; empty where they are over 900,000."},
        "bindings": _keyed("As it came."),
    }


def _resource(name: str) -> Json:
    """The least that is true of every version; what else R4 says of it is in its StructureDefinition."""
    type_: Json = {"type": "string", "const": name} if name else {"type": "string"}
    return {
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": type_, "id": {"type": "string"}, "meta": {"type": "object"}},
        "externalDocs": {"url": f"http://hl7.org/fhir/R4/{name.lower() or 'resource'}.html"},
    }


def _keyed(said: str) -> Json:
    return {"kafka": {"key": {"type": "string", "description": said}, "bindingVersion": _BINDING}}


def _ref(where: str, name: str) -> Json:
    return {"$ref": f"#/{where}/{name}"}


def _message_ref(channel: str) -> Json:
    return {"$ref": f"#/channels/{channel}/messages/{channel}"}
