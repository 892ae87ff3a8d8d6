"""Whenever a response is stored, be it a saved draft: for each critical answer care teams are requested a DetectedIssue
and a Task, both or neither, in the same transaction; and what was requested for an answer that is not given any more is
taken back, as far as nobody has acknowledged it.

What stands is known by places, each of them one alarm; so the same answer saved again raises nothing. What is told as
history comes to a list to be reviewed, and calls nobody; the same answer given here then does. What is sent for one
response has a key of its own, so that it waits for nothing else about the person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.ports import URGENT, Resource, Session, Stored, Wanted
from carethread.interactions.requesting import wanted_change, wanted_together
from carethread.questionnaires.answering.stored import Saved
from carethread.questionnaires.extracting.extracted import uuid_of
from carethread.questionnaires.safety.alarms import RAISED, Alarm, alarms_of
from carethread.questionnaires.safety.critical import Critical, criticals
from carethread.questionnaires.safety.telling import CALL, REVIEW, issue, task

_VOID = "entered-in-error"
_UNSEEN = "status=requested,received"
_TAKEN_BACK: list[Resource] = [
    {"op": "replace", "path": "/status", "value": "cancelled"},
    {"op": "add", "path": "/statusReason", "value": {"text": "The answer is not given any more."}},
]


def critical_answers_told(session: Session, versions: Sequence[Saved], context: Context) -> None:
    """Request what the critical answers of responses that were just stored ask for, and take back what none does."""
    asked: list[Wanted] = []
    raised: dict[str, str] = {}
    for version in versions:
        stored, response = version.stored, version.response
        standing = alarms_of(session, stored.id) if stored.version > 1 else []
        given = _given(version)
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


def missing_told(session: Session, version: Saved, context: Context, *, trial: bool = False) -> bool:
    """Request what the critical answers of a response that is stored lack; a `trial` only tells whether they do."""
    stored, response = version.stored, version.response
    given = _given(version)
    standing = alarms_of(session, stored.id) if given else []
    new = [alarm for alarm in _alarms(given, standing, stored.version, context) if alarm not in standing]
    if new and not trial:
        sent = context.about(("QuestionnaireResponse", stored.id))
        session.claim_all(RAISED, {alarm.key: stored.id for alarm in new})
        session.requests.put(*_calls(stored, response, new, given, standing, sent))
    return bool(new)


def _given(version: Saved) -> dict[str, Critical]:
    """The critical answers of a response by what each is about."""
    response = version.response
    if response.get("status", _VOID) == _VOID:
        return {}
    uuid = uuid_of(version.id)
    person = response.get("subject", {}).get("reference", "").partition("/_history/")[0]
    found = criticals(version.form, response) if version.form else ()
    return {uuid("/".join(map(str, ("critical", *each[:4], person)))): each for each in found}


def _alarms(given: Mapping[str, Critical], standing: Sequence[Alarm], version: int, context: Context) -> list[Alarm]:
    """The alarms of each critical answer: those that stand, and a new one where there is none, or it is worse now."""
    fitting = (CALL, REVIEW) if context.backfill else (CALL,)
    code = REVIEW if context.backfill else CALL
    found: list[Alarm] = []
    for cause, critical in given.items():
        known = [alarm for alarm in standing if alarm.cause == cause and alarm.code in fitting]
        found += known
        if not known or critical.level > max(alarm.level for alarm in known):
            found.append(Alarm(code, cause, version, critical.level))
    return found


def _calls(
    stored: Stored,
    response: Resource,
    new: Sequence[Alarm],
    given: Mapping[str, Critical],
    standing: Sequence[Alarm],
    context: Context,
) -> Iterator[Wanted]:
    """What is requested for new alarms. That of an answer that is worse now is part of the calls before it: where one
    of them is open still, it is called to already."""
    now = to_micros(context.clock())
    for alarm in new:
        critical = given[alarm.cause]
        about = issue(alarm.id_of("issue", stored.id), critical, response, stored.id, now)
        path = f"DetectedIssue/{about['id']}"
        asked = task(alarm.id_of("task", stored.id), alarm.code, critical, path, response, stored.id, now)
        same = [each for each in standing if (each.code, each.cause) == (alarm.code, alarm.cause)]
        if same:
            asked["partOf"] = [{"reference": f"Task/{each.id_of('task', stored.id)}"} for each in same]
        yield wanted_together(alarm.id_of("both", stored.id), [about, asked], context, key=_key(stored.id))


def _taken_back(id_: str, gone: Sequence[Alarm], context: Context) -> Iterator[Wanted]:
    for alarm in gone:
        target = "Task", alarm.id_of("task", id_)
        yield wanted_change(target, _TAKEN_BACK, context, key=_key(id_), condition=_UNSEEN)


def _key(id_: str) -> str:
    return f"{URGENT}critical-answers/{id_}"
