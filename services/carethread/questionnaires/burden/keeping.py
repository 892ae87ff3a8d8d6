"""Whenever a response of ours is stored, what it took so far is noted, in the same transaction.

It is a table of its own, not an extension of the response: whoever may read the answers is not to read how fast
somebody was, a client that sends the response again would have to send it too, and numbers over many responses come
from one index. It is worked out once, by the history, when the response is completed; until then only when it was begun
and last saved is known. What follows upon completion, such as an amendment, changes nothing of it.

What was not seen from its first version on is not counted: what is told as history, what was stored before, what was
not of ours at first. What is entered in error or deleted is counted no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Resource, Session, Span, Stored
from carethread.core.ports.efforts import Effort
from carethread.core.service import Runtime
from carethread.questionnaires.answering.judging import VOID
from carethread.questionnaires.answering.stored import Saved
from carethread.questionnaires.answering.writing import is_ours
from carethread.questionnaires.assigning.assignment import assignment_of
from carethread.questionnaires.burden.effort import Save, begun, work
from carethread.questionnaires.burden.telling import times_told, times_withdrawn

MOST_SAVES = 500
"""Of how many versions of a response the last ones are looked at."""

COMPLETED, STOPPED = "completed", "stopped"
ENDINGS = {"completed": COMPLETED, "amended": COMPLETED, "stopped": STOPPED}

_TYPE = "QuestionnaireResponse"


def effort_kept(runtime: Runtime, session: Session, versions: Sequence[Saved], context: Context) -> None:
    """Note what it took to come to the responses that were just stored."""
    fresh = [each for each in versions if each.stored.version == 1]
    if not context.backfill:
        session.efforts.begin(list(_begun(runtime, session, fresh)))
    if len(fresh) < len(versions):
        known = session.efforts.of([each.id for each in versions if each.stored.version > 1])
        later = [(each, known[each.id]) for each in versions if each.id in known]
        _go_on(runtime, session, later, context)


def _begun(runtime: Runtime, session: Session, versions: Sequence[Saved]) -> Iterator[Effort]:
    for each in versions:
        if _is_ours(each) and (form := _url(each)):
            yield _standing(runtime, session, each, Effort(each.id, form, "", "", 0, 0))


def _go_on(runtime: Runtime, session: Session, later: Sequence[tuple[Saved, Effort]], context: Context) -> None:
    gone, kept = [], []
    for each, effort in later:
        if context.backfill or not _is_ours(each):
            gone.append(each.id)
        elif effort.ending != COMPLETED:
            kept.append(_standing(runtime, session, each, effort))
    session.efforts.drop(gone)
    session.efforts.keep(kept)
    times_withdrawn(session, gone, context)
    times_told(session, [each for each in kept if each.ending == COMPLETED], context)


def _standing(runtime: Runtime, session: Session, version: Saved, effort: Effort) -> Effort:
    """What is known with this version."""
    stored, response = version.stored, version.response
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
    form = version.form if ending == COMPLETED else None
    return replace(effort, **work(form, _saves(session, stored, response))._asdict()) if form else effort


def _saves(session: Session, stored: Stored, response: Resource) -> list[Save]:
    if stored.version == 1:
        return [Save(stored.updated, response)]
    found = session.history(Span((_TYPE,), stored.id), MOST_SAVES)
    return [Save(each.updated, json.restore(each.body)) for each in sorted(found, key=lambda one: one.version)]


def _is_ours(version: Saved) -> bool:
    """Whether the response is one of ours that stands."""
    return is_ours(version.response) and version.response["status"] != VOID


def _url(version: Saved) -> str:
    """The form that is answered, whatever its version; of one that grows with its answers, what it is derived from."""
    canonical: str = version.response.get("questionnaire", "")
    if canonical.startswith("#"):
        form = version.form
        canonical = next(iter(form.raw.get("derivedFrom", ())), form.url) if form else ""
    return canonical.partition("|")[0]


def _author(response: Resource, base_url: str) -> str:
    """Who writes: the author, else the source, else who was asked; empty where none is somebody of this server."""
    for name in ("author", "source"):
        for key in keys_at(response, name, base_url):
            return "/".join(key)
    assignment = assignment_of(response)
    return assignment.recipient if assignment else ""
