"""A call: the Task (code `critical-answer`) by which somebody sees to a critical answer at once. Pure.

It is open until a person says that they see to it, and over when they say what was done, or that nothing has to be.
How long is waited for a person is ours: FHIR's priorities only order
(http://hl7.org/fhir/R4/valueset-request-priority.html).
"""

from __future__ import annotations

from collections.abc import Mapping

from carethread.careteams.guarding import is_ours
from carethread.careteams.tasks import TASKS
from carethread.careteams.teams.alarming import FLAGS
from carethread.careteams.teams.reading import begins, ends, ref
from carethread.core.clock import instant
from carethread.core.fhir.elements import at, with_extensions
from carethread.core.ports import Resource
from carethread.core.service import PROFILES

CALL = "critical-answer"

OPEN, SEEN, OVER = ("requested", "received"), ("accepted", "in-progress", "on-hold"), ("completed", "cancelled")
"""Statuses: nobody has said that they see to it; somebody does; nobody has to any more."""

NEXT: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(OPEN, (*OPEN, "accepted", "in-progress", *OVER)),
    **dict.fromkeys(SEEN, ("requested", *SEEN, *OVER)),
}
"""What may follow a status; what is over stays as it is. `requested` gives it back: others are called again."""

_MINUTE = 60_000_000
_WAIT: Mapping[str, int] = {"stat": 5 * _MINUTE, "asap": 15 * _MINUTE, "urgent": 60 * _MINUTE}
_LONGEST = 60 * _MINUTE

DEPARTMENT = PROFILES + "department"

NOBODY = "nobody-there"
_NOBODY = {"coding": [{"system": FLAGS, "code": NOBODY}]}
"""How a call stands (Task.businessStatus) while nobody is there to be called."""


def is_call(task: Resource | None) -> bool:
    """Whether a Task calls somebody to a critical answer, and is no EHR's."""
    if task is None or not is_ours(task):
        return False
    codings = (each for each in at(task, "code.coding") if isinstance(each, dict))
    return any((each.get("system"), each.get("code")) == (TASKS, CALL) for each in codings)


def is_open(task: Resource) -> bool:
    """Whether nobody has said yet that they see to it."""
    return task["status"] in OPEN


def due(task: Resource) -> int:
    """Until when who is called has time, in microseconds."""
    return ends(task.get("restriction", {}).get("period", {}).get("end"))


def calling(task: Resource, owner: str, now: int, *, anew: bool = False) -> Resource:
    """The Task by which somebody (`Practitioner/1`) is called from now on; where nobody is there it is a department's
    (`Organization/1`; empty: nobody knows one).

    Each has the time that its priority gives, and longer the longer nobody answers: a quarter of what it took so far,
    an hour at most. So it goes on for as long as it has to, and does not flood anybody. `anew`: it begins now.
    """
    restriction = task.get("restriction", {})
    period = restriction.get("period", {})
    start = instant(now) if anew or "start" not in period else period["start"]
    waited = max(0, now - begins(start))
    until = now + min(_LONGEST, max(_WAIT.get(task.get("priority", ""), _LONGEST), waited // 4))
    made = {name: value for name, value in task.items() if name != "owner"}
    made |= {"status": "requested", "restriction": {**restriction, "period": {"start": start, "end": instant(until)}}}
    return {**made, "owner": {"reference": owner}} if owner else made


def of_department(task: Resource, department: str) -> Resource:
    """The Task with its department (`Organization/1`), where that is known."""
    return with_extensions(task, {DEPARTMENT: {"valueReference": {"reference": department}}}) if department else task


def standing(task: Resource, base: str) -> Resource:
    """The Task with whether anybody is there to be called, while it is open: so it is a work list."""
    if is_open(task) and not called(task, base):
        return {**task, "businessStatus": _NOBODY}
    is_told = task.get("businessStatus") == _NOBODY
    return {name: value for name, value in task.items() if name != "businessStatus"} if is_told else task


def called(task: Resource, base: str) -> str:
    """Who is called (`Practitioner/1`), or has said that they see to it; empty where that is no person."""
    return ref(task, "owner", base, "Practitioner", "PractitionerRole")
