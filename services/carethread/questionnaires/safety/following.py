"""Whenever a response is stored, be it a saved draft: for each critical answer care teams are requested a DetectedIssue
and a Task, in the same transaction; and what was requested for an answer that is not given any more is taken back, as
far as nobody has acknowledged it.

What stands is known by places, each of them one alarm; so the same answer saved again raises nothing. What is told as
history comes to a list to be reviewed, and calls nobody; the same answer given here then does. What is sent for one
response has a key of its own, so that it waits for nothing else about the person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.ports import Resource, Session, Stored
from carethread.core.service import Runtime
from carethread.interactions.requesting import request, request_change
from carethread.questionnaires.extracting.extracted import uuid_of
from carethread.questionnaires.forms.finding import answered, shipped
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.safety.critical import Critical, criticals
from carethread.questionnaires.safety.telling import CALL, REVIEW, issue, task

RAISED = "critical-answer"
"""The kind of places that tell what stands (keys, see `_Alarm`) of which response (holder)."""

_VOID = "entered-in-error"
_UNSEEN = "status=requested,received"
_TAKEN_BACK: list[Resource] = [
    {"op": "replace", "path": "/status", "value": "cancelled"},
    {"op": "add", "path": "/statusReason", "value": {"text": "The answer is not given any more."}},
]


class _Alarm(NamedTuple):
    """One alarm: the code of its Task, what it is about (a UUID, the same for the same answer), and with which version
    of the response it was raised, so that an answer taken back and given again calls anew."""

    code: str
    cause: str
    version: int

    @property
    def key(self) -> str:
        return f"{self.code}/{self.cause}/{self.version}"

    @classmethod
    def of(cls, key: str) -> _Alarm:
        code, cause, version = key.split("/")
        return cls(code, cause, int(version))


def critical_answers_told(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Request what the critical answers of responses that were just stored ask for, and take back what none does."""
    for stored in session.current([("QuestionnaireResponse", id_) for id_ in ids]).values():
        response: Resource = {} if stored.deleted else json.restore(stored.body)
        standing = [_Alarm.of(key) for key in session.places(RAISED, stored.id)] if stored.version > 1 else []
        given = _given(session, response, stored.id)
        wanted = _wanted(given, standing, stored.version, context)
        new = [(alarm, given[alarm.cause]) for alarm in wanted if alarm not in standing]
        gone = [alarm for alarm in standing if alarm not in wanted]
        _raise(session, stored, response, new, context)
        _take_back(session, stored.id, gone, [alarm.key for alarm in wanted], context)


def _given(session: Session, response: Resource, id_: str) -> dict[str, Critical]:
    """The critical answers of a response by what each is about."""
    if response.get("status", _VOID) == _VOID:
        return {}
    form = _form(session, response)
    uuid = uuid_of(id_)
    return {uuid("/".join(map(str, ("critical", *each)))): each for each in criticals(form, response)} if form else {}


def _form(session: Session, response: Resource) -> Form | None:
    """The form that is answered; None where it is not here, or is none: whoever sends that is not refused here."""
    canonical = response.get("questionnaire", "")
    # What a published version asks does not change, so one that comes along need not be looked for.
    if "|" in canonical and (form := shipped().get(canonical)):
        return form
    try:
        return answered(session, response)
    except Invalid:
        return None


def _wanted(given: Iterable[str], standing: Sequence[_Alarm], version: int, context: Context) -> list[_Alarm]:
    """The alarm of each critical answer: the one that stands, else a new one."""
    fitting = (CALL, REVIEW) if context.backfill else (CALL,)
    code = REVIEW if context.backfill else CALL
    known = {alarm.cause: alarm for alarm in standing if alarm.code in fitting}
    return [known.get(cause) or _Alarm(code, cause, version) for cause in given]


def _raise(
    session: Session, stored: Stored, response: Resource, new: Sequence[tuple[_Alarm, Critical]], context: Context
) -> None:
    if not new:
        return
    now = to_micros(context.clock())
    session.claim_all(RAISED, {alarm.key: stored.id for alarm, _ in new})
    for alarm, critical in new:
        about = issue(_id(stored.id, "issue", alarm), critical, response, stored.id, now)
        request(session, about, context, _key(stored.id), new=True)
        path = f"DetectedIssue/{about['id']}"
        asked = task(_id(stored.id, "task", alarm), alarm.code, critical, path, response, stored.id, now)
        request(session, asked, context, _key(stored.id), new=True)


def _take_back(session: Session, id_: str, gone: Sequence[_Alarm], keep: Sequence[str], context: Context) -> None:
    if not gone:
        return
    session.release(RAISED, id_, keep)
    for alarm in gone:
        target = "Task", _id(id_, "task", alarm)
        request_change(session, target, _TAKEN_BACK, context, key=_key(id_), condition=_UNSEEN)


def _id(id_: str, what: str, alarm: _Alarm) -> str:
    return uuid_of(id_)(f"{what}/{alarm.key}")


def _key(id_: str) -> str:
    return f"critical-answers/{id_}"
