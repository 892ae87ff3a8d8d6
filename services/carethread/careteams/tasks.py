"""Tasks of care teams: where their codes are from, which of them somebody has to do, or may, and how one is asked for.

Source: http://hl7.org/fhir/R4/task.html, http://hl7.org/fhir/R4/valueset-task-status.html.
"""

from __future__ import annotations

from typing import Any

from carethread.core.moments import DAY
from carethread.core.ports import Resource

TASKS = "https://carethread.dev/fhir/CodeSystem/careteam-task"

OPEN = ("draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold")
"""Statuses of a Task that is not done with."""

NO_NEED = ("feedback", "past-feedback")
"""Codes of Tasks that answer what people say of their care: by these they need nobody who answers for them, and a rule
reads them only as it reads what was said."""

LONGEST = 366 * DAY
"""Microseconds for which a Task of ours may be put off, and an answer or a result be waited for."""


def asked(
    id_: str, code: str, now: str, *, text: str = "", priority: str = "urgent", whom: Any = None, **members: Any
) -> Resource:
    """A Task of ours that somebody has to do, authored now (an instant); of the members those that are not empty, and
    `whom` is that it is for."""
    return {
        "resourceType": "Task",
        "id": id_,
        "status": "requested",
        "intent": "order",
        "priority": priority,
        "code": {"coding": [{"system": TASKS, "code": code}], **({"text": text} if text else {})},
        "authoredOn": now,
        **{name: value for name, value in {"for": whom, **members}.items() if value},
    }


def over(task: Resource, why: str) -> Resource:
    """A Task that nobody has to do any more, and why not."""
    return {**task, "status": "completed", "statusReason": {"text": why}}


def refer(name: str) -> Resource:
    """A Reference to somebody or something (`Practitioner/1`); empty where it is nobody."""
    return {"reference": name} if name else {}
