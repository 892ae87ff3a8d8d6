"""What is requested of care teams for a critical answer: a DetectedIssue that says what it tells of, and a Task for
somebody to see to it. Pure.

Neither has the answer, nor its question: who sees to it reads the response. Both are restricted, and the Task,
which is what a pager shows, does not say what it is about either. Sources: http://hl7.org/fhir/R4/detectedissue.html,
http://hl7.org/fhir/R4/task.html.
"""

from __future__ import annotations

from carethread.core.clock import instant
from carethread.core.fhir.targets import reference_type
from carethread.core.ports import Resource
from carethread.questionnaires.answering.naming import TASKS, department, whom
from carethread.questionnaires.safety.critical import Critical

KINDS = "https://carethread.dev/fhir/CodeSystem/critical-answer"
CALL, REVIEW = "critical-answer", "review-critical-answer"

_RESTRICTED = {
    "security": [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"},
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "SPI"},
    ]
}
"""Restricted, and specially protected: it leaves only by Consent. All have the same labels, which so tell nothing."""

_TEXTS = {
    CALL: "An answer on a form needs somebody now. Accept this, read the response, and reach the person.",
    REVIEW: "An answer of the past was critical. See whether somebody has seen to it.",
}


def issue(id_: str, critical: Critical, response: Resource, response_id: str, now: int) -> Resource:
    """The DetectedIssue of a critical answer, found at a moment (microseconds)."""
    about = {"reference": f"QuestionnaireResponse/{response_id}"}
    subject = response.get("subject")
    named = whom(subject)
    patient = {"patient": named} if named and reference_type(subject) == "Patient" else {}
    return {
        "resourceType": "DetectedIssue",
        "id": id_,
        "meta": _RESTRICTED,
        **department(response),
        "status": "final",
        "code": {"coding": [{"system": KINDS, "code": critical.kind}]},
        "severity": "high",
        **patient,
        "identifiedDateTime": instant(now),
        "implicated": [about],
        "evidence": [{"detail": [about]}],
    }


def task(
    id_: str, code: str, critical: Critical, about: str, response: Resource, response_id: str, now: int
) -> Resource:
    """The Task by which somebody sees to a critical answer; `about` is the DetectedIssue (`DetectedIssue/1`)."""
    named = {"for": whom(response.get("subject")), "encounter": whom(response.get("encounter"))}
    return {
        "resourceType": "Task",
        "id": id_,
        "meta": _RESTRICTED,
        **department(response),
        "status": "requested",
        "intent": "order",
        "priority": "routine" if code == REVIEW else critical.urgency,
        "code": {"coding": [{"system": TASKS, "code": code}]},
        "description": _TEXTS[code],
        "focus": {"reference": about},
        **{name: who for name, who in named.items() if who},
        "authoredOn": instant(now),
        "reasonReference": {"reference": f"QuestionnaireResponse/{response_id}"},
    }
