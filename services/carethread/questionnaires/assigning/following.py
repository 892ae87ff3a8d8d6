"""What follows from a version of a draft that somebody was asked for: its Task says how far it is, and once it is
finished, stopped or gone its link ends, and nobody is reminded of it any more.

Only the status of the Task is changed, and only where it still says what was said last, or is open: what its people
decide otherwise stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from carethread.core.context import Context
from carethread.core.errors import Invalid, Issue
from carethread.core.fhir import json
from carethread.core.fhir.elements import extension, keys_at, with_extensions
from carethread.core.fhir.search.merges import PATIENT
from carethread.core.ports import Resource, Session, Stored
from carethread.core.service import Runtime, Unit
from carethread.interactions.requesting import request_change
from carethread.questionnaires.assigning import current
from carethread.questionnaires.assigning.asking import TYPE
from carethread.questionnaires.assigning.assignment import ASSIGNMENT, assignment_of
from carethread.questionnaires.assigning.reminding import TIMER, watch
from carethread.questionnaires.assigning.sending import UNDONE, end_link, key_of, task_id

_MARK = ASSIGNMENT.encode()
_OPEN = ("requested", "in-progress")
_BY_STATUS: Mapping[str, str] = {
    "completed": "completed",
    "amended": "completed",
    "entered-in-error": "cancelled",
}


def assignment_kept(unit: Unit, before: Resource | None, after: Resource | None) -> Resource | None:
    """What is sent, with the assignment as it was: what was asked is not for who answers to change.

    Raises Invalid for another subject or form: who has the link would read and write what another person answers.
    """
    said = extension(before or {}, ASSIGNMENT)
    if before is None or after is None or not said or unit.own:
        return after
    if issues := list(_moved(unit, before, after)):
        raise Invalid(issues=issues)
    if extension(after, ASSIGNMENT) == said:
        return after
    return with_extensions(after, {ASSIGNMENT: {name: value for name, value in said.items() if name != "url"}})


def _moved(unit: Unit, before: Resource, after: Resource) -> Iterator[Issue]:
    """What is about another person, or answers another form; who was merged is one person by all their ids."""
    if not _is_about_the_same(unit, before, after):
        told = "A form was given to somebody, whose link leads here: the answers stay about whom they are. Enter this "
        told += "one in error, and give the form anew (Questionnaire/$assign)."
        yield Issue("business-rule", told, f"{TYPE}.subject")
    if _url(before) != _url(after):
        told = "What was given to somebody keeps the form that it answers; give them the other one as well."
        yield Issue("business-rule", told, f"{TYPE}.questionnaire")


def _is_about_the_same(unit: Unit, before: Resource, after: Resource) -> bool:
    (was, now) = (keys_at(each, "subject", unit.base_url) for each in (before, after))
    if not (was and now):
        return before.get("subject") == after.get("subject")
    (kind, id_), (other, new) = was[0], now[0]
    return was == now or (kind == other == PATIENT and new in unit.session.kin([id_]))


def _url(response: Resource) -> str:
    return str(response.get("questionnaire", "")).partition("|")[0]


def assignment_follows(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have the Tasks of responses that were just stored follow, and end what is over."""
    for key, stored in session.current([(TYPE, id_) for id_ in ids]).items():
        if stored.version == 1 or not (stored.deleted or _MARK in stored.body):
            continue
        before = session.version(key, stored.version - 1)
        if before is None or not (_MARK in before.body or _MARK in stored.body):
            continue
        was, now = _state(before), _state(stored)
        if was == now:
            continue
        if now not in _OPEN:
            _end(session, stored.id, context)
        elif was not in _OPEN:
            _begin_again(session, stored)
        change = [{"op": "replace", "path": "/status", "value": now}]
        target, fitting = ("Task", task_id(stored.id)), UNDONE if was in _OPEN else f"{UNDONE},{was}"
        sent = context.about(key)
        request_change(session, target, change, sent, key=key_of(stored.id), condition=f"status={fitting}")


def _state(stored: Stored) -> str:
    """The status of the Task by a version of the draft."""
    response: Resource = {} if stored.deleted else json.restore(stored.body)
    status = response.get("status", "entered-in-error")
    if status == "in-progress":
        return "in-progress" if "item" in response else "requested"
    if status == "stopped":
        said = assignment_of(response)
        return "failed" if said and said.expires <= stored.updated else "cancelled"
    return _BY_STATUS.get(status, "cancelled")


def _end(session: Session, id_: str, context: Context) -> None:
    end_link(session, id_, context)
    current.end(session, id_)
    session.timers.cancel(TIMER, id_)


def _begin_again(session: Session, stored: Stored) -> None:
    """Somebody goes on with what was stopped: it ends when its time is over, unless that is so already."""
    draft: Resource = json.restore(stored.body)
    said = assignment_of(draft)
    if said and said.expires > stored.updated:
        current.begin_again(session, draft, said)
        watch(session, stored.id, said, stored.updated, remind=False)
