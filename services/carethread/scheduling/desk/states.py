"""An Appointment as it is when it is held, asked of an EHR, booked or given up. Pure.

What changes with each step: https://profiles.ihe.net/ITI/Scheduling (the state diagram).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carethread.core.clock import instant
from carethread.core.fhir.elements import with_extensions, without_extensions
from carethread.core.ports import Resource
from carethread.scheduling.rules import CONFIRM_BY, HELD_SINCE, HOLD_UNTIL, PASSING

_ENDED = ("cancelationReason",)


def held(appointment: Resource, since: int, until: int) -> Resource:
    """Held from then on until then (microseconds): nobody else has its time, and nobody has agreed yet."""
    marks = {HOLD_UNTIL: {"valueInstant": instant(until)}, HELD_SINCE: {"valueInstant": instant(since)}}
    return _become(appointment, "pending", "tentative", marks)


def asked(appointment: Resource, until: int) -> Resource:
    """What an EHR has to confirm until then (microseconds)."""
    return _become(appointment, "pending", "tentative", {CONFIRM_BY: {"valueInstant": instant(until)}})


def booked(appointment: Resource) -> Resource:
    """Firm: all have agreed who take part."""
    return _become(without_extensions(appointment, PASSING), "booked", "accepted", {})


def _become(appointment: Resource, status: str, answer: str, marks: Mapping[str, Mapping[str, Any]]) -> Resource:
    made = {name: value for name, value in appointment.items() if name not in _ENDED}
    made = with_extensions(without_extensions(made, (HOLD_UNTIL, HELD_SINCE, CONFIRM_BY)), marks)
    made["status"] = status
    made["participant"] = [
        each if each.get("status") == "declined" else {**each, "status": answer} for each in made["participant"]
    ]
    return made


def given_up(appointment: Resource, reason: Resource | None, declined: frozenset[str] = frozenset()) -> Resource:
    """Cancelled; participants of these kinds (`Patient`) have declined. It is no hold that ended by itself."""
    made: Resource = {**without_extensions(appointment, PASSING), "status": "cancelled"}
    if reason:
        made["cancelationReason"] = reason
    made["participant"] = [
        {**each, "status": "declined"} if _kind(each) in declined else each for each in made["participant"]
    ]
    return made


def _kind(participant: Resource) -> str:
    """The type of who takes part, as the reference says it."""
    parts = str(participant.get("actor", {}).get("reference", "")).split("/")
    return parts[-2] if len(parts) > 1 else ""
