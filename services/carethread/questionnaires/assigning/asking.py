"""What is asked of whom, before it is: the values that `assign` takes and gives. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from carethread.core.clock import instant
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.questionnaires.answering.writing import PROFILE
from carethread.questionnaires.assigning.assignment import DAY, Assignment
from carethread.questionnaires.assigning.people import Recipient
from carethread.questionnaires.forms.form import Form

TYPE = "QuestionnaireResponse"

LASTS = 14 * DAY
"""How long a link is good where nobody says it, in microseconds."""

LONGEST = 366 * DAY
"""How long it may be."""

REMINDERS = (3, 7)
"""After how many days somebody is reminded where nobody says it."""

MOST_REMINDERS = 5


@dataclass(frozen=True, slots=True)
class Ask:
    """Which form for whom. References are such as `Patient/1`; moments microseconds, 0 where nothing is said.

    `subject` is whom the answers are about, `recipient` who fills it in. `id` is that of the draft: it follows from
    what caused it (`interactions.operations.once.derived`), so that again is the same; empty for a new one. `reminders`
    are after how many days. `send`: they get messages, else the link is handed on by who asks, and nobody is reminded.
    """

    form: Form
    subject: str
    recipient: Recipient
    id: str = ""
    requester: str = ""
    encounter: str = ""
    department: str = ""
    due: int = 0
    expires: int = 0
    language: str = ""
    channel: str = ""
    reason: str = ""
    prefill: bool = True
    reminders: tuple[int, ...] = REMINDERS
    send: bool = True


class Assigned(NamedTuple):
    """What came of it: the ids of the draft (empty for a form without names) and of the Task, the link (a URL; empty
    where it was assigned before), and until when it is good, in microseconds."""

    response: str
    task: str
    link: str
    expires: int


def end_of(due: int, expires: int, now: int) -> int:
    """Until when a link is good, by what is said of it; microseconds, 0 where nothing is said."""
    return expires or max(now + LASTS, due)


def said_by(ask: Ask, task: str, now: int) -> Assignment:
    """What is asked by a Task (its id), with what was left open."""
    return Assignment(
        task=f"Task/{task}",
        recipient=ask.recipient.reference,
        asked=now,
        expires=end_of(ask.due, ask.expires, now),
        language=ask.language or ask.recipient.language or ask.form.raw.get("language", "en"),
        channel=ask.channel or ask.recipient.channel,
        zone=ask.recipient.zone,
        due=ask.due,
        reminders=tuple(sorted(set(ask.reminders))) if ask.send else (),
        reason=ask.reason,
        prefill=ask.prefill,
    )


def response_to(ask: Ask, now: int) -> Resource:
    """The response that is asked for, without answers."""
    department = {"url": PROFILES + "department", "valueReference": {"reference": ask.department}}
    return {
        "resourceType": TYPE,
        "meta": {"profile": [PROFILE]},
        **({"extension": [department]} if ask.department else {}),
        "questionnaire": ask.form.canonical,
        "status": "in-progress",
        "subject": {"reference": ask.subject},
        **({"encounter": {"reference": ask.encounter}} if ask.encounter else {}),
        "authored": instant(now),
    }
