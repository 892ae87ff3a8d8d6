"""What a slot that a template asks for looks like as a resource.

Of a Slot that is there, only what the template tells is its own: whatever else was put into it stays.
"""

from __future__ import annotations

from collections.abc import Iterator

from carethread.core.clock import instant
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.scheduling.availability.expanding import Wanted
from carethread.scheduling.availability.template import Rule
from carethread.scheduling.rules import CAPACITY, MODALITY, PLACE

PROFILE = PROFILES + "slot"

_EXTENSIONS = (CAPACITY, MODALITY, PLACE)
_INHERITED = ("serviceCategory", "serviceType", "specialty")
_OWN = ("extension", *_INHERITED, "schedule", "status", "start", "end")


def slot_of(wanted: Wanted, schedule: Resource) -> Resource:
    """The Slot, free; what its rule does not say of services is as the Schedule has it."""
    rule = wanted.rule
    slot: Resource = {"resourceType": "Slot", "id": wanted.id, "meta": {"profile": [PROFILE]}}
    if extensions := list(_extensions(rule)):
        slot["extension"] = extensions
    slot |= {name: schedule[name] for name in _INHERITED if name in schedule}
    if rule.service_types:
        slot["serviceType"] = list(rule.service_types)
    return {
        **slot,
        "schedule": {"reference": f"Schedule/{schedule['id']}"},
        "status": "free",
        "start": instant(wanted.begin),
        "end": instant(wanted.end),
    }


def changed(stands: Resource, made: Resource) -> Resource:
    """A Slot that is there, made to fit the template; it is equal to what stands where it fits already."""
    others = [each for each in stands.get("extension", ()) if each.get("url") not in _EXTENSIONS]
    merged = {name: value for name, value in stands.items() if name not in _OWN} | made
    merged["meta"] = {**stands.get("meta", {}), "profile": _with(stands.get("meta", {}).get("profile", []), PROFILE)}
    if extensions := [*others, *made.get("extension", ())]:
        merged["extension"] = extensions
    return {name: merged[name] for name in (*(n for n in stands if n in merged), *merged)}


def _extensions(rule: Rule) -> Iterator[Resource]:
    if rule.capacity > 1:
        yield {"url": CAPACITY, "valueInteger": rule.capacity}
    for modality in rule.modalities:
        yield {"url": MODALITY, "valueCode": modality}
    if rule.place:
        yield {"url": PLACE, "valueReference": rule.place}


def _with(profiles: list[str], profile: str) -> list[str]:
    return profiles if profile in profiles else [*profiles, profile]
