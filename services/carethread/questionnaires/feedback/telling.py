"""What is requested of care teams for feedback: a Task for somebody to answer it, and one to code a comment. Pure.

Neither has an answer, nor its question: who answers reads the response. Both are restricted. They say whom it is about
only so that those do not get it. Of an answer without a name nothing is told but where it was given. Source: http://hl7.org/fhir/R4/task.html.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.core.clock import instant
from carethread.core.fhir.targets import reference_type
from carethread.core.ports import Resource
from carethread.questionnaires.answering.naming import TASKS, department, whom
from carethread.questionnaires.feedback.heard import RATED, Heard
from carethread.questionnaires.feedback.marking import LOW

MARKS = "https://carethread.dev/fhir/CodeSystem/feedback-mark"
ANSWER, REVIEW, CODE = "feedback", "past-feedback", "code-comment"

_RESTRICTED = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}

_TEXTS = {
    ANSWER: "Somebody had less than good care, or says so. Accept this, read the response, see to it, and tell them.",
    REVIEW: "Feedback of the past. See whether somebody has answered it.",
    CODE: "A comment waits to be read, and to be given its themes.",
}


def answer_task(id_: str, code: str, said: Heard, response: Resource, response_id: str, now: int) -> Resource:
    """The Task by which somebody answers feedback."""
    made = _task(id_, code, said, response, response_id, now)
    named = {"for": whom(response.get("subject"))} if _is_named(said, response) else {}
    return {**made, "priority": priority_of(code, said.kinds), **named, "reasonCode": reason(said.kinds)}


def code_task(id_: str, said: Heard, response: Resource, response_id: str, now: int) -> Resource:
    """The Task by which somebody codes the comments of a response; it is about the words, and for nobody."""
    return _task(id_, CODE, said, response, response_id, now)


def _is_named(said: Heard, response: Resource) -> bool:
    """Whether a person has said it under their name."""
    return not said.nameless and reference_type(response.get("subject")) == "Patient"


def reason(kinds: Sequence[str]) -> Resource:
    """The CodeableConcept of what feedback is."""
    return {"coding": [{"system": MARKS, "code": kind} for kind in kinds]}


def priority_of(code: str, kinds: Sequence[str]) -> str:
    """How soon it is answered: a complaint, or the wish to be called, before a low score."""
    return "routine" if code == REVIEW or tuple(kinds) == (LOW,) else "urgent"


def _task(id_: str, code: str, said: Heard, response: Resource, response_id: str, now: int) -> Resource:
    """What both have: where and in which visit it was said, of whom, and where it can be read."""
    marks = [
        *department(response).get("extension", ()),
        *({"url": RATED, "valueReference": _refer(each)} for each in said.about),
    ]
    visit = whom(response.get("encounter")) if _is_named(said, response) else {}
    return {
        "resourceType": "Task",
        "id": id_,
        "meta": _RESTRICTED,
        **({"extension": marks} if marks else {}),
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {"coding": [{"system": TASKS, "code": code}]},
        "description": _TEXTS[code],
        "focus": _refer(f"QuestionnaireResponse/{response_id}"),
        **({"encounter": visit} if visit else {}),
        "authoredOn": instant(now),
    }


def _refer(name: str) -> Resource:
    return {"reference": name}
