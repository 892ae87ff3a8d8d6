"""Resources as they stand in a document: whole in themselves, with nothing that leads out of it. Pure.

Of people who care, and of the person, only what a reader needs to know and reach them. Narratives are left out, for the
document has its own; so are attachments, whose content nobody can look into. What is shortened says so
(http://terminology.hl7.org/CodeSystem/v3-ObservationValue, SUBSETTED).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from carethread.core.fhir.targets import parse_reference
from carethread.core.ports import Key, Resource

_CONTACT = ("name", "telecom", "active")
_ELEMENTS: Mapping[str, tuple[str, ...]] = {
    "Patient": (
        *_CONTACT, "identifier", "gender", "birthDate", "deceasedBoolean", "deceasedDateTime", "address",
        "communication",
    ),
    "Practitioner": _CONTACT,
    "PractitionerRole": ("active", "practitioner", "organization", "telecom"),
    "Organization": _CONTACT,
    "RelatedPerson": (*_CONTACT, "patient", "relationship", "communication", "period"),
    "CareTeam": ("status", "name", "subject", "managingOrganization", "telecom"),
}  # fmt: skip
"""What is told of these types; of others all."""

_OUT = frozenset({"meta", "text", "presentedForm", "photo", "media", "image"})
_SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}


def excerpt(resource: Resource, inside: Collection[Key], aliases: Mapping[Key, Key], base: str) -> Resource:
    """A resource for a document that holds the resources `inside`; `aliases` are other names of some of these."""
    type_name, meta = resource["resourceType"], resource.get("meta", {})
    kept = {name: _standing(value, inside, aliases, base) for name, value in told(resource).items()}
    marks = {name: meta[name] for name in ("versionId", "lastUpdated", "security") if name in meta}
    return {**kept, "resourceType": type_name, "id": resource["id"], "meta": {**marks, "tag": [_SUBSETTED]}}


def told(resource: Resource) -> Resource:
    """What is told of a resource at all."""
    names = {"resourceType", "id", *_ELEMENTS.get(resource["resourceType"], resource.keys())} - _OUT
    return {name: value for name, value in resource.items() if name.lstrip("_") in names}


def _standing(value: Any, inside: Collection[Key], aliases: Mapping[Key, Key], base: str) -> Any:
    if isinstance(value, list):
        return [_standing(each, inside, aliases, base) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("reference"), str) or _names_by_identifier(value):
        value = _reference(value, inside, aliases, base)
    if "contentType" in value:
        value = {name: each for name, each in value.items() if name not in ("data", "url")}
    return {name: _standing(each, inside, aliases, base) for name, each in value.items()}


def _names_by_identifier(value: Resource) -> bool:
    """Whether this is a Reference without a literal one."""
    return isinstance(value.get("identifier"), dict) and value.keys() <= {"identifier", "display", "type"}


def _reference(value: Resource, inside: Collection[Key], aliases: Mapping[Key, Key], base: str) -> Resource:
    """A reference to what is inside; else only what it is called and of which type it is."""
    text = value.get("reference", "")
    if text.startswith("#"):
        return value
    target = parse_reference(text, base)
    key = aliases.get((target.type, target.id), (target.type, target.id)) if target else ("", "")
    if key in inside:
        return {**value, "reference": "/".join(key)}
    called: Resource = {name: value[name] for name in ("type", "display") if name in value}
    if called:
        return called
    return {"type": key[0]} if key[0] else {"display": "Not in this document"}
