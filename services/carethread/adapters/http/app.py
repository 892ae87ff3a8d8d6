"""The WSGI application: health, metrics, what is nowhere, and FHIR for a server that speaks only WSGI.

FHIR is answered in `fhir.py`, which the edge asks without a detour through WSGI.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode

from flask import Flask, request
from flask import Response as FlaskResponse
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from carethread.adapters.http.fhir import Answer
from carethread.core.errors import Issue, TooLarge
from carethread.core.fhir import json
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.ports import Response
from carethread.core.service import File, Page
from carethread.interactions.rest.exchange import refusal

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

Readiness = Callable[[], Sequence[str]]
"""Names what is not ready; empty when all is."""

Exposition = Callable[[], tuple[bytes, str]]
"""The metrics and their content type."""

Description = Callable[[Mapping[str, str]], Response]
"""A document, by a request's headers, whose names are in lower case."""


def make_app(
    answer: Answer,
    *,
    max_body_bytes: int,
    not_ready: Readiness,
    exposition: Exposition,
    asyncapi: Description,
    pages: Sequence[Page] = (),
    files: Sequence[File] = (),
    fronts: Mapping[str, Description] = {},
) -> Flask:
    """The application: FHIR below `/fhir`, health at `/livez` and `/readyz`, Prometheus at `/metrics`, and the pages
    and files of the services at their paths. `fronts` are pages, by path, that tell what is here; at the root whoever
    accepts no HTML finds nothing.

    A body over the limit ends in 413 before it is read.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes
    app.url_map.merge_slashes = False

    @app.route("/fhir", defaults={"path": ""}, methods=_METHODS, strict_slashes=False)
    @app.route("/fhir/<path:path>", methods=_METHODS)
    def fhir(path: str) -> FlaskResponse:
        try:
            body = request.get_data(cache=False)
        except RequestEntityTooLarge:
            too_large = TooLarge(f"A body may have {max_body_bytes} bytes; send a large Bundle in parts.")
            return _flask(refusal(too_large))
        headers = {name.lower(): value for name, value in request.headers}
        query = request.query_string.decode("latin-1")
        return _flask(answer(request.method, path, query, headers, body))

    @app.get("/openapi.json")
    def openapi() -> FlaskResponse:
        return fhir("openapi.json")

    @app.get("/asyncapi.json")
    def events() -> FlaskResponse:
        return _flask(asyncapi({name.lower(): value for name, value in request.headers}))

    for page in pages:
        app.add_url_rule(f"/{page.path}", page.path, _at_page(page, answer), methods=page.methods)
    for file in files:
        app.add_url_rule(f"/{file.path}", file.path, _of_file(file))

    for path, front in fronts.items():
        app.add_url_rule(f"/{path}", f"front {path}", _at_front(path, front))

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


def _at_page(page: Page, answer: Answer) -> Callable[[str], FlaskResponse]:
    """What is answered at a page: what its operation says. Who asks knows nothing of FHIR, so what they accept is not
    asked."""

    def view(token: str = "") -> FlaskResponse:
        headers = {name.lower(): value for name, value in request.headers if name.lower() != "accept"}
        query = parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True)
        params = [("token", token), *((name, value) for name, value in query if name != "token")] if token else query
        try:
            body = request.get_data(cache=False)
            response = answer(request.method, page.operation, urlencode(params), headers, body)
        except RequestEntityTooLarge:
            response = refusal(TooLarge(f"A body may have {request.max_content_length} bytes."))
        if page.sorry and response.headers.get("Content-Type", "").startswith("application/fhir+json"):
            accepted, posted = headers.get("accept-language", ""), request.method == "POST"
            response = page.sorry(response.status, response.headers, accepted, posted)
        return _flask(response)

    return view


def _at_front(path: str, front: Description) -> Callable[[], FlaskResponse]:
    def view() -> FlaskResponse:
        if not path and "text/html" not in request.headers.get("Accept", ""):
            raise NotFound
        return _flask(front({name.lower(): value for name, value in request.headers}))

    return view


def _of_file(file: File) -> Callable[[], FlaskResponse]:
    """A file, which whoever has named it by what is in it (`?v=`) may keep."""

    def view() -> FlaskResponse:
        body = file.read()
        digest = sha256(body).hexdigest()[:16]
        named = request.args.get("v") == digest
        said = FlaskResponse(body, content_type=file.media_type)
        said.headers["Cache-Control"] = "public, max-age=31536000, immutable" if named else "no-cache"
        said.headers["X-Content-Type-Options"] = "nosniff"
        said.set_etag(digest)
        return said.make_conditional(request)  # type: ignore[return-value]

    return view


def _flask(response: Response) -> FlaskResponse:
    answer = FlaskResponse(response.body, response.status, dict(response.headers))
    if "Content-Type" not in response.headers:
        del answer.headers["Content-Type"]  # Flask's default says HTML, even of nothing
    return answer
