"""A department over two years, for its review: visits that are missed more often at the end, answers, complaints with
their themes, and what earlier reviews have decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from support.measuring import visit

Resource = dict[str, Any]

OURS = "https://carethread.dev/fhir/"
WARD = {
    "url": OURS + "StructureDefinition/department",
    "valueReference": {"reference": "Organization/ward"},
}
MONTH = "2030-02"
"""The last month that is over where the facts of a test end."""


def months() -> list[date]:
    """24 months, the last of them `MONTH`."""
    return [date(2028 + (2 + i) // 12, (2 + i) % 12 + 1, 1) for i in range(24)]


def ward(name: str = "Eye clinic", id_: str = "ward") -> Resource:
    return {"resourceType": "Organization", "id": id_, "active": True, "name": name}


def visits(each_month: int = 60, missed: int = 8, at_last: int = 26, department: str = "ward") -> Iterator[Resource]:
    """Visits of as many people; of each month some are missed, of the last others."""
    for number, month in enumerate(months()):
        no_shows = at_last if number == 23 else missed + number % 3 - 1
        for i in range(each_month):
            status = "noshow" if i < no_shows else "fulfilled"
            day = f"{month.replace(day=1 + i % 28)}"
            yield visit(f"{department}-{number}-{i}", status, f"p{i}", day=day, department=department)


def complaint(
    id_: str, who: str = "", *themes: str, day: str = f"{MONTH}-10", severity: str = "", comment: bool = True
) -> list[Resource]:
    """A complaint; with its comment, and what that was coded as (no theme: nobody has read it yet)."""
    tasks = OURS + "CodeSystem/careteam-task"
    common = {"resourceType": "Task", "extension": [WARD], "intent": "order", "authoredOn": f"{day}T09:00:00Z"}
    focus = {"focus": {"reference": f"QuestionnaireResponse/{id_}"}}
    answer = {
        **common, **focus, "id": f"{id_}-answer", "status": "requested",
        "code": {"coding": [{"system": tasks, "code": "feedback"}]},
        "reasonCode": {"coding": [{"system": OURS + "CodeSystem/feedback-mark", "code": "complaint"}]},
        **({"for": {"reference": f"Patient/{who}"}} if who else {}),
    }  # fmt: skip
    if not comment:
        return [answer]
    said = [*((each, "theme") for each in themes), *([(severity, "severity")] if severity else ())]
    outputs = [
        {
            "type": {"coding": [{"system": OURS + "CodeSystem/feedback-part", "code": part}]},
            "valueCodeableConcept": {"coding": [{"system": f"{OURS}CodeSystem/feedback-{part}", "code": code}]},
        }
        for code, part in said
    ]
    status = {"status": "completed", "output": outputs} if outputs else {"status": "requested"}
    coding = {"coding": [{"system": tasks, "code": "code-comment"}]}
    return [answer, {**common, **focus, **status, "id": f"{id_}-comment", "code": coding}]


def decision(id_: str, month: str, words: str, due: str, status: str = "requested", **more: Any) -> Resource:
    """What a review has decided."""
    return {
        "resourceType": "Task", "id": id_, "extension": [WARD], "status": status, "intent": "order",
        "meta": {"lastUpdated": "2030-02-20T08:00:00Z"},
        "groupIdentifier": {"system": OURS + "department-review", "value": f"ward/{month}"},
        "code": {"coding": [{"system": OURS + "CodeSystem/careteam-task", "code": "review-decision"}]},
        "description": words, "authoredOn": f"{month}-20T10:00:00Z",
        "owner": {"reference": "Practitioner/lead"}, "restriction": {"period": {"end": due}}, **more,
    }  # fmt: skip
