"""By which channels somebody is told of something, and in which language. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from carethread.core.fhir.elements import at
from carethread.core.ports import Resource

CHANNELS: Mapping[str, str] = {"phone": "PHONE", "sms": "WRITTEN", "email": "EMAILWRIT", "app": "ELECTRONIC"}
"""Each with its code of http://terminology.hl7.org/CodeSystem/v3-ParticipationMode; the first where nothing is said.

R4's version of it has no text messages (SMSWRIT is younger): they are what is written.
"""

_MODES = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode"
_OURS = "https://carethread.dev/fhir/CodeSystem/contact-channel"


def medium(channel: str) -> Resource:
    """The CodeableConcept of a channel, for Communication.medium and the like: HL7's code, and ours."""
    return {"coding": [{"system": _MODES, "code": CHANNELS[channel]}, {"system": _OURS, "code": channel}]}


def preferred_language(patient: Resource) -> str:
    """The language that somebody prefers, or speaks at all; empty where that is not known."""
    spoken = [each for each in at(patient, "communication") if isinstance(each, dict)]
    chosen = next((each for each in spoken if each.get("preferred")), next(iter(spoken), {}))
    return next((str(c["code"]) for c in at(chosen, "language.coding") if isinstance(c, dict) and "code" in c), "")
