"""Whenever a response of ours is stored, what it took so far is noted, in the same transaction.

It is a table of its own, not an extension of the response: whoever may read the answers is not to read how fast
somebody was, a client that sends the response again would have to send it too, and numbers over many responses come
from one index. It is worked out once, by the history, when the response is completed; until then only when it was begun
and last saved is known. What follows upon completion, such as an amendment, changes nothing of it.

What was not seen from its first version on is not counted: what is told as history, what was stored before, what was
not of ours at first. What is entered in error or deleted is counted no more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Resource, Session, Span, Stored
from carethread.core.ports.efforts import Effort
from carethread.core.service import Runtime
from carethread.questionnaires.answering.judging import VOID
from carethread.questionnaires.answering.writing import is_ours
from carethread.questionnaires.assigning.assignment import assignment_of
from carethread.questionnaires.burden.effort import Save, begun, work
from carethread.questionnaires.safety.following import form_of_response

MOST_SAVES = 500
"""Of how many versions of a response the last ones are looked at."""

COMPLETED, STOPPED = "completed", "stopped"
ENDINGS = {"completed": COMPLETED, "amended": COMPLETED, "stopped": STOPPED}

_TYPE = "QuestionnaireResponse"


def effort_kept(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Note what it took to come to the responses that were just stored."""
    stored = session.current([(_TYPE, id_) for id_ in ids]).values()
    fresh = [each for each in stored if each.version == 1]
    if not context.backfill:
        session.efforts.begin(list(_begun(runtime, session, fresh)))
    if len(fresh) < len(stored):
        known = session.efforts.of([each.id for each in stored if each.version > 1])
        later = [(each, known[each.id]) for each in stored if each.id in known]
        _go_on(runtime, session, later, context)


def _begun(runtime: Runtime, session: Session, stored: Collection[Stored]) -> Iterator[Effort]:
    for each in stored:
        response = _ours(each)
        if response and (form := _url(session, response)):
            yield _standing(runtime, session, each, response, Effort(each.id, form, "", "", 0, 0))


def _go_on(runtime: Runtime, session: Session, later: Sequence[tuple[Stored, Effort]], context: Context) -> None:
    gone, kept = [], []
    for each, effort in later:
        response = None if context.backfill else _ours(each)
        if response is None:
            gone.append(each.id)
        elif effort.ending != COMPLETED:
            kept.append(_standing(runtime, session, each, response, effort))
    session.efforts.drop(gone)
    session.efforts.keep(kept)


def _standing(runtime: Runtime, session: Session, stored: Stored, response: Resource, effort: Effort) -> Effort:
    """What is known with this version."""
    ending = ENDINGS.get(response["status"], "")
    effort = replace(
        effort,
        department=stored.department or effort.department,
        author=_author(response, runtime.base_url),
        started=effort.started or (stored.updated if begun(response) or ending == COMPLETED else 0),
        saved=stored.updated,
        ended=stored.updated if ending else 0,
        ending=ending,
    )
    form = form_of_response(session, response) if ending == COMPLETED else None
    return replace(effort, **work(form, _saves(session, stored, response))._asdict()) if form else effort


def _saves(session: Session, stored: Stored, response: Resource) -> list[Save]:
    if stored.version == 1:
        return [Save(stored.updated, response)]
    found = session.history(Span((_TYPE,), stored.id), MOST_SAVES)
    return [Save(each.updated, json.restore(each.body)) for each in sorted(found, key=lambda one: one.version)]


def _ours(stored: Stored) -> Resource | None:
    """The response, where it is one of ours that stands."""
    response: Resource = {} if stored.deleted else json.restore(stored.body)
    return response if is_ours(response) and response["status"] != VOID else None


def _url(session: Session, response: Resource) -> str:
    """The form that is answered, whatever its version; of one that grows with its answers, what it is derived from."""
    canonical: str = response.get("questionnaire", "")
    if canonical.startswith("#"):
        form = form_of_response(session, response)
        canonical = next(iter(form.raw.get("derivedFrom", ())), form.url) if form else ""
    return canonical.partition("|")[0]


def _author(response: Resource, base_url: str) -> str:
    """Who writes: the author, else the source, else who was asked; empty where none is somebody of this server."""
    for name in ("author", "source"):
        for key in keys_at(response, name, base_url):
            return "/".join(key)
    assignment = assignment_of(response)
    return assignment.recipient if assignment else ""
