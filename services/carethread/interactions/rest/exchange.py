"""Requests taken apart and responses put together: media types, bodies, headers; http://hl7.org/fhir/R4/http.html#general.

Every handler of requests uses these, so that an answer looks alike whoever gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from urllib.parse import parse_qsl

from carethread.core.clock import http_date
from carethread.core.errors import Busy, FhirError, Issue, Malformed, NotSupported
from carethread.core.fhir import json
from carethread.core.fhir.definitions import resource_types
from carethread.core.fhir.outcome import operation_outcome, outcome_bytes
from carethread.core.fhir.search.parse import MAX_PARAMETERS
from carethread.core.fhir.validation.report import shown as shown_word
from carethread.core.ports import Request, Resource, Response, Stored
from carethread.interactions.rest.bundle import etag
from carethread.interactions.rest.headers import not_modified, preferences
from carethread.interactions.rest.status import status_of
from carethread.interactions.writing.command import Result

MEDIA_TYPE = "application/fhir+json"
JSON = (MEDIA_TYPE, "application/json", "text/json")
_FORMATS = {*JSON, "json", "*/*", "application/*", "text/*", ""}
_FORM = "application/x-www-form-urlencoded"
CONTENT = {"Content-Type": f"{MEDIA_TYPE};charset=utf-8"}

_INSTEAD = {"method": "Allow", "media": "Accept", "patch": "Accept-Patch"}
"""The header that says what is allowed, by what was not."""


def guarded(work: Callable[[], Response]) -> Response:
    """What `work` answers, or the answer for the FhirError that it raises."""
    try:
        return work()
    except FhirError as error:
        return refusal(error)


def refusal(error: FhirError) -> Response:
    """The response for an error."""
    headers = dict(CONTENT)
    if isinstance(error, Busy) and error.retry_after:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, NotSupported) and error.allowed:
        headers[_INSTEAD[error.kind]] = ", ".join(error.allowed)
    return Response(status_of(error), headers, outcome_bytes(error))


def finished(request: Request, response: Response) -> Response:
    """The response as it leaves: OPTIONS is told what is allowed, `_pretty` has its lines."""
    if request.method == "OPTIONS" and "Allow" in response.headers:
        return Response(204, {"Allow": response.headers["Allow"]})
    is_json = response.headers.get("Content-Type", "").startswith(JSON)
    if response.body and is_json and ("_pretty", "true") in request.query:
        return replace(response, body=json.render(json.parse(response.body), pretty=True))
    return response


def allow(request: Request, *methods: str) -> None:
    """Raise NotSupported for a method that is not among those of the path; it comes before all else there."""
    if request.method not in methods:
        offered = [*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"]
        raise NotSupported(f"Allowed here: {', '.join(methods)}.", kind="method", allowed=offered)


def nothing_here(head: str) -> NotSupported:
    """The error for a path whose first part is no type that is stored, and nothing else that is there."""
    if head in resource_types():
        return NotSupported(f"{head} resources are not stored: they go with an operation or a patch, or answer one.")
    word = shown_word(head)
    nearest = next((name for name in resource_types() if name.lower() == head.lower()), "")
    said = f"There is nothing at '{word}': a path begins with an R4 resource type, such as Patient, or with metadata."
    return NotSupported(f"{said} Did you mean '{nearest}'?" if nearest else said)


def refuse_nul(pairs: Iterable[tuple[str, str]]) -> None:
    """No element and no database has U+0000, and an answer that repeats it is no JSON that FHIR allows."""
    if any("\0" in text for pair in pairs for text in pair):
        raise Malformed("The character U+0000 is not allowed in a URL or a form; take it out.", code="value")


def negotiate(request: Request, beside: Sequence[str] = ()) -> None:
    """Raise NotSupported when the caller accepts no JSON of R4, nor what there is `beside` it."""
    if not any(name in _FORMATS or name in beside for name in _accepted(request)):
        named = " or ".join((f"{MEDIA_TYPE} of FHIR 4.0", *beside))
        raise NotSupported(f"Answers are {named}; ask for that, or for */*.", kind="accept")


def preferred(request: Request, offered: Sequence[str]) -> str:
    """The media type of these that the caller names first; empty where they name none."""
    return next((name for name in _accepted(request) if name in offered), "")


def _accepted(request: Request) -> Iterator[str]:
    """What the caller accepts, without parameters; `_format` stands above Accept."""
    wanted = dict(request.query).get("_format") or request.headers.get("accept") or "*/*"
    for media_range in wanted.replace(" json", "+json").split(","):
        name, *parameters = (part.strip().lower() for part in media_range.split(";"))
        if not any(map(_refuses, parameters)):
            yield name


def _refuses(parameter: str) -> bool:
    """Whether a parameter of a media range asks for another version of FHIR, or says that this is not wanted."""
    name, _, value = parameter.partition("=")
    if name == "q":
        return value.rstrip("0") in ("0.", "")
    return name == "fhirversion" and value.strip('"') != "4.0"


def body_of(request: Request) -> Resource:
    """The body as a JSON object. Raises NotSupported for another media type, Malformed for no JSON object."""
    media_type(request, JSON)
    if not request.body:
        raise Malformed(f"{request.method} needs a resource in its body.", code="required")
    return json.parse_object(request.body)


def media_type(request: Request, allowed: Sequence[str], *, kind: str = "media") -> str:
    """The Content-Type without its parameters. Raises NotSupported for one that is not allowed here."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise NotSupported("Bodies are sent without Content-Encoding.", kind="media")
    sent, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    if sent not in allowed:
        said = f"not {sent[:64]}" if sent else "and it is missing"
        named = " or ".join(name for name in allowed if name not in JSON[1:])
        raise NotSupported(f"The Content-Type here is {named}, {said}.", kind=kind, allowed=allowed)
    if any(name.startswith("fhirversion") and _refuses(name) for name in parameters):
        raise NotSupported("Bodies are of FHIR 4.0.", kind=kind, allowed=allowed)
    return sent


def form_of(request: Request) -> list[tuple[str, str]]:
    """The pairs of a form. Raises NotSupported for another media type, Malformed for what is not UTF-8."""
    if not request.body:
        return []
    media_type(request, [_FORM])
    try:
        form = parse_qsl(request.body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeDecodeError:
        raise Malformed("The form is not UTF-8.") from None
    except ValueError:
        raise Malformed(f"A form may have {MAX_PARAMETERS} parameters.", code="too-costly") from None
    refuse_nul(form)
    return form


def refuse_conditions(request: Request, *names: str) -> None:
    """Raise Malformed for a condition that a write cannot honour: passed over, it would be broken unseen."""
    for name in names:
        if name in request.headers:
            raise Malformed(f"{name.title()} has no meaning on this request; leave it out.", code="invalid")


def answer(resource: Resource) -> Response:
    """A resource that was made for this answer."""
    return Response(200, CONTENT, json.render(resource))


def tagged(request: Request, resource: Resource, *, apart: str) -> Response:
    """A made resource with an ETag of its content but for the member `apart`, which changes by itself."""
    content = {name: value for name, value in resource.items() if name != apart}
    headers = {"ETag": f'W/"{sha256(json.render(content)).hexdigest()[:32]}"'}
    if not_modified(request.headers, headers["ETag"]):
        return Response(304, headers)
    return Response(200, {**CONTENT, **headers}, json.render(resource))


def version_headers(stored: Stored) -> dict[str, str]:
    """What an answer says of the version that it is about."""
    return {"ETag": etag(stored.version), "Last-Modified": http_date(stored.updated)}


def shown(request: Request, stored: Stored, body: Callable[[bytes], bytes]) -> Response:
    """A stored version, unless the caller has it already; `body` makes of its bytes what was asked for."""
    headers = version_headers(stored)
    if not_modified(request.headers, headers["ETag"], stored.updated):
        return Response(304, headers)
    return Response(200, {**CONTENT, **headers}, body(stored.body))


def written(request: Request, result: Result, base_url: str) -> Response:
    """What became of a write, with as much of a body as `Prefer: return` asks for."""
    stored = result.stored
    wanted = preferences(request.headers).get("return", "")
    if result.outcome == "deleted":
        version = {"ETag": etag(stored.version)} if stored else {}
        if wanted == "OperationOutcome":
            where = f"{stored.type}/{stored.id} is deleted." if stored else "There was nothing to delete."
            return Response(200, {**CONTENT, **version}, _said(where))
        return Response(204, version)
    if stored is None:
        raise AssertionError("what is not a delete always leaves a version")
    place = f"{base_url}/{stored.type}/{stored.id}/_history/{stored.version}"
    headers = {**version_headers(stored), "Location": place}
    status = 201 if result.outcome == "created" else 200
    if wanted == "minimal":
        return Response(status, headers)
    if wanted == "OperationOutcome":
        return Response(status, {**CONTENT, **headers}, _said(f"{stored.type}/{stored.id} is {result.outcome}."))
    return Response(status, {**CONTENT, **headers, "Content-Location": place}, stored.body)


def _said(text: str) -> bytes:
    return json.render(operation_outcome([Issue("informational", text, severity="information")]))
