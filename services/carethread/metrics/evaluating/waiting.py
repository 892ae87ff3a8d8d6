"""What is asked for with `Prefer: respond-async`: 202 with the place to ask for the answer, http://hl7.org/fhir/R4/async.html.

A row tells what was asked, how far it is, and what was answered; the process that was asked works at it beside its
requests. A row that nobody works at any more, for the process has died, is taken up by the next who asks about it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from carethread.core.clock import http_date, to_micros
from carethread.core.context import Context
from carethread.core.errors import FhirError, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.outcome import outcome_bytes
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Call, Runtime
from carethread.interactions.rest.exchange import MEDIA_TYPE, answer, guarded

OPERATION = "evaluation"

Work = Callable[[Call, Context, Callable[[str], None]], Resource]
"""What is done in the end; it is given what tells how far it is."""

_KEPT_DAYS = 7
_KEPT = _KEPT_DAYS * 24 * 3600 * 1_000_000
_LEASE = 300 * 1_000_000
"""Microseconds without a word after which nobody works at it: longer than a statement runs."""

_PLACE = "evaluation/"
"""Before the id of a row, which no export can have then."""

_BROKEN = outcome_bytes(FhirError("Something went wrong here; the log says what."))
"""What is answered where the program itself is at fault."""

_HANDED_ON = ("authorization", "traceparent")


def begin(runtime: Runtime, call: Call, context: Context, work: Work) -> Response:
    """202 with the URL to ask."""
    job = context.new_id()
    now = to_micros(context.clock())
    request = call.request
    asked = {
        "type": call.type,
        "id": call.id,
        "params": {name: list(values) for name, values in call.params.items()},
        "method": request.method,
        "path": request.path,
    }
    state = {"asked": asked, "created": now, "told": now, "progress": "waiting to be counted"}
    kept = json.render(state)
    runtime.store.transact(lambda session: session.keep_export(_PLACE + job, now, kept, expired=now - _KEPT))
    headers = {name: request.headers[name] for name in _HANDED_ON if name in request.headers}
    _Run(runtime, job, kept, context, work, headers).start()
    return Response(202, {"Content-Location": f"{runtime.base_url}/Measure/${OPERATION}?job={job}"})


def status(runtime: Runtime, job: str, call: Call, context: Context, work: Work) -> Response:
    """202 with how far it is, then what was answered. Raises NotFound."""
    kept = _kept(runtime, job)
    state: dict[str, Any] = json.parse(kept)
    if "status" in state:
        headers = {"Content-Type": state["media"], "Expires": http_date(state["created"] + _KEPT)}
        return Response(state["status"], headers, state["body"].encode())
    now = to_micros(context.clock())
    if now - state["told"] > _LEASE:
        after = json.render(state | {"told": now})
        if runtime.store.transact(lambda session: session.advance_export(_PLACE + job, kept, after)):
            headers = {name: call.request.headers[name] for name in _HANDED_ON if name in call.request.headers}
            _Run(runtime, job, after, context, work, headers).start()
    return Response(202, {"X-Progress": state["progress"], "Retry-After": "1"})


def cancel(runtime: Runtime, job: str) -> Response:
    """Forget it: 202, and 404 from now on. Raises NotFound."""
    if not is_id(job) or not runtime.store.transact(lambda session: session.drop_export(_PLACE + job)):
        raise _unknown()
    return Response(202)


class _Run(threading.Thread):
    """Works at one row, for as long as it is there and nobody else does."""

    def __init__(
        self, runtime: Runtime, job: str, kept: bytes, context: Context, work: Work, headers: dict[str, str]
    ) -> None:
        super().__init__(name=f"evaluation {job}", daemon=True)
        self._runtime, self._place, self._kept = runtime, _PLACE + job, kept
        self._context, self._work, self._headers = context, work, headers

    def run(self) -> None:
        asked = json.parse(self._kept)["asked"]
        headers = {**self._headers, "prefer": "handling=lenient"}  # it has been judged
        request = Request(asked["method"], asked["path"], (), headers)
        call = Call(asked["type"], asked["id"], asked["params"], None, request)
        try:
            said = guarded(lambda: answer(self._work(call, self._context, self._tell)))
        except _Over:
            return
        except Exception:
            self._note({"status": 500, "media": MEDIA_TYPE, "body": _BROKEN.decode()})
            raise
        body = said.body if isinstance(said.body, bytes) else b"".join(said.body)
        done = {"status": said.status, "media": said.headers["Content-Type"], "body": body.decode()}
        self._note(done)

    def _tell(self, progress: str) -> None:
        if not self._note({"progress": progress}):
            raise _Over

    def _note(self, more: dict[str, Any]) -> bool:
        after = json.render(json.parse(self._kept) | {"told": to_micros(self._context.clock())} | more)
        place, before = self._place, self._kept
        self._kept = after
        return self._runtime.store.transact(lambda session: session.advance_export(place, before, after))


class _Over(Exception):
    """It was cancelled, or somebody else works at it."""


def _kept(runtime: Runtime, job: str) -> bytes:
    found = runtime.store.snapshot(lambda session: session.export(_PLACE + job)) if is_id(job) else None
    if found is None:
        raise _unknown()
    return found


def _unknown() -> NotFound:
    return NotFound(f"This evaluation is not known: it was cancelled, or began more than {_KEPT_DAYS} days ago.")
