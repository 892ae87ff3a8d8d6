"""The AsyncAPI document: complete, whole in itself, true of what is really sent, and valid by AsyncAPI's own schema."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from carethread.composition.parts import registry
from carethread.core.context import new_id
from carethread.core.events import Event, to_headers, topic
from carethread.core.kafka_security import KafkaSecurity
from carethread.interactions.description.asyncapi import Bus, asyncapi, document
from carethread.interactions.description.event_headers import DEAD, INCOMING, OUTCOME, RESOURCE, Header

ROOT = Path(__file__).parents[4]
SCHEMA = ROOT / "tests" / "support" / "schemas" / "asyncapi-3.0.0.json.gz"

SERVICES = list(registry().values())

BUSES = {
    "embedded": Bus(),
    "plain": Bus(("k1:9092", "k2:9092"), prefix="practice", partitions=3, replication=2),
    "scram": Bus(("k:9093",), security=KafkaSecurity("SASL_SSL", "SCRAM-SHA-512", "u", "hush")),
    "token": Bus(
        ("k:9093",),
        security=KafkaSecurity(
            "SASL_SSL",
            "OAUTHBEARER",
            oauth_token_url="https://login.example/token",
            oauth_client_id="c",
            oauth_client_secret="hush",
            oauth_scope="kafka events",
        ),
    ),
    "certificate": Bus(("k:9093",), security=KafkaSecurity("SSL", ssl_certificate_file="c", ssl_key_file="k")),
}

every_bus = pytest.mark.parametrize("bus", BUSES.values(), ids=BUSES)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def at(whole: Any, reference: str) -> Any:
    assert reference.startswith("#/")
    for part in reference[2:].split("/"):
        whole = whole[part]
    return whole


@every_bus
def test_every_reference_leads_somewhere(bus: Bus) -> None:
    made = document(SERVICES, bus, inbound=True)
    for reference in set(references(made)):
        assert at(made, reference)


@every_bus
def test_operations_name_messages_of_their_channel(bus: Bus) -> None:
    made = document(SERVICES, bus, inbound=True)
    for operation in made["operations"].values():
        for part in (operation, operation.get("reply", operation)):
            within = part["channel"]["$ref"] + "/messages/"
            assert all(message["$ref"].startswith(within) for message in part["messages"])


@every_bus
def test_it_is_valid_by_the_schema_of_asyncapi(bus: Bus) -> None:
    validator = jsonschema_rs.validator_for(json.loads(gzip.decompress(SCHEMA.read_bytes())))
    made = document(SERVICES, bus, inbound=True)
    assert [error.message for error in validator.iter_errors(made)] == []
    del made["channels"]["Patient"]["address"], made["operations"]["publishPatient"]["action"]
    assert list(validator.iter_errors(made)), "the schema finds what is missing"


def test_every_owned_type_has_its_topic() -> None:
    made = document(SERVICES, BUSES["plain"], inbound=True)
    owned = {type_.name for service in SERVICES for type_ in service.types}
    assert {name: made["channels"][name]["address"] for name in owned} == {
        name: topic(name, "practice") for name in owned
    }
    assert {made["channels"][name]["address"] for name in set(made["channels"]) - owned} == {
        "practice.inbound.v1",
        "practice.inbound-outcome.v1",
        "practice.dead-letter.v1",
    }
    kafka = made["channels"]["Patient"]["bindings"]["kafka"]
    assert (kafka["partitions"], kafka["replicas"]) == (3, 2)


def test_one_service_tells_of_its_own_types_only() -> None:
    made = document([registry()["metrics"]], Bus(), inbound=False)
    assert set(made["channels"]) == {*(t.name for t in registry()["metrics"].types), "DeadLetter"}


@pytest.mark.parametrize(
    ("bus", "protocol", "kind"),
    [("plain", "kafka", None), ("scram", "kafka-secure", "scramSha512"), ("token", "kafka-secure", "oauth2"),
     ("certificate", "kafka-secure", "X509")],
)  # fmt: skip
def test_servers_say_how_to_get_in(bus: str, protocol: str, kind: str | None) -> None:
    made = document(SERVICES, BUSES[bus], inbound=True)
    for server in made["servers"].values():
        assert server["protocol"] == protocol
        assert [at(made, each["$ref"])["type"] for each in server.get("security", [])] == ([kind] if kind else [])
    assert "hush" not in json.dumps(made)


def wrong(headers: dict[str, str], schema: Any) -> list[str]:
    return [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(headers)]


def test_examples_are_valid_by_their_own_schemas() -> None:
    made = document(SERVICES, Bus(), inbound=True)
    shown = 0
    for message in made["components"]["messages"].values():
        for example in message.get("examples", []):
            shown += 1
            assert wrong(example["headers"], at(made, message["headers"]["$ref"])) == []
            payload = message["payload"]
            payload = at(made, payload["$ref"]) if "$ref" in payload else payload
            assert wrong(example["payload"], payload) == []
    assert shown > len(SERVICES)


def test_what_is_sent_has_the_headers_that_are_told() -> None:
    event = Event(
        new_id(), "scheduling", "booked", "Appointment", "a1", 3, 1_795_317_386_001_000, "Patient/1", b"{}", 7,
        "http://hl7.org/fhir/StructureDefinition/Appointment", "d1", True, ("end", "status"), "proposed",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "https://care.example/fhir/Appointment/a1/_history/3",
    )  # fmt: skip
    headers = {name: value.decode() for name, value in to_headers(event)}
    made = document(SERVICES, Bus(), inbound=True)
    assert wrong(headers, made["components"]["schemas"]["ResourceHeaders"]) == []
    assert set(headers) == {header.name for header in RESOURCE}, "the table has exactly what can be sent"


@pytest.mark.parametrize(
    ("page", "headers"), [("events.md", (*RESOURCE, *DEAD)), ("inbound.md", (*INCOMING, *OUTCOME[-2:]))]
)
def test_the_pages_have_every_header(page: str, headers: tuple[Header, ...]) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert [header.name for header in headers if f"`{header.name}`" not in text] == []


def test_who_has_it_gets_it_no_second_time() -> None:
    first = asyncapi(SERVICES, Bus(), True, {})
    assert first.status == 200
    assert asyncapi(SERVICES, Bus(), True, {"if-none-match": first.headers["ETag"]}).status == 304
