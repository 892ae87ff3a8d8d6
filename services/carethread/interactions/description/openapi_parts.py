"""What the OpenAPI document's operations share: parameters, responses, headers, bodies, each by its name under
`components`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from carethread.core.fhir.definitions import SearchParameterDefinition
from carethread.core.fhir.search.parameters import searchable
from carethread.core.fhir.search.parse import TOTALS
from carethread.core.fhir.search.shape import SUMMARIES
from carethread.interactions.description.openapi_schemas import (
    ID,
    INSTANT,
    PATCHES,
    RESOURCES,
    TEXT,
    VALUES,
    Json,
    content,
    ref,
    resource,
)
from carethread.interactions.rest.exchange import MEDIA_TYPE

_ERRORS: Mapping[int, str] = {
    400: "The request cannot be read: no JSON, a parameter or header that is not right.",
    403: "It would cost too much; ask for less.",
    404: "It was never here, or there is no such route, type or operation.",
    405: "The path has no such method; `Allow` names those that it has.",
    406: "Answers are JSON of FHIR 4.0.",
    409: "The state of another resource forbids it, such as a Slot that is taken.",
    410: "It is deleted.",
    412: "If-Match or If-None-Match does not hold, or criteria have several matches.",
    413: "The body is too large.",
    415: "The body has another media type than those here.",
    422: "What was sent breaks FHIR's rules or ours; every issue is named.",
    503: "A database or service is away; `Retry-After` says when to try again.",
}


def errors(statuses: Iterable[int]) -> Json:
    """The responses of an operation that are errors."""
    return {str(status): ref("responses", str(status)) for status in sorted(statuses)}


def components(types: Sequence[str]) -> Json:
    """All that operations on these types refer to."""
    common = {**RESOURCES, **{name: resource(name) for name in ("OperationOutcome", "Parameters", "Bundle", *types)}}
    forms = {f"{name}.search": _form(name) for name in types}
    return {
        "schemas": {**VALUES, **common, **forms, "search": _form("")},
        "parameters": {**_PARAMETERS, **_search_parameters(types)},
        "responses": {str(status): _error(status) for status in _ERRORS} | _ANSWERS,
        "headers": _HEADERS,
        "requestBodies": {name: {"required": True, "content": content(ref("schemas", name))} for name in types}
        | {
            "patch": {"required": True, "content": PATCHES},
            "bundle": {"required": True, "content": content(ref("schemas", "Asked"))},
            "parameters": {"content": content(ref("schemas", "Parameters"))},
            "judged": {"content": content(ref("schemas", "Resource"))},
        }
        | {f"{name}.search": _posted(f"{name}.search") for name in types}
        | {"search": _posted("search")},
    }


def search_names(type_name: str) -> list[str]:
    """The components of the parameters that a search on a type takes as criteria; of all types when it is empty."""
    known = searchable(type_name or "Patient")
    return [_component(type_name, code) for code in sorted(known) if type_name or code.startswith("_")]


def _component(type_name: str, code: str) -> str:
    return f"search.{code}" if code.startswith("_") else f"{type_name}.{code}"


def _search_parameters(types: Sequence[str]) -> Json:
    found: Json = {}
    for type_name in types:
        for code, parameter in searchable(type_name).items():
            found.setdefault(_component(type_name, code), _search_parameter(parameter))
    return found


def _search_parameter(parameter: SearchParameterDefinition) -> Json:
    return {
        "name": parameter.code,
        "in": "query",
        "description": f"{parameter.type}: {parameter.url}",
        "schema": {"type": "array", "items": ref("schemas", f"{parameter.type}.value")},
    }


def _form(type_name: str) -> Json:
    """The fields of a posted search; criteria of a type, or of all."""
    known = searchable(type_name or "Patient")
    criteria = {
        code: ref("schemas", f"{known[code].type}.value") for code in sorted(known) if type_name or code.startswith("_")
    }
    shapes = {
        name: _PARAMETERS[name]["schema"] for name in (*SHAPES, *(() if type_name else ("_type",))) if name != "_cursor"
    }
    return {"type": "object", "properties": criteria | shapes}


def _posted(form: str) -> Json:
    return {"content": content(ref("schemas", form), "application/x-www-form-urlencoded")}


def _error(status: int) -> Json:
    headers = {405: ["Allow"], 415: ["Accept"], 503: ["Retry-After"]}.get(status, [])
    return {
        "description": _ERRORS[status],
        "content": content(ref("schemas", "OperationOutcome")),
    } | ({"headers": {name: ref("headers", name) for name in headers}} if headers else {})


def _query(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _header(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": schema}


def _path(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


_ETAG: Json = {"type": "string", "pattern": r'^(\*|W/"\d{1,9}")$', "examples": ['W/"3"']}

SHAPES = ("_count", "_sort", "_include", "_revinclude", "_summary", "_elements", "_total", "_cursor")
"""The parameters of a search that shape its answer."""

_PARAMETERS: Json = {
    "id": _path("id", {"type": "string", "pattern": ID}, "The resource's id."),
    "version": _path("version", {"type": "string", "pattern": r"^[1-9]\d{0,8}$"}, "meta.versionId"),
    "job": _path("job", {"type": "string", "pattern": ID}, "The export's id."),
    "file": _path("file", {"type": "string", "pattern": r"^[A-Z][A-Za-z]+-\d{1,9}\.ndjson$"}, "From the manifest."),
    "_format": _query("_format", {"enum": ["json", MEDIA_TYPE, "application/json"]}, "Above `Accept`."),
    "_pretty": _query("_pretty", {"type": "boolean"}, "Whether lines are indented."),
    "_summary": _query("_summary", {"enum": list(SUMMARIES)}, "http://hl7.org/fhir/R4/search.html#summary"),
    "_elements": _query("_elements", {"type": "string", "pattern": r"^[A-Za-z]+(,[A-Za-z]+)*$"}, "Top-level elements."),
    "_count": _query("_count", {"type": "integer", "minimum": 0, "maximum": 999999999}, "Matches on a page."),
    "_sort": _query(
        "_sort", {"type": "string", "pattern": r"^-?_?[a-z\-]+(,-?_?[a-z\-]+)*$"}, "Parameters, `-` for descending."
    ),
    "_include": _query("_include", {"type": "array", "items": TEXT}, "`Type:parameter[:Target]`, `Type:*`, `*`"),
    "_revinclude": _query("_revinclude", {"type": "array", "items": TEXT}, "`Type:parameter[:Target]`"),
    "_total": _query("_total", {"enum": list(TOTALS)}, "http://hl7.org/fhir/R4/search.html#total"),
    "_cursor": _query("_cursor", TEXT, "Of the link `next`; not to be made."),
    "_type": _query("_type", TEXT, "Resource types, joined by commas."),
    "_since": _query("_since", {"type": "string", "pattern": f"^{INSTANT}$"}, "From this moment on."),
    "_at": _query("_at", {"type": "string", "pattern": f"^{INSTANT}$"}, "What was current then."),
    "If-Match": _header("If-Match", _ETAG, "The version that is current."),
    "If-None-Match": _header("If-None-Match", _ETAG, "On a read: the version that is known. On an update: `*`."),
    "If-Modified-Since": _header("If-Modified-Since", TEXT, "An HTTP date."),
    "If-None-Exist": _header("If-None-Exist", TEXT, "Criteria: create only if nothing meets them."),
    "Prefer.return": _header(
        "Prefer",
        {"enum": ["return=minimal", "return=representation", "return=OperationOutcome"]},
        "What a write answers.",
    ),
    "Prefer.handling": _header(
        "Prefer", {"enum": ["handling=strict", "handling=lenient"]}, "Whether an unknown parameter is refused."
    ),
    "Prefer.async": _header("Prefer", {"const": "respond-async"}, "Must be there.") | {"required": True},
    "X-CareThread-Backfill": _header("X-CareThread-Backfill", {"const": "true"}, "The write is history."),
}

_HEADERS: Json = {
    name: {"description": said, "schema": TEXT}
    for name, said in {
        "ETag": "The version.",
        "Last-Modified": "When it was made.",
        "Location": "The version's URL.",
        "Content-Location": "The URL to ask for what comes of it.",
        "Retry-After": "Seconds.",
        "Allow": "Methods.",
        "Accept": "Media types.",
        "X-Progress": "How far it is.",
    }.items()
}


def _answer(description: str, schema: Json | None, *headers: str, media_type: str = MEDIA_TYPE) -> Json:
    said: Json = {"description": description}
    if headers:
        said["headers"] = {name: ref("headers", name) for name in headers}
    return said | ({"content": content(schema, media_type)} if schema is not None else {})


_MADE = ("text/html", "text/plain", "text/csv", "text/calendar", "application/vnd.apache.parquet")
"""Media types in which an operation may answer that makes something for people, or for programs beside FHIR."""

_ANSWERS: Json = {
    "NotModified": _answer("The caller has this already.", None, "ETag"),
    "NoContent": _answer("Done.", None),
    "Searchset": _answer("A page of matches.", ref("schemas", "Searchset")),
    "History": _answer("A page of versions.", ref("schemas", "History")),
    "Answers": _answer("An answer for each entry.", ref("schemas", "Answers")),
    "Outcome": _answer("What was done, in words.", ref("schemas", "OperationOutcome")),
    "Result": {
        "description": "The operation's answer: a resource, or the page, text or table that it makes.",
        "content": content(ref("schemas", "Resource")) | {made: {"schema": TEXT} for made in _MADE},
    },
    "Capabilities": _answer("What the server can do.", ref("schemas", "Resource"), "ETag"),
    "Json": _answer("A JSON document.", {"type": "object"}, media_type="application/json"),
    "Begun": _answer("It has begun.", None, "Content-Location"),
    "Going": _answer("It goes on.", None, "X-Progress", "Retry-After"),
    "Cancelled": _answer("It is forgotten.", None),
    "Manifest": _answer("The files.", ref("schemas", "Manifest"), media_type="application/json"),
    "File": _answer("Resources, one a line.", TEXT, media_type="application/fhir+ndjson"),
    "Text": _answer("Plain text.", TEXT, media_type="text/plain"),
}
