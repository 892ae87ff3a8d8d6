"""Offering a hand-off: the Task by which one asks another, until when, and with what.

Its summary is a document that is requested of its owner under an id that is known at once, so that the Task refers to
it (`Task.input`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carethread.careteams.handing.saying import SUMMARY, restricted
from carethread.careteams.handing.states import HAND_OFF, KIND, RESULT_BY
from carethread.careteams.handing.terms import answer_due
from carethread.careteams.teams.answering import accountable
from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Session, Stored
from carethread.core.service import PROFILES
from carethread.interactions.standing import here
from carethread.interactions.writing.check import check_resource
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import WriteUnit

_DEPARTMENT = PROFILES + "department"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be handed over: `sender` and `receiver` are references such as `PractitionerRole/1`.

    `deadline` and `result_by` are microseconds; 0: by urgency, and no result is waited for. `department` is the
    Organization that it happens in; empty: the receiver's. `summary` is the Bundle that goes with it.
    `restricted`: it says what not everybody may read.
    """

    patient: str
    kind: str
    sender: str
    receiver: str
    urgency: str = "routine"
    deadline: int = 0
    reason: Resource | None = None
    note: str = ""
    focus: str = ""
    result_by: int = 0
    department: str = ""
    summary: str = ""
    restricted: bool = False


def offer(unit: WriteUnit, wanted: Wanted, id_: str = "") -> Stored:
    """Offer it in a transaction, whose unit stores it. Raises Conflict and Invalid where it cannot be (`rule`)."""
    task = hand_off(unit.session, wanted, unit.now, unit.base_url)
    check_resource("Task", task)
    id_ = id_ or unit.context.new_id()
    stored = unit.do(Command("Task", id_, task, fresh=True, verb="POST", own=True)).stored
    if stored is None:
        raise AssertionError("what is not a delete always leaves a version")
    return stored


def hand_off(session: Session, wanted: Wanted, now: int, base: str | None = None) -> Resource:
    """The Task of an offer that is made now (microseconds)."""
    department = wanted.department or department_between(session, wanted.receiver, wanted.patient, now, base)
    marks: list[dict[str, Any]] = []
    if department:
        marks.append({"url": _DEPARTMENT, "valueReference": {"reference": department}})
    if wanted.result_by:
        marks.append({"url": RESULT_BY, "valueInstant": instant(wanted.result_by)})
    until = wanted.deadline or answer_due(wanted.urgency, now)
    optional: Mapping[str, Any] = {
        "reasonCode": wanted.reason,
        "focus": wanted.focus and {"reference": wanted.focus},
        "note": wanted.note and [{"time": instant(now), "text": wanted.note}],
        "input": wanted.summary and [{"type": {"text": SUMMARY}, "valueReference": {"reference": wanted.summary}}],
    }
    made: Resource = {
        "resourceType": "Task",
        "meta": {"profile": [HAND_OFF]},
        **({"extension": marks} if marks else {}),
        "status": "requested",
        "intent": "order",
        "priority": wanted.urgency,
        "code": {"coding": [{"system": KIND, "code": wanted.kind}]},
        "for": {"reference": wanted.patient},
        "authoredOn": instant(now),
        "requester": {"reference": wanted.sender},
        "owner": {"reference": wanted.receiver},
        "restriction": {"period": {"start": instant(now), "end": instant(until)}},
        **{name: value for name, value in optional.items() if value},
    }
    return restricted(made) if wanted.restricted else made


def department_between(session: Session, receiver: str, patient: str, now: int, base: str | None = None) -> str:
    """The department (`Organization/1`) that a hand-off is of: the receiver's, else that of the team which answers for
    the person; empty where neither is known."""
    if found := department_of(session, receiver, base):
        return found
    standing = accountable(session, patient, now, base)
    return department_of(session, standing.team, base) if standing else ""


def department_of(session: Session, member: str, base: str | None = None) -> str:
    """The department (`Organization/1`) of somebody who is asked; empty where it is not known."""
    kind, _ = key_of(member)
    if kind == "Organization":
        return member
    named = {"CareTeam": "managingOrganization", "PractitionerRole": "organization"}.get(kind)
    found = here(session, key_of(member)) if named else None
    return ref(found, named, base, "Organization") if found and named else ""
