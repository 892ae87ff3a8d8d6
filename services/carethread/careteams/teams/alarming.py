"""Whoever has come to answer for a person unasked is told so by a Task `take-over`; that nobody answers, by a Flag too.

Sources: http://hl7.org/fhir/R4/task.html, http://hl7.org/fhir/R4/flag.html.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import NAMESPACE_URL, uuid5

from carethread.careteams.tasks import asked, refer
from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.ports import Resource, Session
from carethread.core.service import PROFILES, Runtime
from carethread.interactions.standing import here, present
from carethread.interactions.writing.unit import WriteUnit

FLAGS = "https://carethread.dev/fhir/CodeSystem/flag-kind"
TAKE_OVER, NOBODY = "take-over", "nobody-accountable"

_WHY = {
    "shift-over": "The time up to which somebody was accountable is over, and no hand-off was accepted.",
    "left": "Whoever was accountable does not work here any more.",
    "ended": "The team that answered for the person has ended.",
    "unknown": "Whoever was named as accountable is not known here.",
    "needed": "The person needs somebody, and nobody was ever accountable.",
    "parted": "The person was merged with another, or is so no longer.",
}
_WHO = {
    "on-call": "Who is on call in the department answers from now on.",
    "accountable": "Nobody is on call in the department; its lead answers from now on.",
    "escalated": "The department has nobody on call and no lead; the department above answers from now on.",
    "": "There is nobody on call and no lead in the department, nor above it: nobody answers.",
    "asked": "Who is on call in the department is asked to take the person over: give them a care team with a lead.",
    "alone": "Nobody is on call in the department, or it is not known: nobody answers.",
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
    asks: str = "",
) -> None:
    """Tell of a team (`CareTeam/1`), or of a person where it is about no team, that somebody has come to lead, as
    `cause` says, or nobody. `patient` is empty for a department's team. `about`: whose lack of anybody it is, where
    that is not the team's: the person's. `asks`: who is asked to take over where nobody did."""
    unit.update(
        asked(
            unit.context.new_id(),
            TAKE_OVER,
            instant(now),
            text="Take over",
            whom=refer(patient),
            focus=refer(team),
            owner=refer(member or asks or department),
            reasonCode={"text": f"{_WHY[why]} {_WHO[cause]}"},
            **_marks(department),
        )
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


def are_raised(session: Session, abouts: Iterable[str]) -> set[str]:
    """Those of which a Flag says so."""
    flags = {("Flag", _flag(each)): each for each in abouts}
    return {flags[key] for key, flag in present(session, flags).items() if flag["status"] == "active"}


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
