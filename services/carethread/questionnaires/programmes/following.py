"""What becomes of a form that somebody was given, by a programme or by hand: the draft tells it, whenever it is stored.

What is given by hand counts too, as asked: towards the ceiling, and as open. What was given so long ago that it was
forgotten does not come to be known anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import extension, keys_at
from carethread.core.ports import Resource, Session, Stored
from carethread.core.ports.asks import ASKED, KEPT, Ask
from carethread.core.service import PROFILES, Runtime
from carethread.questionnaires.assigning.assignment import ASSIGNMENT, Assignment, assignment_of
from carethread.questionnaires.extracting.extracted import FINISHED
from carethread.questionnaires.populating.marks import PREFILLED
from carethread.questionnaires.programmes.asking import hold, names_of

_TYPE = "QuestionnaireResponse"
_MARK = ASSIGNMENT.encode()


def asks_followed(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Note what is told by drafts that were just stored."""
    for stored in session.current([(_TYPE, id_) for id_ in ids]).values():
        if not stored.deleted and _MARK not in stored.body:
            continue  # most were assigned to nobody, and need not be parsed once more
        response: Resource = {} if stored.deleted else json.restore(stored.body)
        session.lock([f"ask {stored.id}"])  # whoever opens its page meanwhile notes it too
        ask, given = session.asks.of_response(stored.id), assignment_of(response)
        now = to_micros(context.clock())
        if ask is None and given and given.asked > now - KEPT and not context.backfill:
            _given_by_hand(session, stored, response, given, runtime.base_url)
        elif ask:
            session.asks.step(_stepped(ask, response, now))


def note_opened(runtime: Runtime, response_id: str, now: int) -> None:
    """Note when somebody first opened the form that they were given, in microseconds. Raises Busy."""

    def work(session: Session) -> None:
        session.lock([f"ask {response_id}"])
        ask = session.asks.of_response(response_id)
        if ask and not ask.opened:
            session.asks.step(replace(ask, opened=now))

    ask = runtime.store.glance(lambda session: session.asks.of_response(response_id))
    if ask and not ask.opened:  # only the first time is written
        runtime.store.transact(work)


def _given_by_hand(session: Session, stored: Stored, response: Resource, given: Assignment, base_url: str) -> None:
    person = next((f"{kind}/{id_}" for kind, id_ in keys_at(response, "subject", base_url)), given.recipient)
    hold(session, names_of(session, person))
    places = keys_at(dict(extension(response, PROFILES + "department")), "valueReference", base_url)
    form = response.get("questionnaire", "").partition("|")[0]
    session.asks.want(
        [
            Ask(
                want=stored.id,
                person=person,
                programme=given.reason.partition("|")[0],
                action="",
                form=form,
                cause=f"{_TYPE}/{stored.id}",
                turn=0,
                department=places[0][1] if places else "",
                due=given.asked,
                language=given.language[:35],
                outcome=ASKED,
                decided=given.asked,
                response=stored.id,
            )
        ]
    )


def _stepped(ask: Ask, response: Resource, now: int) -> Ask:
    if "item" in response:
        ask = replace(ask, opened=ask.opened or now)
    if _has_own_answer(response):
        ask = replace(ask, started=ask.started or now, opened=ask.opened or now)
    ending = _ending(response, now)
    if ending == ask.ending:
        return ask
    return replace(ask, ending=ending, ended=now if ending else 0)


def _ending(response: Resource, now: int) -> str:
    status = response.get("status", "entered-in-error")
    if status in FINISHED:
        return "completed"
    if status == "stopped":
        given = assignment_of(response)
        return "expired" if given and given.expires <= now else "declined"
    return "cancelled" if status == "entered-in-error" else ""


def _has_own_answer(response: Resource) -> bool:
    """Whether an answer is there that was not filled in before."""
    waiting = list(response.get("item", ()))
    while waiting:
        item = waiting.pop()
        for answer in item.get("answer", ()):
            if not extension(answer, PREFILLED):
                return True
            waiting += answer.get("item", ())
        waiting += item.get("item", ())
    return False
