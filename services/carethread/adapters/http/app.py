"""The HTTP edge: Flask takes a request apart, a handler answers it, and nothing unexpected gets out.

Bodies over the limit end in 413 before they are read; every failure is an OperationOutcome without a stack trace.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl

import structlog
from flask import Flask, request
from flask import Response as FlaskResponse
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from carethread.core.clock import Clock
from carethread.core.context import context_of
from carethread.core.errors import FhirError, Issue, Malformed, TooLarge
from carethread.core.faults import told
from carethread.core.fhir import json
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.ports import Request, Response
from carethread.interactions.exchange import finished, refusal
from carethread.interactions.rest import Handler

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

log = structlog.get_logger(__name__)

Readiness = Callable[[], Sequence[str]]
"""Names what is not ready; empty when all is."""

Observe = Callable[[str, int, float], None]
"""Called with the method, the status and the seconds of a FHIR request."""

Exposition = Callable[[], tuple[bytes, str]]
"""The metrics and their content type."""


def make_app(
    handler: Handler,
    *,
    clock: Clock,
    max_body_bytes: int,
    not_ready: Readiness,
    observe: Observe,
    exposition: Exposition,
) -> Flask:
    """The WSGI application: FHIR below `/fhir`, health at `/livez` and `/readyz`, Prometheus at `/metrics`."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes
    app.url_map.merge_slashes = False

    @app.route("/fhir", defaults={"path": ""}, methods=_METHODS, strict_slashes=False)
    @app.route("/fhir/<path:path>", methods=_METHODS)
    def fhir(path: str) -> FlaskResponse:
        started = time.perf_counter()
        response = _answer(handler, path, clock, max_body_bytes)
        observe(request.method, response.status, time.perf_counter() - started)
        answer = FlaskResponse(response.body, response.status, dict(response.headers))
        if "Content-Type" not in response.headers:
            del answer.headers["Content-Type"]  # Flask's default says HTML, even of nothing
        return answer

    @app.get("/openapi.json")
    def openapi() -> FlaskResponse:
        return fhir("openapi.json")

    @app.get("/livez")
    def livez() -> FlaskResponse:
        return FlaskResponse("ok\n", mimetype="text/plain")

    @app.get("/readyz")
    def readyz() -> FlaskResponse:
        waiting = not_ready()
        if waiting:
            return FlaskResponse(f"not ready: {', '.join(waiting)}\n", 503, mimetype="text/plain")
        return FlaskResponse("ok\n", mimetype="text/plain")

    @app.get("/metrics")
    def metrics() -> FlaskResponse:
        body, content_type = exposition()
        return FlaskResponse(body, content_type=content_type)

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> FlaskResponse:
        code = {404: "not-found", 405: "not-supported", 413: "too-long"}.get(error.code or 500, "processing")
        said = f"{error.name}. FHIR is served below /fhir."
        body = json.render(operation_outcome([Issue(code, said)]))
        answer = FlaskResponse(body, error.code, content_type="application/fhir+json;charset=utf-8")
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return answer

    return app


def _answer(handler: Handler, path: str, clock: Clock, max_body_bytes: int) -> Response:
    headers = {name.lower(): value for name, value in request.headers}
    context = context_of(headers, clock)
    try:
        asked = _request(path, headers, max_body_bytes)
        return finished(asked, handler(asked, context))
    except FhirError as error:
        return refusal(error)
    except Exception as error:  # noqa: BLE001
        # The last resort of the edge: what nobody foresaw is logged by kind and place, and answered without detail.
        log.error("request failed", method=request.method, path=path.partition("/")[0], **told(error))
        issue = Issue("exception", "Something went wrong here; it is logged with the trace of this request.")
        return Response(500, {"Content-Type": "application/fhir+json"}, json.render(operation_outcome([issue])))


def _request(path: str, headers: dict[str, str], max_body_bytes: int) -> Request:
    method = "GET" if request.method == "HEAD" else request.method
    try:
        query = parse_qsl(request.query_string.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise Malformed("The query is not percent-encoded UTF-8.", code="value") from None
    except ValueError as error:
        raise Malformed(f"The query cannot be read: {error}.", code="value") from None
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise TooLarge(f"A body may have {max_body_bytes} bytes; send a large Bundle in parts.") from None
    return Request(method, path.removesuffix("/"), query, headers, body)
