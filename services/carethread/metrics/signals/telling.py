"""What is told of a signal: a MeasureReport of the bucket that showed it, and a Task for who answers for the number.

Neither names a person. Which rule, on which side and since when is told by the extension `metric-signal` of both, and
in words by the Task. Pure. Sources: http://hl7.org/fhir/R4/measurereport.html, http://hl7.org/fhir/R4/task.html.
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from carethread.core.clock import instant
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.metrics.answering.reporting import extension_of_department
from carethread.metrics.measures.definition import title_of
from carethread.metrics.signals.rules import RULES
from carethread.metrics.signals.standing import Over, Raised

SIGNAL = PROFILES + "metric-signal"
TASKS = "https://carethread.dev/fhir/CodeSystem/careteam-task"
CODE = "metric-signal"

_UNSEEN = "status=requested,received"
_OPEN = "status=requested,received,accepted,in-progress,on-hold"


def id_of(what: str, measure: str, raised: Raised) -> str:
    """The id of the `report` or the `task` of a signal of a Measure (its id): the same each time."""
    return str(uuid5(NAMESPACE_URL, f"{SIGNAL}/{measure}/{raised.key}#{what}"))


def signal(raised: Raised, canonical: str, ended: Over | None = None) -> Resource:
    """The extension that says what a signal of a Measure (its canonical) is, and what became of it."""
    said: list[Resource] = [
        {"url": "measure", "valueCanonical": canonical},
        {"url": "rule", "valueCode": raised.rule},
        {"url": "side", "valueCode": raised.side},
        {"url": "since", "valueDate": f"{raised.since}"},
    ]
    if ended:
        said.append({"url": "outcome", "valueCode": ended.why})
    if ended and ended.until:
        said.append({"url": "until", "valueDate": f"{ended.until}"})
    return {"url": SIGNAL, "extension": said}


def with_outcome(report: Resource, ended: Over, canonical: str) -> Resource:
    """The MeasureReport of a signal that stands no more."""
    others = [each for each in report.get("extension", ()) if each.get("url") != SIGNAL]
    return {**report, "extension": [*others, signal(ended.raised, canonical, ended)]}


def department(raised: Raised) -> list[Resource]:
    """The extension by which something is of the department of a signal; none where it is of no department."""
    named = raised.place.department
    where = {"reference": f"Organization/{named}"}
    return [extension_of_department(where)] if named else []


def task(measure: Resource, canonical: str, raised: Raised, owner: str, now: int) -> Resource:
    """The Task by which somebody finds out what a signal of a Measure is about; `owner` is a reference or empty."""
    title = title_of(measure)
    told = f"{title}: {raised.side} what is usual since {raised.since}, for {RULES[raised.rule].said}."
    about = {"reference": f"MeasureReport/{id_of('report', measure['id'], raised)}"}
    return {
        "resourceType": "Task",
        "id": id_of("task", measure["id"], raised),
        "extension": [*department(raised), signal(raised, canonical)],
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {"coding": [{"system": TASKS, "code": CODE}]},
        "description": f"{told} Find out what has changed.",
        "focus": about,
        "authoredOn": instant(now),
        **({"owner": {"reference": owner}} if owner else {}),
    }


def changes(ended: Over) -> list[tuple[list[Resource], str]]:
    """What becomes of the Task of a signal that stands no more: patches, each with where it is done.

    One that has ended was there, and is still to be looked into. One that never was is not: who has not begun yet need
    not, and who has is told.
    """
    if ended.why == "ended":
        return [
            ([_business(f"It has not been so since {ended.until}." if ended.until else "It has become usual.")], _OPEN)
        ]
    why = "The data were corrected: there is no such signal."
    cancelled: list[Resource] = [
        {"op": "replace", "path": "/status", "value": "cancelled"},
        {"op": "add", "path": "/statusReason", "value": {"text": why}},
    ]
    return [(cancelled, _UNSEEN), ([_business(why)], "status=accepted,in-progress,on-hold")]


def _business(text: str) -> Resource:
    return {"op": "add", "path": "/businessStatus", "value": {"text": text}}
