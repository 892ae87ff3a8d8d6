"""What a resource says that a huddle ought to know: a reason to be on the agenda, or nothing. Pure.

A reason's text is fixed; what somebody has written freely is never one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from carethread.careteams.levels import level
from carethread.careteams.meeting.agenda import Reason
from carethread.careteams.plans.issues import CODES as PLAN_ISSUES
from carethread.careteams.plans.issues import OVERDUE
from carethread.careteams.risk.assessments import hidden_from
from carethread.careteams.risk.feedback import KINDS
from carethread.careteams.tasks import OPEN, TASKS
from carethread.careteams.teams.reading import ends
from carethread.core.fhir.elements import at, keys_at
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import FOREVER, Resource

CODES = "https://carethread.dev/fhir/CodeSystem/"
HAND_OFFS, CATEGORIES = CODES + "hand-off-kind", CODES + "communication-category"
CRITICAL_ANSWERS = CODES + "critical-answer"
DECISION, COMPLAINT = "huddle-decision", f"{KINDS}|complaint"
US_CORE_CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category"
GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
SDOH = f"{US_CORE_CATEGORY}|sdoh,{GRAVITY}|"
"""Values of the search parameter `category`: http://hl7.org/fhir/us/sdoh-clinicalcare."""

_ALARMING = frozenset({"urgent", "asap", "stat"})
_UNFOUNDED = frozenset({"cancelled", "entered-in-error"})
_NOT_SAID = frozenset({"not-done", "stopped", "entered-in-error"})
_POSITIVE = frozenset({"POS", "A", "AA", "H", "HH", "DET"})
"""Of v3-ObservationInterpretation."""

_AT_RISK = ("http://loinc.org", "LA19952-3")
"""The answer `At risk` of a screening, which is its own interpretation."""

_HAND_OFF_STATUS: Mapping[str, str] = {"escalated": "hand-off-escalated", "overdue": "hand-off-overdue"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A resource that may be on the agenda, with when it was last changed, and of whom it tells: who may not see it."""

    about: str
    updated: int
    resource: Resource
    rated: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Moment:
    """When the agenda is made, and what it is made for: since when things have happened, and who will read it.

    `readers` are practitioners by all their references; `done` what a Task that is completed was about. Microseconds.
    """

    now: int
    since: int
    readers: frozenset[str] = frozenset()
    done: Collection[str] = frozenset()


def micros(text: object) -> int:
    """The first moment of what a date or dateTime means; 0 where it is none."""
    span = date_range(text) if isinstance(text, str) else None
    return span[0] if span else 0


def due(task: Resource) -> int:
    """Until when a Task is to be done; FOREVER where it is not said."""
    return ends(task.get("restriction", {}).get("period", {}).get("end"))


def codes(concepts: Any, system: str) -> set[str]:
    """The codes of a system in a CodeableConcept, or in several."""
    some = concepts if isinstance(concepts, list) else [concepts or {}]
    found = (each for one in some for each in one.get("coding", ()))
    return {str(each.get("code", "")) for each in found if each.get("system") == system}


def is_hand_off(task: Resource) -> bool:
    return bool(codes(task.get("code"), HAND_OFFS))


def is_decision(task: Resource) -> bool:
    return DECISION in codes(task.get("code"), TASKS)


def _of_task(seen: Seen, moment: Moment) -> str:
    task = seen.resource
    status, late = task["status"], due(task) <= moment.now
    if is_hand_off(task):
        return _of_hand_off(seen, moment, late=late)
    if status not in OPEN:
        return ""
    if is_decision(task):
        return "decision-overdue" if late else "decision"
    if task.get("priority") in _ALARMING:
        return "task-urgent"
    return "task-overdue" if late else ""


def _of_hand_off(seen: Seen, moment: Moment, *, late: bool) -> str:
    task = seen.resource
    status = task["status"]
    if status in ("rejected", "failed"):
        ended = "hand-off-declined" if status == "rejected" else "hand-off-expired"
        return ended if seen.updated > moment.since else ""
    if status not in OPEN:
        return ""
    told = codes(task.get("businessStatus"), CODES + "hand-off-status")
    found = next((kind for code, kind in _HAND_OFF_STATUS.items() if code in told), "")
    offered = status in ("requested", "received")
    return found or ("hand-off-overdue" if late else "hand-off" if offered else "")


def _of_risk(seen: Seen, moment: Moment) -> str:
    found = level(seen.resource, moment.now)
    return f"risk-{found}" if found else ""


def _of_issue(seen: Seen, moment: Moment) -> str:
    issue = seen.resource
    if issue["status"] in _UNFOUNDED or issue.get("mitigation"):
        return ""
    if codes(issue.get("code"), CRITICAL_ANSWERS):
        return ""  # the call that goes with it is said
    if OVERDUE in codes(issue.get("code"), PLAN_ISSUES):
        return "plan-overdue"
    return "conflict-high" if issue.get("severity") == "high" else "conflict"


def _of_complaint(seen: Seen, moment: Moment) -> str:
    return "" if seen.resource["status"] in _NOT_SAID else "complaint"


def _of_flag(seen: Seen, moment: Moment) -> str:
    flag = seen.resource
    return "flag" if flag["status"] == "active" and ends(flag.get("period", {}).get("end")) > moment.now else ""


def _of_condition(seen: Seen, moment: Moment) -> str:
    known = codes(seen.resource.get("verificationStatus"), "http://terminology.hl7.org/CodeSystem/condition-ver-status")
    return "" if known & {"refuted", "entered-in-error"} else "need"


def _of_observation(seen: Seen, moment: Moment) -> str:
    found = seen.resource
    if found["status"] not in ("final", "amended", "corrected", "preliminary"):
        return ""
    meant = {str(each.get("code", "")) for each in at(found, "interpretation.coding") if isinstance(each, dict)}
    answers = {(each.get("system"), each.get("code")) for each in at(found, "valueCodeableConcept.coding")}
    return "need" if meant & _POSITIVE or _AT_RISK in answers else ""


_KINDS: Mapping[str, Callable[[Seen, Moment], str]] = {
    "Task": _of_task,
    "RiskAssessment": _of_risk,
    "DetectedIssue": _of_issue,
    "Communication": _of_complaint,
    "QuestionnaireResponse": _of_complaint,
    "Flag": _of_flag,
    "Condition": _of_condition,
    "Observation": _of_observation,
}

SETTLED_BY_TASK = frozenset({"Communication", "QuestionnaireResponse", "DetectedIssue", "Observation"})
"""What has no status that says whether it is settled: it is, once a Task about it is done."""

_BEGAN = ("identifiedDateTime", "occurrenceDateTime", "authored", "sent", "authoredOn", "recordedDate")


def reasons(found: Collection[Seen], moment: Moment, whose: Callable[[Seen], str]) -> Iterator[Reason]:
    """What the resources say, of the people whose they are."""
    newest = _newest(found)
    told = {each for one in found if one.resource["resourceType"] == "Condition" for each in _evidence(one.resource)}
    for seen in found:
        type_name = seen.resource["resourceType"]
        if type_name in SETTLED_BY_TASK and seen.about in moment.done:
            continue
        if seen.about in told or seen.about not in newest or _hidden(seen, moment):
            continue
        if (kind := _KINDS[type_name](seen, moment)) and (person := whose(seen)):
            yield Reason(person, kind, seen.about, _since(seen, kind))


def _evidence(condition: Resource) -> Iterator[str]:
    return (f"{kind}/{id_}" for kind, id_ in keys_at(condition, "evidence.detail"))


def _newest(found: Collection[Seen]) -> set[str]:
    """What tells how it is: of the answers to one question, and of the hand-offs of one kind that ended, the last."""
    last: dict[object, tuple[int, int, str]] = {}
    for seen in found:
        key: object = seen.about
        one, when = seen.resource, 0
        if one["resourceType"] == "Observation":
            when = micros(one.get("effectiveDateTime") or one.get("effectiveInstant"))
            key = ("Observation", *keys_at(one, "subject"), *_coded(one))
        elif one["resourceType"] == "Task" and is_hand_off(one):
            ended = one["status"] in ("rejected", "failed")
            when = micros(one.get("authoredOn"))
            key = ("Task", *keys_at(one, "for"), *_coded(one))
            if not ended:  # however many are open, each is on the agenda; one that has ended gives way to them
                last[seen.about] = when, seen.updated, seen.about
        last[key] = max(last.get(key, (0, 0, "")), (when, seen.updated, seen.about))
    return {about for _, _, about in last.values()}


def _coded(resource: Resource) -> list[tuple[str, str]]:
    coding = resource.get("code", {}).get("coding", ())
    return sorted((str(each.get("system", "")), str(each.get("code", ""))) for each in coding)


def _since(seen: Seen, kind: str) -> int:
    """Since when it is so: from its time on for what is past it, from its last change on for what has been answered."""
    if kind in ("decision-overdue", "task-overdue", "hand-off-overdue") and (late := due(seen.resource)) < FOREVER:
        return late
    if kind.startswith("hand-off-"):
        return seen.updated
    began = (micros(seen.resource.get(name)) for name in _BEGAN)
    return next((each for each in began if each), seen.updated)


def _hidden(seen: Seen, moment: Moment) -> bool:
    """Whether it is to be kept from a reader; from everybody where nobody says who reads."""
    if seen.resource["resourceType"] == "RiskAssessment":
        return hidden_from(seen.resource, moment.readers)
    return bool(seen.rated) and (not moment.readers or not seen.rated.isdisjoint(moment.readers))
