"""What is requested of care teams when somebody is asked: a Task to fill in the form, and messages with the link. Pure.

A message alone has the link, and of what the questions are about only what the form is called to people. Sources: the
Task of SDC, http://hl7.org/fhir/uv/sdc/StructureDefinition-sdc-task.html, http://hl7.org/fhir/R4/communicationrequest.html.
"""

from __future__ import annotations

from typing import Any

from carethread.core.clock import from_micros, instant, to_micros
from carethread.core.contacting import medium
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.core.quiet import awake
from carethread.core.service import PROFILES
from carethread.core.zones import zone_named
from carethread.questionnaires.assigning.assignment import Assignment
from carethread.questionnaires.assigning.texts import asks, language_of, reminds
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.rendering.titles import own_words
from carethread.questionnaires.rendering.words import base

SDC = "http://hl7.org/fhir/uv/sdc/CodeSystem/temp"
CODE = "complete-questionnaire"

DEPARTMENT = PROFILES + "department"

_RESTRICTED = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
"""Whoever reads a message could follow its link, which is for one person only."""


def task(id_: str, response: Resource, said: Assignment, requester: str = "") -> Resource:
    """The Task of who is asked for a response: a draft, or without an id one that is not there and will have no name.

    A draft is its output from the beginning on: so only the status of the Task changes, and what people write on it
    stays.
    """
    output = {"type": _sdc("questionnaire-response"), "valueReference": {"reference": _path(response)}}
    made = {
        "resourceType": "Task",
        "id": id_,
        "extension": _department(response),
        "instantiatesCanonical": said.reason,
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {**_sdc(CODE), "text": "Fill in a form"},
        "for": response.get("subject"),
        "encounter": response.get("encounter"),
        "authoredOn": instant(said.asked),
        "requester": {"reference": requester} if requester else None,
        "owner": {"reference": said.recipient},
        "restriction": {"period": {"end": instant(said.due or said.expires)}},
        "input": [{"type": _sdc("questionnaire"), "valueCanonical": response["questionnaire"]}],
        "output": [output] if "id" in response else [],
    }
    return _without_nothing(made)


def message(
    id_: str,
    response: Resource,
    said: Assignment,
    link: str,
    now: int,
    *,
    reminder: bool = False,
    sender: str = "",
    form: Form | None = None,
) -> Resource:
    """The message with a link; it is to be sent now, or where it is night now, in the morning. `sender` is the name of
    who asks; of the form it says the title for people, where it has one in the language of the message."""
    spoken = language_of(said.language)
    last = from_micros(said.expires - 1).astimezone(zone_named(said.zone)).date()
    text = (reminds if reminder else asks)(spoken, link, last, sender, _title(form, spoken))
    people = said.recipient, response.get("subject", {}).get("reference", "")
    patient = next((each for each in people if each.startswith("Patient/")), "")
    made = {
        "resourceType": "CommunicationRequest",
        "id": id_,
        "meta": _RESTRICTED,
        "extension": _department(response),
        "language": spoken,
        "status": "active",
        "category": [{"text": "Reminder of a form" if reminder else "A form to fill in"}],
        "priority": "routine",
        "medium": [medium(said.channel)],
        "subject": {"reference": patient} if patient else None,
        "about": [{"reference": _path(response)}] if "id" in response else [],
        "payload": [{"contentString": text}],
        "occurrenceDateTime": instant(by_day(now, said.zone)),
        "authoredOn": instant(now),
        "recipient": [{"reference": said.recipient}],
    }
    return _without_nothing(made)


def _title(form: Form | None, spoken: str) -> str:
    words = own_words(form.raw, spoken) if form else None
    return words.text if words and base(words.language) in ("", spoken) else ""


def by_day(moment: int, zone: str) -> int:
    """The moment, or where it is at night, the morning after; microseconds."""
    known = zone_named(zone)
    return to_micros(awake(from_micros(moment), known)) if known else moment


def _path(response: Resource) -> str:
    return f"QuestionnaireResponse/{response.get('id', '')}"


def _sdc(code: str) -> Resource:
    return {"coding": [{"system": SDC, "code": code}]}


def _department(response: Resource) -> list[Resource]:
    said = extension(response, DEPARTMENT)
    return [dict(said)] if said else []


def _without_nothing(members: dict[str, Any]) -> Resource:
    return {name: value for name, value in members.items() if value}
