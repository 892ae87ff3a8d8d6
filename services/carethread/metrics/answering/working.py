"""What works at evaluations that are waited for: a process, at one row after another as their turn comes (`turns`).

While it holds any it tells so every few seconds in a row of its own. What a process held that does not say so any more,
for it has died, another takes up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from carethread.core.clock import Clock, to_micros
from carethread.core.context import Context, new_id
from carethread.core.errors import Busy, FhirError
from carethread.core.fhir import json
from carethread.core.fhir.outcome import outcome_bytes
from carethread.core.ports import Request, Resource, Session, Store
from carethread.core.service import Call, Runtime
from carethread.core.wanting import Unwanted, while_wanted
from carethread.interactions.rest.exchange import MEDIA_TYPE, answer, refusal
from carethread.metrics.answering.turns import BEAT_SECONDS, Turns

log = logging.getLogger(__name__)

KEPT_DAYS = 7
KEPT = KEPT_DAYS * 24 * 3600 * 1_000_000
"""Microseconds for which a row stays."""

_SILENCE = int(3 * BEAT_SECONDS * 1_000_000)
"""Microseconds without a word after which a process is not there any more."""

_PAUSE_SECONDS = 5.0
"""At least, before what found no room or no facts has its next turn."""

PLACE, _HOST = "evaluation/", "evaluating/"
"""Before the id of a row, which no export can have then."""

WAITS = "waiting to be counted"

_BROKEN = outcome_bytes(FhirError("Something went wrong here; the log says what."))
"""What is answered where the program itself is at fault."""

TURNS = Turns()


@dataclass(frozen=True, slots=True)
class Work:
    """What is `done` in the end, which is given what tells how far it is. `still` is given what it came to, and raises
    Forbidden where who asks is not told that any more."""

    done: Callable[[Call, Context, Callable[[str], None]], Resource]
    still: Callable[[Call, Context, Resource], None]


@cache
def host() -> str:
    """This process."""
    return new_id()


def here(session: Session, now: int) -> None:
    session.keep_export(_HOST + host(), now, json.render({"told": now}), expired=now - KEPT)


def worked_at(runtime: Runtime, place: str, state: Resource, context: Context) -> bool:
    """Whether the process that holds it is there and does."""
    if state["host"] == host():
        return TURNS.holds(place)
    told = runtime.store.snapshot(lambda session: session.export(_HOST + state["host"]))
    return told is not None and to_micros(context.clock()) - json.parse(told)["told"] < _SILENCE


def take_up(runtime: Runtime, job: Job) -> None:
    """Work at it here, where there is room and nobody else has begun to."""
    try:
        TURNS.refuse_more()
    except Busy:
        return
    runtime.store.transact(lambda session: here(session, to_micros(job.context.clock())))
    if job.note({"host": host(), "progress": WAITS}):
        let(job)


def let(job: Job) -> None:
    TURNS.take(job.place, job, _Alive(job.runtime.store, job.context.clock))


@dataclass(frozen=True)
class _Alive:
    """Tells others that this process is there."""

    store: Store
    clock: Clock

    def __call__(self) -> None:
        now = to_micros(self.clock())
        self.store.transact(lambda session: here(session, now))


@dataclass
class Job:
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
            with while_wanted(self._is_wanted):
                return self._done()
        except Unwanted:
            return None
        except Busy as error:
            return max(error.retry_after, _PAUSE_SECONDS)

    def _done(self) -> float | None:
        call = call_of(json.parse(self.kept), self.headers)
        try:
            said = answer(self.work.done(call, self.context, self._tell))
        except Unwanted:
            raise
        except Busy as error:
            self._tell(WAITS)
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
            raise Unwanted

    def _is_wanted(self) -> bool:
        """Whether it was not cancelled, and nobody else works at it; so long as the database does not say, it is."""
        try:
            return TURNS.holds(self.place) and self.kept == self.runtime.store.snapshot(lambda s: s.export(self.place))
        except FhirError:
            return True

    def note(self, more: dict[str, Any]) -> bool:
        """Whether it is still ours."""
        before, after = self.kept, json.render(json.parse(self.kept) | more)
        ours = self.runtime.store.transact(lambda session: session.advance_export(self.place, before, after))
        self.kept = after
        return ours


def call_of(state: dict[str, Any], headers: dict[str, str]) -> Call:
    """What was asked, by who brings along these headers."""
    asked = state["asked"]
    lenient = {**headers, "prefer": "handling=lenient"}  # it has been judged
    return Call(asked["type"], asked["id"], asked["params"], None, Request(asked["method"], asked["path"], (), lenient))
