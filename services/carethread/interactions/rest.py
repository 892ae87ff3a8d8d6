"""The RESTful API of one service, free of any web framework: a Request in, a Response out, whatever happens.

Source: http://hl7.org/fhir/R4/http.html. The routes stand in `_route`; each leads to one interaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl

from carethread.core.clock import http_date
from carethread.core.context import Context
from carethread.core.errors import Busy, FhirError, Issue, Malformed, NotSupported
from carethread.core.fhir import json
from carethread.core.fhir.definitions import resource_types
from carethread.core.fhir.outcome import operation_outcome, outcome_bytes
from carethread.core.ports import Request, Resource, Response, Stored
from carethread.core.service import Runtime
from carethread.interactions import search as searching
from carethread.interactions.bundle import etag
from carethread.interactions.capabilities import capability_statement
from carethread.interactions.create import create
from carethread.interactions.delete import delete
from carethread.interactions.history import history
from carethread.interactions.operation import invoke
from carethread.interactions.read import read, vread
from carethread.interactions.status import status_of
from carethread.interactions.transaction import batch, transaction
from carethread.interactions.update import update
from carethread.interactions.write import Result

MEDIA_TYPE = "application/fhir+json"
_JSON = {MEDIA_TYPE, "application/json", "text/json"}
_JSON_FORMATS = _JSON | {"json"}
_FORM = "application/x-www-form-urlencoded"
_CONTENT = {"Content-Type": f"{MEDIA_TYPE};charset=utf-8"}

Handler = Callable[[Request, Context], Response]


def handle(runtime: Runtime, request: Request, context: Context) -> Response:
    """Answer a request; an error becomes its OperationOutcome."""
    return guarded(lambda: _route(runtime, request, context))


def guarded(work: Callable[[], Response]) -> Response:
    """What `work` answers, or the answer for the FhirError that it raises."""
    try:
        return work()
    except FhirError as error:
        return refusal(error)


def refusal(error: FhirError) -> Response:
    """The response for an error."""
    retry = {"Retry-After": str(error.retry_after)} if isinstance(error, Busy) else {}
    return Response(status_of(error), {**_CONTENT, **retry}, outcome_bytes(error))


def _route(runtime: Runtime, request: Request, context: Context) -> Response:
    _refuse_nul([("", request.path), *request.query])
    _negotiate(request)
    match request.path.split("/") if request.path else []:
        case []:
            allow(request, "POST")
            return _bundle(runtime, request, context)
        case ["metadata"]:
            allow(request, "GET")
            return answer(capability_statement([runtime.service], runtime.base_url, context))
        case [type_name, *rest]:
            known_type(runtime, type_name)
            return _typed(runtime, type_name, rest, request, context)
    raise NotSupported("There is nothing at this path.")


def _typed(runtime: Runtime, type_name: str, rest: list[str], request: Request, context: Context) -> Response:
    match rest:
        case []:
            allow(request, "GET", "POST")
            if request.method == "GET":
                return _search(runtime, type_name, request.query, request, context)
            if "if-none-exist" in request.headers:
                raise NotSupported("Conditional create (If-None-Exist) is not supported.", kind="method")
            return _written(runtime, create(runtime, type_name, body_of(request), context), request)
        case ["_search"]:
            allow(request, "POST")
            form = _form(request)
            return _search(runtime, type_name, [*request.query, *form], request, context)
        case [name] if name.startswith("$"):
            return _operation(runtime, name[1:], type_name, "", request, context)
        case [id_]:
            return _instance(runtime, type_name, id_, request, context)
        case [id_, "_history"]:
            allow(request, "GET")
            return Response(200, _CONTENT, history(runtime, (type_name, id_), list(request.query), context))
        case [id_, "_history", version]:
            allow(request, "GET")
            return _resource(vread(runtime, (type_name, id_), version, context), request)
        case [id_, name] if name.startswith("$"):
            return _operation(runtime, name[1:], type_name, id_, request, context)
    raise NotSupported("There is nothing at this path.")


def _instance(runtime: Runtime, type_name: str, id_: str, request: Request, context: Context) -> Response:
    allow(request, "GET", "PUT", "DELETE")
    key, headers = (type_name, id_), request.headers
    if request.method == "GET":
        return _resource(read(runtime, key, context), request)
    if request.method == "DELETE":
        result = delete(runtime, key, context, if_match=headers.get("if-match"))
        version = {"ETag": etag(result.stored.version)} if result.stored else {}
        return Response(204, version)
    result = update(
        runtime,
        key,
        body_of(request),
        context,
        if_match=headers.get("if-match"),
        if_none_match=headers.get("if-none-match"),
    )
    return _written(runtime, result, request)


def _refuse_nul(pairs: Sequence[tuple[str, str]]) -> None:
    """No element and no database has U+0000, and an answer that repeats it is no JSON that FHIR allows."""
    if any("\0" in text for pair in pairs for text in pair):
        raise Malformed("The character U+0000 is not allowed in a URL or a form; take it out.", code="value")


def known_type(runtime: Runtime, type_name: str) -> None:
    """Raise NotSupported for a type that FHIR does not have, or that another service keeps."""
    if runtime.service.owns(type_name):
        return
    if type_name in resource_types():
        raise NotSupported(f"{type_name} is not kept by {runtime.service.name}.")
    raise NotSupported("The path begins with no R4 resource type; types are written like Patient.")


def allow(request: Request, *methods: str) -> None:
    """Raise NotSupported for a method that is not among those of the path."""
    if request.method not in methods:
        raise NotSupported(f"Allowed here: {', '.join(methods)}.", kind="method")


def _negotiate(request: Request) -> None:
    """Raise NotSupported when the caller accepts no JSON; `_format` stands above Accept."""
    wanted = dict(request.query).get("_format") or request.headers.get("accept") or "*/*"
    offers = {part.partition(";")[0].strip().lower() for part in wanted.replace(" json", "+json").split(",")}
    if not offers & (_JSON_FORMATS | {"*/*", "application/*", "text/*", ""}):
        raise NotSupported(f"Answers are {MEDIA_TYPE}; ask for that, or for */*.", kind="accept")


def body_of(request: Request) -> Resource:
    """The body as a JSON object. Raises NotSupported for another media type, Malformed for no JSON object."""
    _media(request, _JSON, MEDIA_TYPE)
    if not request.body:
        raise Malformed(f"{request.method} needs a resource in its body.", code="required")
    return json.parse_object(request.body)


def _media(request: Request, allowed: set[str], name: str) -> None:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise NotSupported("Bodies are sent without Content-Encoding.", kind="media")
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent not in allowed:
        said = f"not {sent[:64]}" if sent else "and it is missing"
        raise NotSupported(f"The Content-Type here is {name}, {said}.", kind="media")


def _form(request: Request) -> list[tuple[str, str]]:
    if not request.body:
        return []
    _media(request, {_FORM}, _FORM)
    try:
        form = parse_qsl(request.body.decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise Malformed("The form is not UTF-8.") from None
    _refuse_nul(form)
    return form


def _bundle(runtime: Runtime, request: Request, context: Context) -> Response:
    bundle = body_of(request)
    do = transaction if bundle.get("type") == "transaction" else batch
    return Response(200, _CONTENT, do(runtime, bundle, context, lambda each: handle(runtime, each, context)))


def _search(
    runtime: Runtime, type_name: str, params: Sequence[tuple[str, str]], request: Request, context: Context
) -> Response:
    strict = "handling=strict" in _preferences(request)
    found = searching.search(runtime, type_name, params, context, strict=strict)
    return Response(200, _CONTENT, searching.bundle(runtime, found))


def _operation(runtime: Runtime, name: str, type_name: str, id_: str, request: Request, context: Context) -> Response:
    allow(request, "GET", "POST")
    body = body_of(request) if request.method == "POST" and request.body else None
    return answer(invoke(runtime, request.method, name, type_name, id_, request.query, body, context))


def answer(resource: Resource) -> Response:
    """A resource that was made for this answer."""
    return Response(200, _CONTENT, json.render(resource))


def _resource(stored: Stored, request: Request) -> Response:
    headers = {"ETag": etag(stored.version), "Last-Modified": http_date(stored.updated)}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(304, headers)
    return Response(200, {**_CONTENT, **headers}, stored.body)


def _written(runtime: Runtime, result: Result, request: Request) -> Response:
    stored = result.stored
    if stored is None:
        raise AssertionError("a create or update always leaves a version")
    headers = {
        **_CONTENT,
        "ETag": etag(stored.version),
        "Last-Modified": http_date(stored.updated),
        "Location": f"{runtime.base_url}/{stored.type}/{stored.id}/_history/{stored.version}",
    }
    status = 201 if result.outcome == "created" else 200
    preferences = _preferences(request)
    if "return=minimal" in preferences:
        return Response(status, {name: value for name, value in headers.items() if name != "Content-Type"})
    if "return=OperationOutcome" in preferences:
        said = Issue("informational", f"{stored.type}/{stored.id} is {result.outcome}.", severity="information")
        return Response(status, headers, json.render(operation_outcome([said])))
    return Response(status, headers, stored.body)


def _preferences(request: Request) -> set[str]:
    return {part.strip() for part in request.headers.get("prefer", "").replace(";", ",").split(",")}
