"""What is asked for with `Prefer: respond-async`: 202 with the place to ask for the answer, http://hl7.org/fhir/R4/async.html.

A row tells who asked what, how far it is, and what was answered. The process that was asked works at it (`working`).
What nobody works at any more is taken up when who asked for it asks about it: what they may see goes by what they bring
along, which is kept nowhere.
"""

from __future__ import annotations

from typing import Any

from carethread.core.clock import http_date, to_micros
from carethread.core.context import Context
from carethread.core.errors import NotFound
from carethread.core.fhir import json
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Response, Session
from carethread.core.service import Call, Runtime
from carethread.metrics.answering import working
from carethread.metrics.answering.working import PLACE, TURNS, Job, Work

OPERATION = "evaluation"

_HANDED_ON = ("authorization", "traceparent")


def begin(runtime: Runtime, call: Call, context: Context, work: Work) -> Response:
    """202 with the URL to ask. Raises Busy where too many wait already."""
    TURNS.refuse_more()
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
    state = {
        "asked": asked,
        "who": context.principal.name,
        "created": now,
        "host": working.host(),
        "progress": working.WAITS,
    }
    kept = json.render({**state, "small_cells": runtime.small_cells})

    def keep(session: Session) -> None:
        working.here(session, now)
        session.keep_export(PLACE + job, now, kept, expired=now - working.KEPT)

    runtime.store.transact(keep)
    working.let(Job(runtime, PLACE + job, kept, context, work, _handed_on(call)))
    return Response(202, {"Content-Location": f"{runtime.base_url}/Measure/${OPERATION}?job={job}"})


def status(runtime: Runtime, job: str, call: Call, context: Context, work: Work) -> Response:
    """202 with how far it is, then what was answered. Raises NotFound, and Forbidden for what is not told any more."""
    kept, state = _kept(runtime, job, context)
    if "status" in state:
        if state["status"] == 200:
            work.still(working.call_of(state, _handed_on(call)), context, json.parse_object(state["body"].encode()))
        headers = {"Content-Type": state["media"], "Expires": http_date(state["created"] + working.KEPT)}
        return Response(state["status"], headers, state["body"].encode())
    if not working.worked_at(runtime, PLACE + job, state, context):
        working.take_up(runtime, Job(runtime, PLACE + job, kept, context, work, _handed_on(call)))
    return Response(202, {"X-Progress": state["progress"], "Retry-After": "1"})


def cancel(runtime: Runtime, job: str, context: Context) -> Response:
    """Forget it: 202, and 404 from now on. Raises NotFound."""
    _kept(runtime, job, context)
    TURNS.leave(PLACE + job)
    if not runtime.store.transact(lambda session: session.drop_export(PLACE + job)):
        raise _unknown()
    return Response(202)


def _handed_on(call: Call) -> dict[str, str]:
    return {name: call.request.headers[name] for name in _HANDED_ON if name in call.request.headers}


def _kept(runtime: Runtime, job: str, context: Context) -> tuple[bytes, dict[str, Any]]:
    """What is kept of it, for who has asked for it. Raises NotFound."""
    found = runtime.store.snapshot(lambda session: session.export(PLACE + job)) if is_id(job) else None
    state = json.parse(found) if found else {}
    if found is None or (state["who"], state["small_cells"]) != (context.principal.name, runtime.small_cells):
        raise _unknown()
    return found, state


def _unknown() -> NotFound:
    said = (
        f"You have no such evaluation: it was cancelled, began more than {working.KEPT_DAYS} days ago, or is another's."
    )
    return NotFound(said)
