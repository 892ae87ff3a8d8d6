"""The words of navigation: codes, kinds of places, and how soon somebody at a level of risk is to be reached.

Source of the first times: a person who was discharged is to be contacted within two business days (Transitional Care
Management, CPT 99495 and 99496); who will certainly come to harm is not to wait that long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from carethread.core.ports import Resource
from carethread.core.service import PROFILES

_OURS = "https://carethread.dev/fhir/CodeSystem/"
ROLES, NAVIGATOR = _OURS + "care-team-role", "navigator"
FLAGS, HIGH_RISK = _OURS + "flag-kind", "high-risk"
OUTCOMES = _OURS + "outreach-outcome"

OUTREACH, FAILED, ASSIGN, REVIEW = "outreach", "outreach-failed", "assign-navigator", "step-down-review"

CASELOAD_LIMIT = PROFILES + "caseload-limit"
"""Extension of a PractitionerRole: how many people it may be the navigator of; without it, none."""

NAVIGATORS = "navigator"
"""The kind of the places: `Patient/1` has the navigator `PractitionerRole/1`, who is the holder."""

FLAGGED = "high-risk"
"""The kind of the places: `Patient/1` has the active `Flag/1`."""

ASSIGNED = "assignment"
"""The kind of the places: `Patient/1` has or waits for a navigator by `Task/1`."""

CONTACT = "outreach"
"""The kind of the places: the next contact with `Patient/1` is `Task/1`."""

ALARM = "outreach-alarm"
"""The kind of the places: that contact with `Patient/1` does not come about, `Task/1` tells."""

REVIEWED = "step-down-review"
"""The kind of the places: whether `Patient/1` steps down, `Task/1` asks."""

SETTLED = "stepped-down"
"""The kind of the places: the risk `RiskAssessment/1|high` was known when `Patient/1`, the holder, stepped down."""

STOPPED = "contact-stopped"
"""The kind of the places: `Patient/1` is contacted no more, as the holder `Patient/1|inactive` says; of who was merged
`Patient/1|Patient/2`, who is in their place."""

AWAITED = "risk-awaited"
"""The kind of the places: a risk of `Patient/1` is high, of whom no copy has come; the holder is the Patient too."""

NAMES = "navigation"
"""What is locked while somebody gets a place, or gives one up: then free places and who waits are known for sure."""

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon somebody is to be reached: at first, after an attempt in vain, after a talk, and once `MOST_UNREACHED`
    attempts in a row were in vain. Microseconds."""

    first: int
    again: int
    after: int
    slower: int


PACES: Mapping[str, Pace] = {
    "asap": Pace(first=_DAY, again=_DAY, after=7 * _DAY, slower=3 * _DAY),
    "urgent": Pace(first=2 * _DAY, again=2 * _DAY, after=14 * _DAY, slower=7 * _DAY),
}
"""By the priority of the Task."""

PRIORITIES: Mapping[str, str] = {"certain": "asap", "high": "urgent"}
"""Levels of risk that count as high, the highest first, with the priority of their Tasks."""

MOST_UNREACHED = 3
"""Attempts in vain, one after the other, after which the lead is asked what to do."""

DECIDE = _DAY
"""For how long a lead has to decide, in microseconds."""


def pace(task: Resource) -> Pace:
    """How soon the person of a Task is to be reached."""
    return PACES.get(str(task.get("priority")), PACES["urgent"])


def concept(system: str, code: str, text: str = "") -> Resource:
    """A CodeableConcept."""
    return {"coding": [{"system": system, "code": code}], **({"text": text} if text else {})}


def is_coded(value: object, system: str, code: str) -> bool:
    """Whether a CodeableConcept has a coding."""
    codings = value.get("coding", ()) if isinstance(value, dict) else ()
    return any(each.get("system") == system and each.get("code") == code for each in codings)
