"""Which slots of a visit a provider's cancellation closes: those of who cannot be there, not the room's.

Source of the reasons: http://hl7.org/fhir/R4/valueset-appointment-cancellation-reason.html.
"""

from __future__ import annotations

from collections.abc import Iterable

from carethread.core.fhir.elements import at, keys_at
from carethread.core.ports import Key, Resource, Session
from carethread.interactions.standing import present
from carethread.scheduling.rules import REASONS

GIVERS = frozenset({"Practitioner", "PractitionerRole", "HealthcareService"})
_EQUIPMENT = frozenset({"Device", "Location"})
"""Whose time is out where the reason is `maint`."""

_INTERPRETERS = frozenset(
    {
        ("http://terminology.hl7.org/CodeSystem/participant-type", "translator"),
        ("http://snomed.info/sct", "40570005"),
        ("http://nucc.org/provider-taxonomy", "171R00000X"),
    }
)
"""By what somebody takes part, or the code of their PractitionerRole."""


def closed_by_provider(session: Session, cancelled: Resource, slots: Iterable[str], base_url: str) -> set[str]:
    """Those of the slots that are of the Schedules of who cancels; all, where none is."""
    slots = list(slots)
    found = present(session, [("Slot", slot) for slot in slots])
    plans = {id_: next(iter(keys_at(slot, "schedule", base_url)), None) for (_, id_), slot in found.items()}
    schedules = present(session, {plan for plan in plans.values() if plan})
    kinds = _EQUIPMENT if _is_maintenance(cancelled) else GIVERS
    helpers = interpreters_of(session, cancelled, schedules.values(), base_url) if kinds is GIVERS else set()
    closed = set()
    for slot in slots:
        plan = plans.get(slot)
        schedule = schedules.get(plan) if plan else None
        actors = {key for key in keys_at(schedule or {}, "actor", base_url) if key not in helpers}
        if schedule is None or any(kind in kinds for kind, _ in actors):
            closed.add(slot)
    return closed or set(slots)


def _is_maintenance(cancelled: Resource) -> bool:
    codings = (each for each in at(cancelled, "cancelationReason.coding") if each.get("system") == REASONS)
    return any(each.get("code") == "maint" for each in codings)


def interpreters_of(session: Session, visit: Resource, schedules: Iterable[Resource], base_url: str) -> set[Key]:
    """Who interprets: those who take part as such, and those whose role it is."""
    found: set[Key] = set()
    for participant in visit.get("participant", ()):
        if _is_interpreter(participant, "type.coding"):
            found.update(keys_at(participant, "actor", base_url))
    actors = {key for schedule in schedules for key in keys_at(schedule, "actor", base_url)}
    roles = present(session, {key for key in actors if key[0] == "PractitionerRole"})
    return found | {key for key, role in roles.items() if _is_interpreter(role, "code.coding")}


def _is_interpreter(element: Resource, path: str) -> bool:
    return any((each.get("system"), each.get("code")) in _INTERPRETERS for each in at(element, path))
