"""How a resource of each type says that it was entered in error, as a JSON Patch."""

from __future__ import annotations

from functools import cache

from carethread.core.fhir.definitions import search_parameters, type_definition, value_set
from carethread.core.ports import Resource

_VOID = "entered-in-error"
_VERIFIED = {
    "AllergyIntolerance": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
    "Condition": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
}
"""Types whose verificationStatus says it, with the system of its codes. They then have no clinicalStatus
(http://hl7.org/fhir/R4/condition.html#invs, con-5)."""


@cache
def withdrawal(type_name: str) -> tuple[list[Resource], str]:
    """The patch, and the criteria of what it is for; none where a type has no word for it: it is left as it is."""
    if system := _VERIFIED.get(type_name):
        verified = {"coding": [{"system": system, "code": _VOID}]}
        patch: list[Resource] = [
            {"op": "add", "path": "/verificationStatus", "value": verified},
            {"op": "add", "path": "/clinicalStatus", "value": {}},
            {"op": "remove", "path": "/clinicalStatus"},
        ]
        return patch, f"verification-status:not={_VOID}"
    status = type_definition(type_name).elements.get("status")
    binding = status.binding if status else None
    if binding is None or all(_VOID not in codes for codes in value_set(binding.value_set).codes.values()):
        return [], ""
    patch = [{"op": "replace", "path": "/status", "value": _VOID}]
    searchable = any(each.code == "status" for each in search_parameters(type_name))
    return patch, f"status:not={_VOID}" if searchable else "_lastUpdated=gt1900"
