"""What an Appointment `waitlist` asks for: by when, for what, with whom, and how.

Source: http://hl7.org/fhir/R4/appointment.html; preferences are extensions of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from carethread.core.fhir.elements import at, extension, keys_at
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import FOREVER, Resource, Stored
from carethread.core.service import PROFILES
from carethread.scheduling.contacting import channel
from carethread.scheduling.rules import MODALITY, actors

TRAVEL = PROFILES + "travel-time"
"""Extension of an entry: how long its person needs to come, a Duration."""

DECLINED = PROFILES + "declined-slot"
"""Extension of an entry: a Slot that was refused, a Reference; it is not offered again."""

_UNDEFINED = 5
"""Appointment.priority 0 is undefined (RFC 5545 section 3.8.1.9): as good as in the middle."""

_MINUTES = {"min": 1.0, "h": 60.0, "d": 1440.0}


@dataclass(frozen=True, slots=True)
class Entry:
    """Someone who waits. Moments are microseconds; `windows` are spans in which it suits, empty: any time.

    `priority` is 1 (most urgent) to 9. `kinds` are `system|code` of services, one of which is wanted; `wanted` are
    actors besides the patient, one of whom is. `notice` is minutes that the way takes.
    """

    id: str
    patient: str
    since: int
    priority: int = _UNDEFINED
    kinds: frozenset[str] = frozenset()
    wanted: frozenset[str] = frozenset()
    windows: tuple[tuple[int, int], ...] = ()
    modality: str = ""
    channel: str = "phone"
    notice: int = 60
    declined: frozenset[str] = frozenset()
    """Slots that this person did not want."""


def entry_of(stored: Stored, appointment: Resource, base_url: str) -> Entry | None:
    """The entry that an Appointment is; None for one without a patient of this server."""
    people = actors(appointment, base_url)
    patient = next((actor for actor in people if actor.startswith("Patient/")), "")
    if not patient:
        return None
    codings = (coding for coding in at(appointment, "serviceType.coding") if isinstance(coding, dict))
    priority = appointment.get("priority", 0)
    return Entry(
        id=stored.id,
        patient=patient,
        since=_since(stored, appointment),
        priority=min(priority, 9) if isinstance(priority, int) and priority else _UNDEFINED,
        kinds=frozenset(f"{coding.get('system', '')}|{coding['code']}" for coding in codings if "code" in coding),
        wanted=frozenset(people) - {patient},
        windows=tuple(_window(period) for period in appointment.get("requestedPeriod", ())),
        modality=str(extension(appointment, MODALITY).get("valueCode", "")),
        channel=channel(appointment),
        notice=_minutes(extension(appointment, TRAVEL).get("valueDuration")),
        declined=frozenset(
            id_
            for declined in appointment.get("extension", ())
            if declined.get("url") == DECLINED
            for kind, id_ in keys_at(declined, "valueReference", base_url)
            if kind == "Slot"
        ),
    )


def _since(stored: Stored, appointment: Resource) -> int:
    """When the person began to wait: as stated by `created`, else by the version that is here."""
    span = date_range(created) if isinstance(created := appointment.get("created"), str) else None
    return min(span[0], stored.updated) if span else stored.updated


def _window(period: dict[str, Any]) -> tuple[int, int]:
    """A requested period: a day without a time is meant whole."""
    begin = date_range(period["start"]) if "start" in period else None
    end = date_range(period["end"]) if "end" in period else None
    return begin[0] if begin else 0, end[1] if end else FOREVER


def _minutes(duration: object) -> int:
    if not isinstance(duration, dict):
        return 60
    try:
        return max(0, min(int(float(duration["value"]) * _MINUTES[duration.get("code", "min")]), 7 * 1440))
    except (KeyError, TypeError, ValueError, OverflowError):
        return 60


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody is asked about: a slot, what it is for (none: anything), with whom, and from when to when."""

    slot: str
    kinds: frozenset[str]
    people: frozenset[str]
    span: tuple[int, int]


def fits(entry: Entry, asked: Asked) -> bool:
    """Whether a slot could be for this person at all: the service, the people and the time that were asked for."""
    begin, end = asked.span
    return (
        asked.slot not in entry.declined
        and (not entry.kinds or not asked.kinds or not entry.kinds.isdisjoint(asked.kinds))
        and (not entry.wanted or not entry.wanted.isdisjoint(asked.people))
        and (not entry.windows or any(first <= begin and end <= last for first, last in entry.windows))
    )
