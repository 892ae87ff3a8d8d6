"""Who has to know that nobody answered, or that a result did not come: each gets a Task (http://hl7.org/fhir/R4/task.html).

Its id follows from what it is about and whom it is for, so that it is made once.
"""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from carethread.careteams.tasks import asked, refer
from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.core.service import PROFILES, Unit

UNANSWERED, OVERDUE, SECOND = "unanswered-hand-off", "overdue-result", "second-hand-off"

_DEPARTMENT = PROFILES + "department"
_TEXTS = {
    UNANSWERED: "Nobody has answered this hand-off. Hand the person over to somebody else.",
    OVERDUE: "The result of this hand-off did not come in time. Ask for it.",
    SECOND: "The person was merged with another, of whom a hand-off is open too. Withdraw one of both.",
}
_PRIORITIES = {"stat": "stat", "asap": "asap"}


def department_of(task: Resource, base: str | None = None) -> str:
    """The department (`Organization/1`) that a Task says it is of; empty where it says none."""
    return ref(dict(extension(task, _DEPARTMENT)), "valueReference", base, "Organization")


def alarm_id(id_: str, code: str, owner: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"https://carethread.dev/fhir/Task/{id_}/{code}/{owner}"))


def alarm(unit: Unit, task: Resource, id_: str, code: str, owner: str, now: int) -> None:
    """Have somebody told of a hand-off, as urgently as that was, and at least urgently."""
    marks: list[Any] = [each for each in task.get("extension", ()) if each.get("url") == _DEPARTMENT]
    unit.update(
        asked(
            alarm_id(id_, code, owner),
            code,
            instant(now),
            priority=_PRIORITIES.get(task.get("priority", ""), "urgent"),
            owner=refer(owner),
            reasonCode={"text": _TEXTS[code]},
            whom=task["for"],
            focus=refer(f"Task/{id_}"),
            partOf=[refer(f"Task/{id_}")],
            extension=marks,
        )
    )
