"""Whoever has come to answer for a person unasked is told so by a Task `take-over`; that nobody answers, by a Flag too.

Sources: http://hl7.org/fhir/R4/task.html, http://hl7.org/fhir/R4/flag.html.
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from carethread.careteams.tasks import TASKS
from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.ports import Resource, Session
from carethread.core.service import PROFILES, Runtime
from carethread.interactions.standing import here
from carethread.interactions.writing.unit import WriteUnit

FLAGS = "https://carethread.dev/fhir/CodeSystem/flag-kind"
TAKE_OVER, NOBODY = "take-over", "nobody-accountable"

_WHY = {
    "shift-over": "The time up to which somebody was accountable is over, and no hand-off was accepted.",
    "left": "Whoever was accountable does not work here any more.",
    "ended": "The team that answered for the person has ended.",
}
_WHO = {
    "on-call": "Who is on call in the department answers from now on.",
    "accountable": "Nobody is on call in the department; its lead answers from now on.",
    "escalated": "The department has nobody on call and no lead; the department above answers from now on.",
    "": "There is nobody on call and no lead in the department, nor above it: nobody answers.",
    "unled": "No other team of theirs has a lead: nobody answers.",
}


def raise_alarm(
    unit: WriteUnit,
    team: str,
    patient: str,
    department: str,
    member: str,
    why: str,
    cause: str,
    now: int,
    about: str = "",
) -> None:
    """Tell of a team (`CareTeam/1`) that somebody has come to lead, as `cause` says, or nobody. `patient` is empty for
    a department's team. `about`: whose lack of anybody it is, where that is not the team's: the person's."""
    owner = member or department
    whose = {"for": {"reference": patient}} if patient else {}
    unit.update(
        {
            "resourceType": "Task",
            "id": unit.context.new_id(),
            **_marks(department),
            "status": "requested",
            "intent": "order",
            "priority": "urgent",
            "code": {"coding": [{"system": TASKS, "code": TAKE_OVER}], "text": "Take over"},
            "focus": {"reference": team},
            **whose,
            "authoredOn": instant(now),
            **({"owner": {"reference": owner}} if owner else {}),
            "reasonCode": {"text": f"{_WHY[why]} {_WHO[cause]}"},
        }
    )
    if not member and patient:
        unit.update(
            {
                "resourceType": "Flag",
                "id": _flag(about or team),
                **_marks(department),
                "status": "active",
                "code": {"coding": [{"system": FLAGS, "code": NOBODY}], "text": "Nobody is accountable"},
                "subject": {"reference": patient},
                "period": {"start": instant(now)},
            }
        )


def is_raised(session: Session, about: str) -> bool:
    """Whether a Flag says that nobody leads a team (`CareTeam/1`), or answers for a person (`Patient/1`)."""
    return (here(session, ("Flag", _flag(about))) or {}).get("status") == "active"


def lower(runtime: Runtime, session: Session, about: str, now: int, context: Context) -> None:
    """End the Flag that nobody leads a team, or answers for a person: somebody does again."""
    flag = here(session, ("Flag", _flag(about)))
    if flag and flag["status"] == "active":
        unit = WriteUnit(runtime, session, context)
        ended = {**flag.get("period", {}), "end": instant(now)}
        unit.update({**flag, "status": "inactive", "period": ended})
        unit.store()


def _flag(about: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"https://carethread.dev/fhir/{about}/{NOBODY}"))


def _marks(department: str) -> Resource:
    value = {"url": PROFILES + "department", "valueReference": {"reference": department}}
    return {"extension": [value]} if department else {}
