"""The course of a hand-off, as its Task says it (http://hl7.org/fhir/R4/task.html#statemachine). Pure.

    draft → offered → accepted → returned | failed
                    → declined | withdrawn | expired

While it is offered its mark says more: it was `escalated` to somebody else, or the time of who hands over was over and
the person was `passed-on`; one that is accepted may be `overdue` with its result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from carethread.careteams.teams.reading import ends, ref
from carethread.core.clock import instant
from carethread.core.fhir.elements import at, extension, is_bound
from carethread.core.ports import FOREVER, Resource
from carethread.core.service import PROFILES

HAND_OFF = PROFILES + "task-hand-off"

KIND = "https://carethread.dev/fhir/CodeSystem/hand-off-kind"
STATUS = "https://carethread.dev/fhir/CodeSystem/hand-off-status"

CHANGE = "department-change"
"""The kind by which the person also comes to another department."""

MOVING = frozenset({"care", "discharge", "shift", CHANGE})
"""The kinds by which somebody else comes to answer for the person; the others ask for one thing."""

KINDS = (*sorted(MOVING), "follow-up", "huddle", "referral")

ANSWERED_BY = PROFILES + "answered-by"
"""Extension of a hand-off: who took the last step, where that is not who the Task names for it; without a reference
nobody did, but the service itself."""

BY_SERVICE = {"display": "The service itself"}
"""Who that is where it was the service."""

RESULT_BY = PROFILES + "result-by"
"""Extension of a hand-off: by when its result is to be back with who handed over."""

State = Literal["draft", "offered", "accepted", "declined", "withdrawn", "expired", "returned", "failed"]
Mark = Literal["", "offered", "escalated", "passed-on", "overdue", "expired"]

MARKS: frozenset[str] = frozenset({"offered", "escalated", "passed-on", "overdue", "expired"})

_STATES: Mapping[str, State] = {
    "draft": "draft",
    "requested": "offered",
    "received": "offered",
    "accepted": "accepted",
    "ready": "accepted",
    "in-progress": "accepted",
    "on-hold": "accepted",
    "rejected": "declined",
    "cancelled": "withdrawn",
    "entered-in-error": "withdrawn",
    "completed": "returned",
    "failed": "failed",
}

NEXT: Mapping[State, frozenset[State]] = {
    "draft": frozenset({"draft", "offered", "withdrawn"}),
    "offered": frozenset({"offered", "accepted", "declined", "withdrawn", "expired"}),
    "accepted": frozenset({"accepted", "returned", "failed"}),
}
"""What may follow; nothing follows what is not here."""

OPEN: frozenset[State] = frozenset({"offered", "accepted"})
"""States in which somebody has something to do."""

STATUS_OF: Mapping[State, str] = {
    "draft": "draft",
    "offered": "requested",
    "accepted": "accepted",
    "declined": "rejected",
    "withdrawn": "cancelled",
    "expired": "failed",
    "returned": "completed",
    "failed": "failed",
}
"""Task.status of a state."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a hand-off stands: who hands over (`sender`), who is asked or has it (`receiver`), and until when
    something is waited for, in microseconds, 0: nothing is."""

    state: State
    mark: str
    sender: str
    receiver: str
    deadline: int


def is_ours(task: Resource | None) -> bool:
    """Whether a Task is a hand-off of ours: what an EHR sends is kept as it was sent."""
    return is_bound(task, HAND_OFF)


def state_of(task: Resource) -> State:
    state = _STATES[task["status"]]
    return "expired" if state == "failed" and "expired" in marks_of(task) else state


def marks_of(task: Resource) -> set[str]:
    """What we have said of it beside its status."""
    codings = (each for each in at(task, "businessStatus.coding") if isinstance(each, dict))
    return {str(each.get("code")) for each in codings if each.get("system") == STATUS}


def kind_of(task: Resource) -> str:
    codings = (each for each in at(task, "code.coding") if isinstance(each, dict))
    return next((str(each.get("code")) for each in codings if each.get("system") == KIND), "")


def is_moving(task: Resource) -> bool:
    """Whether who accepts it answers for the person from then on."""
    return kind_of(task) in MOVING


def position(task: Resource, base: str | None = None) -> Position:
    """Where a hand-off stands by its Task."""
    state, marks = state_of(task), marks_of(task)
    mark = ""
    if state == "offered":
        mark = next((each for each in ("escalated", "passed-on") if each in marks), "offered")
    elif state == "accepted" and "overdue" in marks:
        mark = "overdue"
    waits = deadline(task) if state == "offered" else result_by(task) if state == "accepted" else 0
    return Position(state, mark, ref(task, "requester", base), ref(task, "owner", base), waits)


def deadline(task: Resource) -> int:
    """Until when the answer to an offer is waited for."""
    return ends(task.get("restriction", {}).get("period", {}).get("end"))


def result_by(task: Resource) -> int:
    """Until when a result is waited for; 0: none is."""
    said = extension(task, RESULT_BY).get("valueInstant")
    until = ends(said) if said else FOREVER
    return 0 if until == FOREVER else until


def stepped_by(task: Resource, base: str | None = None) -> str:
    """Who took the step by which it came to where it is; empty: nobody, but time or the service did."""
    state = state_of(task)
    if state == "expired" or (state in OPEN and marks_of(task) & {"escalated", "overdue"}):
        return ""
    named = "requester" if state in ("draft", "offered", "withdrawn") else "owner"
    said = extension(task, ANSWERED_BY) if state != "offered" else {}
    return ref(dict(said), "valueReference", base) if said else ref(task, named, base)


def dated(before: Resource, task: Resource, now: int) -> Resource:
    """The Task with when it was accepted (`executionPeriod.start`) and when it was over, as it happens here."""
    was: Mapping[str, str] = before.get("executionPeriod", {})
    period: dict[str, str] = {name: was[name] for name in ("start", "end") if name in was}
    state = state_of(task)
    if state == "accepted":
        period.setdefault("start", instant(now))
    elif state not in OPEN:
        period.setdefault("end", instant(now))
    rest = {name: value for name, value in task.items() if name != "executionPeriod"}
    return {**rest, "executionPeriod": period} if period else rest


def marked(task: Resource, *codes: str) -> Resource:
    """The Task with these marks in place of those it had; what others say of its business status stays."""
    business = task.get("businessStatus", {})
    others = [each for each in business.get("coding", ()) if each.get("system") != STATUS]
    coding = [*({"system": STATUS, "code": code} for code in codes), *others]
    rest = {name: value for name, value in business.items() if name != "coding"}
    made = {**rest, **({"coding": coding} if coding else {})}
    without = {name: value for name, value in task.items() if name != "businessStatus"}
    return {**without, "businessStatus": made} if made else without
