"""The OpenAPI document is valid, holds together, and tells what the table of interactions and the services tell."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from openapi_spec_validator import validate

from carethread.core.fhir import json
from carethread.core.fhir.definitions import compartment
from carethread.core.ports import Request
from carethread.core.service import Service
from carethread.core.settings import SERVICES
from carethread.interactions.description.openapi import document, openapi
from carethread.interactions.operations import operations_of
from carethread.interactions.rest import table
from carethread.interactions.rest.table import INTERACTIONS

BASE = "https://care.example/fhir"
ALL: dict[str, Service] = {name: import_module(f"carethread.{name}").SERVICE for name in SERVICES}
MOST_BYTES = 5_000_000


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    made: dict[str, Any] = json.parse_object(json.render(document(list(ALL.values()), BASE)))
    return made


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for child in value.values():
            yield from references(child)
    elif isinstance(value, list):
        for child in value:
            yield from references(child)


@pytest.mark.parametrize("name", ["scheduling", "metrics"])
def test_it_is_valid(name: str) -> None:
    validate(json.parse_object(json.render(document([ALL[name]], BASE))))


def test_each_reference_leads_to_a_component_and_each_component_is_referred_to(whole: dict[str, Any]) -> None:
    met = set(references(whole))
    there = {f"#/components/{kind}/{name}" for kind, parts in whole["components"].items() for name in parts}
    assert met - there == set()
    assert there - met == set()


def test_it_has_each_interaction_of_each_type_and_no_other(whole: dict[str, Any]) -> None:
    types = {type_.name for service in ALL.values() for type_ in service.types}
    beside = ("asyncapi.json", "openapi.json", "livez", "readyz", "metrics")
    expected = {(f"/{name}", "get") for name in beside}
    for each in INTERACTIONS:
        inside = compartment() if each.path in (table.COMPARTMENT, table.COMPARTMENT_SEARCH) else types
        for name in types & set(inside) if "{type}" in each.path else {""}:
            expected.add((f"/fhir/{each.path.replace('{type}', name)}", each.method.lower()))
    for service in ALL.values():
        for operation in operations_of(service):
            named = [operation.type] if operation in service.operations else []
            on = [type_.name for type_ in service.types if operation.type in ("", type_.name)] or named
            for level in operation.levels:
                for type_name in on if level != "system" else [""]:
                    head = f"{type_name}/" if type_name else ""
                    path = f"/fhir/{head}{'{id}/' if level == 'instance' else ''}${operation.name}"
                    expected |= {(path, "post")} if operation.affects_state else {(path, "get"), (path, "post")}
                    expected |= {(path, "delete")} if operation.cancels else set()
    assert {(path, method) for path, methods in whole["paths"].items() for method in methods} == expected


def test_operations_have_ids_of_their_own(whole: dict[str, Any]) -> None:
    ids = [each["operationId"] for path in whole["paths"].values() for each in path.values() if "operationId" in each]
    assert len(ids) == len(set(ids)) > 2000


def test_it_is_made_once_and_told_apart_by_its_etag() -> None:
    first = openapi(list(ALL.values()), BASE, Request("GET", "openapi.json"))
    assert first.status == 200
    assert len(first.body) < MOST_BYTES
    again = openapi(list(ALL.values()), BASE, Request("GET", "openapi.json"))
    assert again.body is first.body
    known = Request("GET", "openapi.json", (), {"if-none-match": first.headers["ETag"]})
    assert openapi(list(ALL.values()), BASE, known).status == 304


def test_its_server_and_paths_are_those_of_the_base_url() -> None:
    made = document([ALL["metrics"]], "https://care.example/api/r4")
    assert made["servers"] == [{"url": "https://care.example"}]
    assert "/api/r4/Measure/{id}" in made["paths"]
    assert "/api/r4/" in made["paths"]
