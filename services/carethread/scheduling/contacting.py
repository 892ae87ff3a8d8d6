"""How the person of an Appointment wants to be told of something. Pure."""

from __future__ import annotations

from carethread.core.contacting import CHANNELS
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.core.service import PROFILES

CHANNEL = PROFILES + "contact-channel"
"""Extension of an Appointment: how its person wants to be told; a code of `CHANNELS`."""


def channel(appointment: Resource) -> str:
    """The channel by which the person of an Appointment is told."""
    said = str(extension(appointment, CHANNEL).get("valueCode"))
    return said if said in CHANNELS else next(iter(CHANNELS))
