"""The RESTful API of one service, free of any web framework: a Request in, a Response out, whatever happens.

Source: http://hl7.org/fhir/R4/http.html. The routes stand in `_route`; each leads to one interaction, by one of the
methods that the table gives its path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from carethread.core.context import Context
from carethread.core.errors import FhirError, Malformed, NotSupported
from carethread.core.fhir.definitions import resource_types
from carethread.core.ports import Key, Request, Resource, Response, Stored
from carethread.core.service import Runtime
from carethread.interactions import search as searching
from carethread.interactions.committed import committed
from carethread.interactions.create import create
from carethread.interactions.delete import conditional_delete_command, delete_command
from carethread.interactions.description.capabilities import capability_statement
from carethread.interactions.description.openapi import openapi
from carethread.interactions.description.smart import smart_configuration
from carethread.interactions.history import history, instance_history
from carethread.interactions.operations import export
from carethread.interactions.operations.invoke import find, invoke
from carethread.interactions.patch import LANGUAGES, patch_command
from carethread.interactions.read import read, vread
from carethread.interactions.rest import table
from carethread.interactions.rest.exchange import (
    CONTENT,
    allow,
    answer,
    body_of,
    form_of,
    guarded,
    media_type,
    negotiate,
    nothing_here,
    refuse_conditions,
    refuse_nul,
    shown,
    written,
)
from carethread.interactions.rest.headers import preferences
from carethread.interactions.rest.subset import described, shape_of, subset
from carethread.interactions.searching.compartment import is_compartment_path
from carethread.interactions.transaction import batch, transaction
from carethread.interactions.transaction.part import part
from carethread.interactions.transaction.several import transactions
from carethread.interactions.update import conditional_update_command, update_command
from carethread.interactions.writing.apply import apply
from carethread.interactions.writing.command import Condition
from carethread.interactions.writing.conditional import known_condition
from carethread.interactions.writing.together import SMALL

_EDGE = ("_format", "_pretty")
"""Parameters of any URL that say nothing of which resource is meant."""

_NEVER_STORED = ("Parameters", "OperationOutcome")

Handler = Callable[[Request, Context], Response]


def handle(runtime: Runtime, request: Request, context: Context) -> Response:
    """Answer a request; an error becomes its OperationOutcome."""
    return guarded(lambda: _route(runtime, request, context))


def handle_at_once(runtime: Runtime, asked: Sequence[tuple[Request, Context]]) -> list[Response | None]:
    """Answer small transactions that depend on nothing of each other; None: nothing was done, ask by `handle`."""
    bundles = [_transaction(request) for request, _ in asked]
    several = [(bundle, context) for bundle, (_, context) in zip(bundles, asked, strict=True) if bundle]
    answers = iter(transactions(runtime, several))
    done = [next(answers) if bundle else None for bundle in bundles]
    return [Response(200, CONTENT, body) if body is not None else None for body in done]


def _transaction(request: Request) -> Resource | None:
    """The transaction that a request is, if others may wait for it."""
    if request.method != "POST" or request.path or len(request.body) > SMALL:
        return None
    try:
        bundle = body_of(request)
    except FhirError:
        return None
    return bundle if bundle.get("type") == "transaction" else None


def _route(runtime: Runtime, request: Request, context: Context) -> Response:
    refuse_nul([("", request.path), *request.query])
    match request.path.split("/"):
        case ["$export", job, file]:  # no JSON, whatever is accepted
            allow(request, *table.methods(table.EXPORT_FILE))
            return export.file(runtime, job, file, context)
        case [".well-known", "smart-configuration"]:
            allow(request, *table.methods(table.SMART))
            return smart_configuration()
        case ["openapi.json"]:
            allow(request, *table.methods(table.OPENAPI))
            return openapi([runtime.service], runtime.base_url, request)
    negotiate(request, _beside(runtime, request.path))
    match request.path.split("/") if request.path else []:
        case [] if request.method == "GET":
            return _search(runtime, [], request, context)
        case []:
            allow(request, *table.methods(table.BASE))
            return _bundle(runtime, request, context)
        case ["_search"]:
            return _search(runtime, [], request, context)
        case [_, _, *_] as parts if is_compartment_path(parts):
            return _search(runtime, parts[:3], request, context)
        case ["_history"]:
            return _history(runtime, None, None, request, context)
        case ["metadata"]:
            allow(request, *table.methods(table.METADATA))
            return described(request, capability_statement([runtime.service], runtime.base_url, context))
        case ["$committed"]:
            allow(request, "GET")
            return committed(runtime, request, context)
        case ["$part", transaction_id]:
            return part(runtime, transaction_id, request, context, handle)
        case ["$export", job]:
            allow(request, *table.methods(table.EXPORT))
            return export.cancel(runtime, job) if request.method == "DELETE" else export.status(runtime, job, context)
        case [*where, name] if name.startswith("$") and len(where) < 3:
            type_name, id_ = [*where, "", ""][:2]
            return _operation(runtime, name[1:], type_name, id_, request, context)
        case [type_name, *rest]:
            known_type(runtime, type_name)
            return _typed(runtime, type_name, rest, request, context)
    raise NotSupported("There is nothing at this path.")


def _beside(runtime: Runtime, path: str) -> tuple[str, ...]:
    """What the operation of a path may be asked to answer in place of JSON."""
    type_name, _, rest = path.partition("/")
    name = rest.rpartition("/")[2]
    found = (each.answers for each in runtime.service.operations if (each.type, f"${each.name}") == (type_name, name))
    return next(found, ())


def _typed(runtime: Runtime, type_name: str, rest: list[str], request: Request, context: Context) -> Response:
    match rest:
        case []:
            return _type(runtime, type_name, request, context)
        case ["_search"]:
            return _search(runtime, [type_name], request, context)
        case ["_history"]:
            return _history(runtime, type_name, None, request, context)
        case [id_]:
            return _instance(runtime, (type_name, id_), request, context)
        case [id_, "_history"]:
            return _history(runtime, type_name, id_, request, context)
        case [id_, "_history", version]:
            allow(request, *table.methods(table.VERSION))
            return _resource(vread(runtime, (type_name, id_), version, context), request)
    raise NotSupported("There is nothing at this path.")


def _history(runtime: Runtime, type_name: str | None, id_: str | None, request: Request, context: Context) -> Response:
    """The history of an instance, of a type, or of all that the service owns."""
    allow(request, *table.methods(table.HISTORY if type_name is None else table.INSTANCE_HISTORY))
    strict = preferences(request.headers).get("handling") == "strict"
    if type_name and id_ is not None:
        body = instance_history(runtime, (type_name, id_), request.query, context, strict=strict)
    else:
        body = history(runtime, type_name, request.query, context, strict=strict)
    return Response(200, CONTENT, body)


def _type(runtime: Runtime, type_name: str, request: Request, context: Context) -> Response:
    """A search, a create, or a write of the one resource that the query means."""
    allow(request, *table.methods(table.TYPE))
    if request.method == "GET":
        return _search(runtime, [type_name], request, context)
    pairs = [pair for pair in request.query if pair[0] not in _EDGE]
    if request.method == "POST":
        refuse_conditions(request, "if-match", "if-none-match")
        given: str | list[tuple[str, str]] | None = request.headers.get("if-none-exist")
        if pairs and given is not None:
            raise Malformed("Criteria stand in If-None-Exist or in the URL, not in both.", code="invalid")
        given = pairs or given  # a search in the URL of a create is no less a condition
        condition = None if given is None else known_condition(runtime, type_name, given, context)
        made = create(runtime, type_name, body_of(request), context, condition=condition)
        return written(request, made, runtime.base_url)
    return _command(runtime, known_condition(runtime, type_name, pairs, context), request, context)


def _instance(runtime: Runtime, key: Key, request: Request, context: Context) -> Response:
    allow(request, *table.methods(table.INSTANCE))
    if request.method == "GET":
        return _resource(read(runtime, key, context), request)
    return _command(runtime, key, request, context)


def _command(runtime: Runtime, target: Key | Condition, request: Request, context: Context) -> Response:
    """An update, patch or delete of a resource, or of the one that meets a condition."""
    refuse_conditions(request, "if-none-exist", *(() if request.method == "PUT" else ("if-none-match",)))
    if_match, if_none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    match request.method, target:
        case "PATCH", _:
            language = LANGUAGES[media_type(request, tuple(LANGUAGES), kind="patch")]
            command = patch_command(target, language(request.body), context, if_match=if_match)
        case "DELETE", Condition() as condition:
            command = conditional_delete_command(condition, context, if_match=if_match)
        case "DELETE", (str(), str()) as key:
            command = delete_command(key, context, if_match=if_match)
        case _, Condition() as condition:
            sent = body_of(request)
            command = conditional_update_command(
                condition, sent, context, if_match=if_match, if_none_match=if_none_match
            )
        case _, key:
            command = update_command(key, body_of(request), context, if_match=if_match, if_none_match=if_none_match)
    return written(request, apply(runtime, [command], context)[0], runtime.base_url)


def _resource(stored: Stored, request: Request) -> Response:
    """A version, or the part of it that `_summary` or `_elements` ask for."""
    summary, elements = shape_of(stored.type, request.query)
    return shown(request, stored, lambda body: subset(body, stored.type, summary, elements))


def known_type(runtime: Runtime, type_name: str) -> None:
    """Raise NotSupported for a type that FHIR does not have, or that another service keeps."""
    if runtime.service.owns(type_name):
        return
    if type_name in resource_types() and type_name not in _NEVER_STORED:
        raise NotSupported(f"{type_name} is not kept by {runtime.service.name}.")
    raise nothing_here(type_name)


def _bundle(runtime: Runtime, request: Request, context: Context) -> Response:
    bundle = body_of(request)
    do = transaction if bundle.get("type") == "transaction" else batch
    wanted = preferences(request.headers).get("return", "")
    return Response(200, CONTENT, do(runtime, bundle, context, handle, wanted))


def _search(runtime: Runtime, path: Sequence[str], request: Request, context: Context) -> Response:
    """A search by GET, or by POST of a form to `_search`, whose parameters join those of the URL."""
    posted = request.path.endswith("_search")
    allow(request, *(table.methods(table.SEARCH) if posted else ["GET"]))
    params = [*request.query, *form_of(request)] if posted else list(request.query)
    strict = preferences(request.headers).get("handling") == "strict"
    found = searching.search_at(runtime, path, params, context, strict=strict)
    return Response(200, CONTENT, searching.bundle(runtime, found))


def _operation(runtime: Runtime, name: str, type_name: str, id_: str, request: Request, context: Context) -> Response:
    cancels = any(each.name == name and each.cancels for each in runtime.service.operations)
    allow(request, "GET", "POST", *(["DELETE"] if cancels else []))
    level = "instance" if id_ else "type" if type_name else "system"
    takes_form = find(runtime, name, type_name, level).takes_form
    body = body_of(request) if request.method == "POST" and request.body and not takes_form else None
    said = invoke(runtime, request, name, type_name, id_, body, context)
    return said if isinstance(said, Response) else answer(said)
