"""The words of feedback: codes, kinds of timers, and within what time it is answered. Pure.

The times hold where a department has not said otherwise (extension `feedback-terms` of its Organization). Source of the
seven days: a grievance is answered within an average of 7 days (CMS, State Operations Manual, interpretive guideline of
42 CFR 482.13(a)(2)).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from carethread.careteams.guarding import is_ours
from carethread.careteams.tasks import TASKS
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.core.service import PROFILES

_OURS = "https://carethread.dev/fhir/CodeSystem/"

ANSWER, PAST, CODE, REVIEW = "feedback", "past-feedback", "code-comment", "feedback-review"
"""Codes of Tasks: feedback is answered; that of the past is looked through; a comment gets its themes; the themes of a
while are looked at together."""

MARKS, STATES, PARTS = _OURS + "feedback-mark", _OURS + "feedback-state", _OURS + "feedback-part"
OUTCOMES, UNTOLD, DECISIONS = _OURS + "feedback-outcome", _OURS + "feedback-untold", _OURS + "feedback-decision"
THEMES, SEVERITIES = _OURS + "feedback-theme", _OURS + "feedback-severity"

RESOLUTION, TOLD, NOTICE, WHY_UNTOLD = "resolution", "told", "notice", "untold"
THEME, SEVERITY, DECISION = "theme", "severity", "decision"
"""What a Task has as output (Task.output.type, codes of `PARTS`)."""

WAITING, NOBODY, TAKEN, RESOLVED, NOT_TOLD = "waiting", "nobody-there", "taken", "resolved", "not-told"
TOLD_OPENLY, WITHDRAWN = "told-openly", "withdrawn"
"""How feedback stands (Task.businessStatus, codes of `STATES`), beside `TOLD` and `WHY_UNTOLD`."""

UNSENT = ("preparation", "on-hold")
"""Statuses of a message that nobody has sent yet, and that is stopped where it is not to be sent any more."""

CHANGED = "changed"
"""The outcome, and the decision, that something is done differently from now on."""

WITHDRAWN_WHY = ("answer-withdrawn", "answer-changed", "duplicate")
"""Why a Task is cancelled, of `UNTOLD`: there is nothing to answer. The rest say why somebody is not told."""

TAKE_BY, DEPARTMENT = PROFILES + "feedback-take-by", PROFILES + "department"
TERMS = PROFILES + "feedback-terms"

OVERDUE = {"system": STATES, "code": "overdue"}
"""The tag of what was not answered within its time."""

TAKING, CLOSING, REVIEWING = "feedback-take", "feedback-close", "feedback-review"
"""Kinds of timers: of a Task that nobody has taken, and of one that is open (their ids); of a department
(`Organization/1`) whose themes are looked at."""

_HOUR = 3_600_000_000
_MOST_HOURS = 24 * 366


@dataclass(frozen=True, slots=True)
class Terms:
    """Within what time somebody takes feedback, and has answered it; how often themes are looked at. Microseconds."""

    take: int = 24 * _HOUR
    close: int = 7 * 24 * _HOUR
    review: int = 30 * 24 * _HOUR


def terms_of(department: Resource | None) -> Terms:
    """What holds in a department (an Organization, None: it is not known)."""
    said, usual = extension(department or {}, TERMS), Terms()

    def time(name: str, unit: int, otherwise: int) -> int:
        number = extension(said, name).get("valuePositiveInt")
        return number * unit if isinstance(number, int) and 0 < number * unit <= _MOST_HOURS * _HOUR else otherwise

    return Terms(
        time("take-hours", _HOUR, usual.take),
        time("close-hours", _HOUR, usual.close),
        time("review-days", 24 * _HOUR, usual.review),
    )


def is_of(task: Resource | None, *codes: str) -> bool:
    """Whether a Task is one of ours of these codes, and no EHR's."""
    return task is not None and is_ours(task) and not coded(task.get("code"), TASKS).isdisjoint(codes)


def coded(concept: Any, system: str) -> set[str]:
    """The codes of a CodeableConcept that are of a system."""
    codings = concept.get("coding", ()) if isinstance(concept, dict) else ()
    return {str(each.get("code")) for each in codings if each.get("system") == system}


def concept(system: str, code: str, text: str = "") -> Resource:
    """A CodeableConcept."""
    return {"coding": [{"system": system, "code": code}], **({"text": text} if text else {})}


def outputs(task: Resource, part: str) -> Iterator[Resource]:
    """What a Task has as output of one kind."""
    return (each for each in task.get("output", ()) if part in coded(each.get("type"), PARTS))


def with_output(task: Resource, part: str, *values: Mapping[str, Any], without: Collection[str] = ()) -> Resource:
    """The Task with this as its only output of a kind, and none of some others; no value: none of it either."""
    gone = {part, *without}
    kept = [each for each in task.get("output", ()) if gone.isdisjoint(coded(each.get("type"), PARTS))]
    made = [*kept, *({"type": concept(PARTS, part), **value} for value in values)]
    rest = {name: value for name, value in task.items() if name != "output"}
    return {**rest, "output": made} if made else rest


def with_state(task: Resource, state: str) -> Resource:
    """The Task, saying how it stands."""
    return {**task, "businessStatus": concept(STATES, state)}


def state_of(task: Resource) -> str:
    """How it says that it stands; empty where it says nothing."""
    return next(iter(sorted(coded(task.get("businessStatus"), STATES))), "")
