"""A FHIR request taken apart, answered by a handler, and nothing unexpected let out; free of any web framework.

Every failure is an OperationOutcome without a stack trace.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

import structlog

from carethread.core.clock import Clock
from carethread.core.context import context_of
from carethread.core.errors import FhirError, Issue, Malformed
from carethread.core.faults import told
from carethread.core.fhir import json
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.ports import Request, Response
from carethread.interactions.rest.exchange import finished, refusal
from carethread.interactions.rest.handling import Handler

log = structlog.get_logger(__name__)

Observe = Callable[[str, int, float], None]
"""Called with the method, the status and the seconds of a FHIR request."""

Answer = Callable[[str, str, str, Mapping[str, str], bytes], Response]
"""Of the method, the path below the FHIR base, the query as it came, the headers by lower-case name, and the body."""


def answering(handler: Handler, clock: Clock, observe: Observe) -> Answer:
    """What answers a request below the FHIR base; it raises nothing."""

    def answer(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Response:
        started = time.perf_counter()
        response = _answer(handler, clock, method, path, query, headers, body)
        observe(method, response.status, time.perf_counter() - started)
        return response

    return answer


def _answer(
    handler: Handler, clock: Clock, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> Response:
    context = context_of(headers, clock)
    try:
        asked = Request("GET" if method == "HEAD" else method, path.removesuffix("/"), _pairs(query), headers, body)
        return finished(asked, handler(asked, context))
    except FhirError as error:
        return refusal(error)
    except Exception as error:  # noqa: BLE001
        # The last resort of the edge: what nobody foresaw is logged by kind and place, and answered without detail.
        log.error("request failed", method=method, path=path.partition("/")[0], **told(error))
        issue = Issue("exception", "Something went wrong here; it is logged with the trace of this request.")
        return Response(500, {"Content-Type": "application/fhir+json"}, json.render(operation_outcome([issue])))


def _pairs(query: str) -> list[tuple[str, str]]:
    if not query:
        return []
    if not query.isascii():
        raise Malformed("The query is not percent-encoded UTF-8.", code="value")
    try:
        return parse_qsl(query, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise Malformed("The query is not percent-encoded UTF-8.", code="value") from None
    except ValueError as error:
        raise Malformed(f"The query cannot be read: {error}.", code="value") from None
