"""What is asked for with `Prefer: respond-async`: 202 with the place to ask for the answer, http://hl7.org/fhir/R4/async.html.

A row tells who asked what, how far it is, and what was answered. The process that was asked works at it when its turn
comes (`turns`), and while it holds any it tells so every few seconds in a row of its own. What a process held that does
not say so any more, for it has died, is taken up when who asked for it asks about it: what they may see goes by what
they bring along, which is kept nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from carethread.core.clock import Clock, http_date, to_micros
from carethread.core.context import Context, new_id
from carethread.core.errors import Busy, FhirError, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.outcome import outcome_bytes
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Request, Resource, Response, Session, Store
from carethread.core.service import Call, Runtime
from carethread.interactions.rest.exchange import MEDIA_TYPE, answer, refusal
from carethread.metrics.answering.turns import BEAT_SECONDS, Turns

log = logging.getLogger(__name__)

OPERATION = "evaluation"

Work = Callable[[Call, Context, Callable[[str], None]], Resource]
"""What is done in the end; it is given what tells how far it is."""

TURNS = Turns()

_KEPT_DAYS = 7
_KEPT = _KEPT_DAYS * 24 * 3600 * 1_000_000
_SILENCE = int(3 * BEAT_SECONDS * 1_000_000)
"""Microseconds without a word after which a process is not there any more."""

_PAUSE_SECONDS = 5.0
"""At least, before what found no room or no facts has its next turn."""

_PLACE, _HOST = "evaluation/", "evaluating/"
"""Before the id of a row, which no export can have then."""

_WAITS = "waiting to be counted"

_BROKEN = outcome_bytes(FhirError("Something went wrong here; the log says what."))
"""What is answered where the program itself is at fault."""

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
    state = {"asked": asked, "who": context.principal.name, "created": now, "host": _host(), "progress": _WAITS}
    kept = json.render({**state, "small_cells": runtime.small_cells})

    def keep(session: Session) -> None:
        _here(session, now)
        session.keep_export(_PLACE + job, now, kept, expired=now - _KEPT)

    runtime.store.transact(keep)
    _let(_Job(runtime, _PLACE + job, kept, context, work, _handed_on(call)))
    return Response(202, {"Content-Location": f"{runtime.base_url}/Measure/${OPERATION}?job={job}"})


def status(runtime: Runtime, job: str, call: Call, context: Context, work: Work) -> Response:
    """202 with how far it is, then what was answered. Raises NotFound."""
    kept, state = _kept(runtime, job, context)
    if "status" in state:
        headers = {"Content-Type": state["media"], "Expires": http_date(state["created"] + _KEPT)}
        return Response(state["status"], headers, state["body"].encode())
    if not _worked_at(runtime, _PLACE + job, state, context):
        _take_up(runtime, _Job(runtime, _PLACE + job, kept, context, work, _handed_on(call)))
    return Response(202, {"X-Progress": state["progress"], "Retry-After": "1"})


def cancel(runtime: Runtime, job: str, context: Context) -> Response:
    """Forget it: 202, and 404 from now on. Raises NotFound."""
    _kept(runtime, job, context)
    TURNS.leave(_PLACE + job)
    if not runtime.store.transact(lambda session: session.drop_export(_PLACE + job)):
        raise _unknown()
    return Response(202)


@cache
def _host() -> str:
    """This process."""
    return new_id()


@dataclass(frozen=True)
class _Alive:
    """Tells others that this process is there."""

    store: Store
    clock: Clock

    def __call__(self) -> None:
        now = to_micros(self.clock())
        self.store.transact(lambda session: _here(session, now))


def _here(session: Session, now: int) -> None:
    session.keep_export(_HOST + _host(), now, json.render({"told": now}), expired=now - _KEPT)


def _worked_at(runtime: Runtime, place: str, state: Resource, context: Context) -> bool:
    """Whether the process that holds it is there and does."""
    if state["host"] == _host():
        return TURNS.holds(place)
    told = runtime.store.snapshot(lambda session: session.export(_HOST + state["host"]))
    return told is not None and to_micros(context.clock()) - json.parse(told)["told"] < _SILENCE


def _take_up(runtime: Runtime, job: _Job) -> None:
    """Work at it here, where there is room and nobody else has begun to."""
    try:
        TURNS.refuse_more()
    except Busy:
        return
    runtime.store.transact(lambda session: _here(session, to_micros(job.context.clock())))
    if job.note({"host": _host(), "progress": _WAITS}):
        _let(job)


def _let(job: _Job) -> None:
    TURNS.take(job.place, job, _Alive(job.runtime.store, job.context.clock))


@dataclass
class _Job:
    """Works at one row, for as long as it is there and nobody else does."""

    runtime: Runtime
    place: str
    kept: bytes
    context: Context
    work: Work
    headers: dict[str, str]

    def __call__(self) -> float | None:
        """See `turns.Piece`. What is only not possible now is no answer: it is tried again."""
        try:
            return self._done()
        except _Over:
            return None
        except Busy as error:
            return max(error.retry_after, _PAUSE_SECONDS)

    def _done(self) -> float | None:
        asked = json.parse(self.kept)["asked"]
        headers = {**self.headers, "prefer": "handling=lenient"}  # it has been judged
        request = Request(asked["method"], asked["path"], (), headers)
        call = Call(asked["type"], asked["id"], asked["params"], None, request)
        try:
            said = answer(self.work(call, self.context, self._tell))
        except _Over:
            raise
        except Busy as error:
            self._tell(_WAITS)
            return max(error.retry_after, _PAUSE_SECONDS)
        except FhirError as error:
            said = refusal(error)
        except Exception:
            log.exception("evaluation_failed", extra={"evaluation": self.place})
            self.note({"status": 500, "media": MEDIA_TYPE, "body": _BROKEN.decode()})
            return None
        body = said.body if isinstance(said.body, bytes) else b"".join(said.body)
        self.note({"status": said.status, "media": said.headers["Content-Type"], "body": body.decode()})
        return None

    def _tell(self, progress: str) -> None:
        if not self.note({"progress": progress}):
            raise _Over

    def note(self, more: dict[str, Any]) -> bool:
        """Whether it is still ours."""
        before, after = self.kept, json.render(json.parse(self.kept) | more)
        ours = self.runtime.store.transact(lambda session: session.advance_export(self.place, before, after))
        self.kept = after
        return ours


class _Over(Exception):
    """It was cancelled, or somebody else works at it."""


def _handed_on(call: Call) -> dict[str, str]:
    return {name: call.request.headers[name] for name in _HANDED_ON if name in call.request.headers}


def _kept(runtime: Runtime, job: str, context: Context) -> tuple[bytes, dict[str, Any]]:
    """What is kept of it, for who has asked for it. Raises NotFound."""
    found = runtime.store.snapshot(lambda session: session.export(_PLACE + job)) if is_id(job) else None
    state = json.parse(found) if found else {}
    if found is None or (state["who"], state["small_cells"]) != (context.principal.name, runtime.small_cells):
        raise _unknown()
    return found, state


def _unknown() -> NotFound:
    said = f"You have no such evaluation: it was cancelled, began more than {_KEPT_DAYS} days ago, or is another's."
    return NotFound(said)
