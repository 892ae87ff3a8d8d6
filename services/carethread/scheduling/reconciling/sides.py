"""Slots and Appointments as reconciling sees them: what counts of each, and whose it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from carethread.core.fhir.elements import at, keys_at, profiles_of
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource, Stored
from carethread.core.service import PROFILES
from carethread.scheduling.rules import HOLDING, actors, capacity, hold_until, is_ours

SLOT = PROFILES + "slot"

GONE = frozenset({"cancelled", "entered-in-error"})


@dataclass(frozen=True, slots=True)
class Side:
    """What both have; `source` is `meta.source`, where an EHR says who it is. Times are microseconds."""

    type: str
    id: str
    version: int
    ours: bool
    status: str
    begin: int
    end: int
    identifiers: frozenset[str] = frozenset()
    source: str = ""

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}"

    @property
    def told(self) -> bool:
        """Whether an EHR has a part in it: it is the EHR's, or one of ours that the EHR has written."""
        return not self.ours or bool(self.source)


@dataclass(frozen=True, slots=True)
class Visit(Side):
    """An Appointment. `statuses` are those of its versions, the first first, where it is known how it came to its own.

    `over`: a hold that has ended by itself. `reason`: why it was cancelled, as a CodeableConcept.
    """

    patients: frozenset[str] = frozenset()
    actors: frozenset[str] = frozenset()
    slots: frozenset[str] = frozenset()
    over: bool = False
    statuses: Sequence[str] = ()
    reason: Resource = field(default_factory=dict)

    @property
    def gone(self) -> bool:
        return self.over or self.status in GONE

    @property
    def holds(self) -> bool:
        """Whether it takes its slots and people."""
        return not self.over and self.status in HOLDING

    def moments(self) -> frozenset[tuple[str, int]]:
        """Who comes when: by that an EHR's and ours are the same where no identifier says it."""
        return frozenset((patient, self.begin) for patient in self.patients) if self.begin else frozenset()


@dataclass(frozen=True, slots=True)
class Seats(Side):
    """A Slot; `master` says who decides on its Schedule's slots: `carethread`, `ehr`, or empty."""

    schedule: str = ""
    capacity: int = 1
    master: str = ""

    def moments(self) -> frozenset[tuple[str, int, int]]:
        return frozenset({(self.schedule, self.begin, self.end)})


def visit(stored: Stored, appointment: Resource, base_url: str, now: int, statuses: Sequence[str] = ()) -> Visit:
    """An Appointment as reconciling sees it, at a moment."""
    named = keys_at(appointment, "participant.actor", base_url)
    return Visit(
        "Appointment",
        stored.id,
        stored.version,
        is_ours(appointment),
        appointment["status"],
        moment(appointment.get("start")),
        moment(appointment.get("end")),
        _identifiers(appointment),
        appointment.get("meta", {}).get("source", ""),
        frozenset(id_ for kind, id_ in named if kind == "Patient"),
        frozenset(actors(appointment, base_url)),
        frozenset(id_ for kind, id_ in keys_at(appointment, "slot", base_url) if kind == "Slot"),
        0 < hold_until(appointment) <= now,
        statuses,
        appointment.get("cancelationReason", {}),
    )


def seats(stored: Stored, slot: Resource, base_url: str, master: str) -> Seats:
    """A Slot as reconciling sees it: ours where it claims our profile, or nobody else is its master."""
    meta = slot.get("meta", {})
    ours = SLOT in profiles_of(slot) or (master != "ehr" and not meta.get("source"))
    return Seats(
        "Slot",
        stored.id,
        stored.version,
        ours,
        slot["status"],
        moment(slot.get("start")),
        moment(slot.get("end")),
        _identifiers(slot),
        meta.get("source", ""),
        schedule_of(slot, base_url),
        capacity(slot),
        master,
    )


def schedule_of(slot: Resource, base_url: str) -> str:
    return next((id_ for kind, id_ in keys_at(slot, "schedule", base_url) if kind == "Schedule"), "")


def _identifiers(resource: Resource) -> frozenset[str]:
    """Identifiers that name one thing: with a system, and a value."""
    found: Iterable[Resource] = at(resource, "identifier")
    return frozenset(f"{each['system']}|{each['value']}" for each in found if "system" in each and "value" in each)
