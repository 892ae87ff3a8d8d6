"""What follows from a call once it is stored: a timer until somebody is called after who was, a Flag while nobody is
there, and in the DetectedIssue who has said that they see to it, and what has come of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import NAMESPACE_URL, uuid5

from carethread.careteams.alerting.call import CALL, DEPARTMENT, NOBODY, SEEN, called, due, is_call, is_open
from carethread.careteams.handing.alarms import department_of
from carethread.careteams.history import no_history
from carethread.careteams.teams.alarming import FLAGS
from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir.elements import extension
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.standing import here, present
from carethread.interactions.writing.unit import WriteUnit

TIMER = CALL
"""The kind of timer that has the next called; its key is the Task's id."""

_SEEN, _DONE = "Somebody has said that they see to it.", "It was seen to."


def call_follows(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Wait for an answer, raise or lower the Flag, and write it into the DetectedIssue.

    A timer is not cancelled when an answer comes: when it is due, it finds nothing to do.
    """
    found = present(session, [("Task", id_) for id_ in ids])
    calls = {id_: task for (_, id_), task in found.items() if is_call(task)}
    if not calls:
        return
    judged = no_history(session, "Task", sorted(calls), context, is_call)
    unit = WriteUnit(runtime, session, context)
    now = to_micros(context.clock())
    for id_ in judged:
        task = calls[id_]
        _flag(unit, task, id_, now)
        _tell(unit, task)
    unit.store()
    session.timers.set_all(TIMER, {id_: due(calls[id_]) for id_ in judged if is_open(calls[id_])})


def flag_id(id_: str) -> str:
    """The id of the Flag that nobody is there for a call (its Task's id)."""
    return str(uuid5(NAMESPACE_URL, f"https://carethread.dev/fhir/Task/{id_}/{NOBODY}"))


def _flag(unit: WriteUnit, task: Resource, id_: str, now: int) -> None:
    key = "Flag", flag_id(id_)
    standing = here(unit.session, key)
    nobody = is_open(task) and not called(task, unit.base_url)
    about = ref(task, "for", unit.base_url) or department_of(task, unit.base_url)
    about = about or ref(task, "owner", unit.base_url, "Organization")
    labels = task.get("meta", {}).get("security")
    if nobody and about and (standing is None or standing["status"] != "active"):
        marks = extension(task, DEPARTMENT)
        unit.update(
            {
                "resourceType": "Flag",
                "id": key[1],
                **({"meta": {"security": labels}} if labels else {}),
                **({"extension": [dict(marks)]} if marks else {}),
                "status": "active",
                "code": {"coding": [{"system": FLAGS, "code": NOBODY}], "text": "Nobody is there to be called"},
                "subject": {"reference": about},
                "period": {"start": instant(now)},
            }
        )
    elif not nobody and standing is not None and standing["status"] == "active":
        ended = {**standing.get("period", {}), "end": instant(now)}
        unit.update({**standing, "status": "inactive", "period": ended})


def _tell(unit: WriteUnit, task: Resource) -> None:
    """Have the DetectedIssue say who sees to it since when, and that it was seen to; or that it is none."""
    about = ref(task, "focus", unit.base_url, "DetectedIssue")
    issue = unit.find(key_of(about)) if about else None
    if issue is None:
        return
    if task["status"] == "cancelled":
        told = {**issue, "status": "cancelled"}
    else:
        period = task.get("executionPeriod", {})
        told = issue
        if "start" in period and task["status"] in (*SEEN, "completed"):
            told = _mitigated(told, _SEEN, period["start"], task.get("owner"))
        if "end" in period and task["status"] == "completed":
            told = _mitigated(told, _DONE, period["end"], task.get("owner"))
    if told != issue:
        unit.update(told)


def _mitigated(issue: Resource, what: str, when: str, who: Mapping[str, object] | None) -> Resource:
    """The DetectedIssue with something that was done about it, once for each moment."""
    known = issue.get("mitigation", [])
    if any(each.get("date") == when and each["action"].get("text") == what for each in known):
        return issue
    done = {"action": {"text": what}, "date": when, **({"author": {"reference": who["reference"]}} if who else {})}
    return {**issue, "mitigation": [*known, done]}
