"""Which department a resource belongs to: an Organization, resolved at write.

It is what the extension `department` says, else the element that names the organization; else it comes from the first
resource referred to that has one, or that is one.
"""

from __future__ import annotations

from collections.abc import Callable

from carethread.core.fhir.elements import extension, keys_at
from carethread.core.ports import Key, Resource
from carethread.core.service import PROFILES

_EXTENSION = PROFILES + "department"

_NAMED = {
    "HealthcareService": "providedBy",
    "Location": "managingOrganization",
    "PractitionerRole": "organization",
    "Encounter": "serviceProvider",
    "CareTeam": "managingOrganization",
}

_THROUGH = {
    "Schedule": ("actor",),
    "Slot": ("schedule",),
    "Appointment": ("slot", "participant.actor"),
    "AppointmentResponse": ("appointment",),
    "CarePlan": ("careTeam",),
    "Task": ("owner", "focus", "basedOn", "partOf"),
    "Flag": ("author",),
    "RiskAssessment": ("performer",),
    "DetectedIssue": ("author",),
    "Communication": ("sender", "basedOn"),
    "CommunicationRequest": ("sender", "basedOn"),
    "Consent": ("organization",),
}

_TELLING = _NAMED.keys() | _THROUGH.keys()
"""The types that may have a department; of the others nobody need be asked."""


def department_of(resource: Resource, known: Callable[[Key], str], base: str | None = None) -> str:
    """The id of the department's Organization, empty when it cannot be told. `known` answers for stored resources."""
    type_name = resource["resourceType"]
    if said := keys_at(dict(extension(resource, _EXTENSION)), "valueReference", base):
        return said[0][1] if said[0][0] == "Organization" else ""
    if type_name in _NAMED:
        return next((id_ for kind, id_ in keys_at(resource, _NAMED[type_name], base) if kind == "Organization"), "")
    for path in _THROUGH.get(type_name, ()):
        for key in keys_at(resource, path, base):
            if key[0] == "Organization":
                return key[1]
            if key[0] in _TELLING and (department := known(key)):
                return department
    return ""
