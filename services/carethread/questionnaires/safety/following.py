"""Whenever a response is stored, be it a saved draft: for each critical answer care teams are requested a DetectedIssue
and a Task, in the same transaction; and what was requested for an answer that is not given any more is taken back, as
far as nobody has acknowledged it.

What stands is known by places, each of them one alarm; so the same answer saved again raises nothing. What is told as
history comes to a list to be reviewed, and calls nobody; the same answer given here then does. What is sent for one
response has a key of its own, so that it waits for nothing else about the person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.ports import Resource, Session, Stored, Wanted
from carethread.core.service import Runtime
from carethread.interactions.requesting import wanted, wanted_change
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
    """One alarm: the code of its Task, what it is about (a UUID, the same for the same question and person), with which
    version of the response it was raised, so that an answer taken back and given again calls anew, and how bad the
    answer was."""

    code: str
    cause: str
    version: int
    level: Decimal

    @property
    def key(self) -> str:
        return f"{self.code}/{self.cause}/{self.version}/{self.level}"

    @classmethod
    def of(cls, key: str) -> _Alarm:
        code, cause, version, level = key.split("/")
        return cls(code, cause, int(version), Decimal(level))


def critical_answers_told(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Request what the critical answers of responses that were just stored ask for, and take back what none does."""
    asked: list[Wanted] = []
    raised: dict[str, str] = {}
    for stored in session.current([("QuestionnaireResponse", id_) for id_ in ids]).values():
        response: Resource = {} if stored.deleted else json.restore(stored.body)
        standing = [_Alarm.of(key) for key in session.places(RAISED, stored.id)] if stored.version > 1 else []
        given = _given(session, response, stored.id)
        alarms = _alarms(given, standing, stored.version, context)
        new = [alarm for alarm in alarms if alarm not in standing]
        gone = [alarm for alarm in standing if alarm not in alarms]
        sent = context.about(("QuestionnaireResponse", stored.id))
        asked += _calls(stored, response, new, given, standing, sent)
        raised |= {alarm.key: stored.id for alarm in new}
        if gone:
            session.release(RAISED, stored.id, [alarm.key for alarm in alarms])
            asked += _taken_back(stored.id, gone, sent)
    session.claim_all(RAISED, raised)
    session.requests.put(*asked)


def _given(session: Session, response: Resource, id_: str) -> dict[str, Critical]:
    """The critical answers of a response by what each is about."""
    if response.get("status", _VOID) == _VOID:
        return {}
    form = form_of_response(session, response)
    uuid = uuid_of(id_)
    person = response.get("subject", {}).get("reference", "").partition("/_history/")[0]
    found = criticals(form, response) if form else ()
    return {uuid("/".join(map(str, ("critical", *each[:4], person)))): each for each in found}


def form_of_response(session: Session, response: Resource) -> Form | None:
    """The form that is answered; None where it is not here, or is none: whoever sends that is not refused here."""
    canonical = response.get("questionnaire", "")
    # What a published version asks does not change, so one that comes along need not be looked for.
    if "|" in canonical and (form := shipped().get(canonical)):
        return form
    url, _, version = canonical.partition("|")
    try:
        # Of a version that is not here, the questions are those of the others, as far as they have the same linkIds.
        return answered(session, response) or (answered(session, {"questionnaire": url}) if version else None)
    except Invalid:
        return None


def _alarms(given: Mapping[str, Critical], standing: Sequence[_Alarm], version: int, context: Context) -> list[_Alarm]:
    """The alarms of each critical answer: those that stand, and a new one where there is none, or it is worse now."""
    fitting = (CALL, REVIEW) if context.backfill else (CALL,)
    code = REVIEW if context.backfill else CALL
    found: list[_Alarm] = []
    for cause, critical in given.items():
        known = [alarm for alarm in standing if alarm.cause == cause and alarm.code in fitting]
        found += known
        if not known or critical.level > max(alarm.level for alarm in known):
            found.append(_Alarm(code, cause, version, critical.level))
    return found


def _calls(
    stored: Stored,
    response: Resource,
    new: Sequence[_Alarm],
    given: Mapping[str, Critical],
    standing: Sequence[_Alarm],
    context: Context,
) -> Iterator[Wanted]:
    """What is requested for new alarms. That of an answer that is worse now is part of the calls before it: where one
    of them is open still, it is called to already."""
    now = to_micros(context.clock())
    for alarm in new:
        critical = given[alarm.cause]
        about = issue(_id(stored.id, "issue", alarm), critical, response, stored.id, now)
        yield wanted(about, context, _key(stored.id), new=True)
        path = f"DetectedIssue/{about['id']}"
        asked = task(_id(stored.id, "task", alarm), alarm.code, critical, path, response, stored.id, now)
        same = [each for each in standing if (each.code, each.cause) == (alarm.code, alarm.cause)]
        if same:
            asked["partOf"] = [{"reference": f"Task/{_id(stored.id, 'task', each)}"} for each in same]
        yield wanted(asked, context, _key(stored.id), new=True)


def _taken_back(id_: str, gone: Sequence[_Alarm], context: Context) -> Iterator[Wanted]:
    for alarm in gone:
        target = "Task", _id(id_, "task", alarm)
        yield wanted_change(target, _TAKEN_BACK, context, key=_key(id_), condition=_UNSEEN)


def _id(id_: str, what: str, alarm: _Alarm) -> str:
    return uuid_of(id_)(f"{what}/{alarm.key}")


def _key(id_: str) -> str:
    return f"critical-answers/{id_}"
