"""The API as an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0), for tools that know no FHIR.

It is made of what the CapabilityStatement is made of: the table of interactions, the services' types and operations.
Of a search it names the parameters; modifiers, chains and `_has` cannot be said here (docs/search.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlsplit

from carethread import __version__
from carethread.core.fhir import json
from carethread.core.fhir.definitions import compartment
from carethread.core.ports import Request, Response
from carethread.core.service import Operation, Service
from carethread.interactions.description.openapi_parts import SHAPES, components, errors, search_names
from carethread.interactions.description.openapi_schemas import Json, content, ref
from carethread.interactions.operations import GENERIC, operations_on
from carethread.interactions.rest import table
from carethread.interactions.rest.headers import not_modified
from carethread.interactions.rest.table import INTERACTIONS, Interaction

MEDIA_TYPE = "application/json"


class _Said(NamedTuple):
    """What an interaction takes and answers: names of components; `{type}` is the resource type.

    `errors` are the statuses beside those that any request can have.
    """

    summary: str
    parameters: tuple[str, ...] = ()
    criteria: bool = False
    body: str = ""
    answers: Mapping[int, str] = {}
    errors: tuple[int, ...] = ()


_ANY_ERROR = (400, 406, 413, 503)
"""Of any FHIR request: a bad query or header, Accept, a body, a database that is away."""

_EDGE = ("_format", "_pretty")
_WRITTEN = (404, 409, 412, 415, 422)
_WRITE = ("If-Match", "Prefer.return", "X-CareThread-Backfill")
_READ = ("If-None-Match", "If-Modified-Since", "_summary", "_elements")
_PAGES = ("_since", "_at", "_count", "_cursor", "Prefer.handling")
_SEARCH = (*SHAPES, "Prefer.handling")
_SEARCHED = _Said("Search", _SEARCH, criteria=True, answers={200: "Searchset"}, errors=(403, 404))
_POSTED = _Said("Search by a form", (), body="{type}.search", answers={200: "Searchset"}, errors=(403, 404, 415))

_SAID: Mapping[tuple[str, str], _Said] = {
    ("read", ""): _Said("Read", _READ, answers={200: "{type}", 304: "NotModified"}, errors=(404, 410)),
    ("vread", ""): _Said("Read a version", _READ, answers={200: "{type}", 304: "NotModified"}, errors=(404, 410)),
    ("update", ""): _Said(
        "Update, or create with this id",
        (*_WRITE, "If-None-Match"),
        body="{type}",
        answers={200: "{type}.written", 201: "{type}.written"},
        errors=_WRITTEN,
    ),
    ("update", "conditional"): _Said(
        "Update the one that meets the criteria, or create it",
        (*_WRITE, "If-None-Match"),
        criteria=True,
        body="{type}",
        answers={200: "{type}.written", 201: "{type}.written"},
        errors=(*_WRITTEN, 403),
    ),
    ("patch", ""): _Said("Patch", _WRITE, body="patch", answers={200: "{type}.written"}, errors=(*_WRITTEN, 410)),
    ("patch", "conditional"): _Said(
        "Patch the one that meets the criteria",
        _WRITE,
        criteria=True,
        body="patch",
        answers={200: "{type}.written"},
        errors=(*_WRITTEN, 403, 410),
    ),
    ("delete", ""): _Said("Delete", _WRITE, answers={200: "Outcome", 204: "NoContent"}, errors=(404, 409, 412)),
    ("delete", "conditional"): _Said(
        "Delete the one that meets the criteria",
        _WRITE,
        criteria=True,
        answers={200: "Outcome", 204: "NoContent"},
        errors=(403, 404, 409, 412),
    ),
    ("history-instance", ""): _Said("History of one", _PAGES, answers={200: "History"}, errors=(404,)),
    ("history-type", ""): _Said("History of the type", _PAGES, answers={200: "History"}, errors=(404,)),
    ("history-system", ""): _Said("History of all", _PAGES, answers={200: "History"}),
    ("create", ""): _Said(
        "Create",
        ("If-None-Exist", "Prefer.return", "X-CareThread-Backfill"),
        body="{type}",
        answers={200: "{type}.written", 201: "{type}.written"},
        errors=(403, *_WRITTEN),
    ),
    ("search-type", ""): _SEARCHED,
    ("search-type", "form"): _POSTED,
    ("search-type", "compartment"): _SEARCHED._replace(summary="Search in a patient's compartment"),
    ("search-type", "compartment-form"): _POSTED._replace(summary="Search in a patient's compartment by a form"),
    ("search-system", ""): _SEARCHED._replace(summary="Search all types", parameters=("_type", *_SEARCH)),
    ("search-system", "form"): _POSTED._replace(summary="Search all types by a form", body="search"),
    ("transaction", ""): _Said(
        "Batch or transaction",
        ("Prefer.return", "X-CareThread-Backfill"),
        body="bundle",
        answers={200: "Answers"},
        errors=(403, 404, 405, 409, 410, 412, 415, 422),
    ),
    ("capabilities", ""): _Said(
        "CapabilityStatement", ("If-None-Match",), answers={200: "Capabilities", 304: "NotModified"}
    ),
    ("capabilities", "smart"): _Said("SMART configuration", answers={200: "Json"}),
    ("capabilities", "openapi"): _Said("This document", ("If-None-Match",), answers={200: "Json", 304: "NotModified"}),
    ("export-status", ""): _Said("How far an export is", answers={200: "Manifest", 202: "Going"}, errors=(404,)),
    ("export-cancel", ""): _Said("Cancel an export", answers={202: "Cancelled"}, errors=(404,)),
    ("export-file", ""): _Said("A file of an export", answers={200: "File"}, errors=(404,)),
}
"""By code and manner; what is not here is told with another: a batch with the transaction."""


def openapi(services: Sequence[Service], base_url: str, request: Request) -> Response:
    """The document of the services behind one base URL."""
    body, etag = _made(tuple(services), base_url)
    if not_modified(request.headers, etag):
        return Response(304, {"ETag": etag})
    return Response(200, {"Content-Type": MEDIA_TYPE, "ETag": etag}, body)


@lru_cache(maxsize=8)
def _made(services: tuple[Service, ...], base_url: str) -> tuple[bytes, str]:
    body = json.render(document(services, base_url))
    return body, f'W/"{sha256(body).hexdigest()[:32]}"'


def document(services: Sequence[Service], base_url: str) -> Json:
    """The document as an object."""
    url = urlsplit(base_url)
    owners = {type_.name: service for service in services for type_ in service.types}
    types = sorted(owners)
    paths: dict[str, Json] = {}
    for path, method, operation in _operations(owners, services):
        where = f"{url.path}/{path}".rstrip("/") if path else f"{url.path}/"
        paths.setdefault(where, {})[method.lower()] = operation
    shared = components(types)
    shared["responses"] |= {name: _resource_answer(name) for name in types}
    shared["responses"] |= {f"{name}.written": _written_answer(name) for name in types}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CareThread",
            "version": __version__,
            "description": "FHIR R4 (4.0.1). Every GET answers HEAD too, and every path OPTIONS. Every error is an "
            "OperationOutcome.",
        },
        "servers": [{"url": f"{url.scheme}://{url.netloc}"}],
        "tags": [{"name": service.name, "description": service.about} for service in services],
        "paths": paths | _HEALTH,
        "components": shared,
    }


def _operations(owners: Mapping[str, Service], services: Sequence[Service]) -> Iterator[tuple[str, str, Json]]:
    """Path below the base URL, method and Operation Object of all there is."""
    for each in INTERACTIONS:
        if (each.code, each.manner) not in _SAID:
            continue
        for type_name in _types_of(each, owners):
            tag = owners[type_name].name if type_name else ""
            yield each.path.replace("{type}", type_name), each.method, _operation(each, type_name, tag)
    for operation in GENERIC:
        if "system" in operation.levels:
            yield from _methods(operation, "", "", "system")
    for type_name in sorted(owners):
        for operation, service in operations_on(type_name, services):
            for level in operation.levels:
                if level != "system":
                    yield from _methods(operation, type_name, service.name, level)


def _types_of(each: Interaction, owners: Mapping[str, Service]) -> Sequence[str]:
    if "{type}" not in each.path:
        return ("",)
    if each.path in (table.COMPARTMENT, table.COMPARTMENT_SEARCH):
        return [name for name in sorted(owners) if name in compartment()]
    return sorted(owners)


def _operation(each: Interaction, type_name: str, tag: str) -> Json:
    said = _SAID[each.code, each.manner]
    names = [part[1:-1] for part in each.path.split("/") if part.startswith("{") and part != "{type}"]
    names += [*said.parameters, *(search_names(type_name) if said.criteria else ())]
    names += [name for name in _EDGE if name not in names]
    made: Json = {
        "operationId": "-".join(part for part in (each.code, each.manner, type_name) if part),
        "summary": said.summary + (f": {type_name}" if type_name else ""),
        "parameters": [ref("parameters", name) for name in names],
        "responses": {
            **{str(status): ref("responses", _named(name, type_name)) for status, name in said.answers.items()},
            **errors({*_ANY_ERROR, *said.errors}),
        },
    }
    if tag:
        made["tags"] = [tag]
    if said.body:
        made["requestBody"] = ref("requestBodies", _named(said.body, type_name))
    return made


def _named(name: str, type_name: str) -> str:
    return name.replace("{type}", type_name)


def _methods(operation: Operation, type_name: str, tag: str, level: str) -> Iterator[tuple[str, str, Json]]:
    """The operation at one level, by each of its methods."""
    where = [type_name] if type_name else []
    if level == "instance":
        where.append("{id}")
    for method in ("POST",) if operation.affects_state else ("GET", "POST", *(["DELETE"] if operation.cancels else [])):
        parameters = [ref("parameters", "id")] if level == "instance" else []
        if operation.asynchronous:
            parameters.append(ref("parameters", "Prefer.async"))
        parameters += [
            {"name": name, "in": "query", "schema": {"type": "string"}} for name in (*operation.parameters, *_EDGE)
        ]
        made: Json = {
            "operationId": "-".join(part for part in (operation.name, level, type_name, method.lower()) if part),
            "summary": f"${operation.name}: {operation.definition}",
            "parameters": parameters,
            "responses": {
                **(
                    {"202": ref("responses", "Begun")}
                    if operation.asynchronous
                    else {"200": ref("responses", "Result")}
                ),
                **errors({*_ANY_ERROR, 403, 404, 410, 415, 422}),
            },
        }
        if tag:
            made["tags"] = [tag]
        if method == "POST" and operation.takes_form:
            made["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}}
        elif method == "POST":
            made["requestBody"] = ref("requestBodies", "judged" if operation.judges_body else "parameters")
        yield "/".join([*where, f"${operation.name}"]), method, made


def _resource_answer(name: str) -> Json:
    whole = {"allOf": [ref("schemas", name), ref("schemas", "Stored")]}
    headers = {header: ref("headers", header) for header in ("ETag", "Last-Modified")}
    return {"description": f"The {name}.", "headers": headers, "content": content(whole)}


def _written_answer(name: str) -> Json:
    whole = {"allOf": [ref("schemas", name), ref("schemas", "Stored")]}
    either = {"anyOf": [whole, ref("schemas", "OperationOutcome")]}
    headers = {header: ref("headers", header) for header in ("ETag", "Last-Modified", "Location")}
    said = "What was written; with `Prefer: return=minimal` nothing."
    return {"description": said, "headers": headers, "content": content(either)}


def _plain(summary: str, statuses: Sequence[int]) -> Json:
    return {"get": {"summary": summary, "responses": {str(status): ref("responses", "Text") for status in statuses}}}


_HEALTH: Json = {
    "/livez": _plain("Whether the process lives", (200,)),
    "/readyz": _plain("Whether its databases are there and migrated", (200, 503)),
    "/metrics": _plain("Prometheus metrics", (200,)),
    "/asyncapi.json": {
        "get": {
            "summary": "The events, as an AsyncAPI document",
            "responses": {"200": ref("responses", "Json"), "304": ref("responses", "NotModified")},
        }
    },
    "/openapi.json": {
        "get": {"summary": "This document", "responses": {"200": ref("responses", "Json")} | errors((400, 503))}
    },
}
"""Outside FHIR."""
