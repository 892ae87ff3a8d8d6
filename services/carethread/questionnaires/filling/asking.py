"""Who asks: the name of the department, so that people know it on the page."""

from __future__ import annotations

from carethread.core.errors import FhirError
from carethread.core.fhir import json
from carethread.core.fhir.elements import extension
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource
from carethread.core.service import PROFILES, Runtime

_OWNER = "records"
_DEPARTMENT = PROFILES + "department"


def asking(runtime: Runtime, response: Resource) -> str:
    """The name of the department that a response is for, or else is about; empty where that cannot be found out now."""
    said = extension(response, _DEPARTMENT).get("valueReference", {}) or response.get("subject", {})
    named = str(said.get("reference", ""))
    if not named.startswith("Organization/") or not runtime.peer.knows(_OWNER):
        return ""
    try:
        stored = runtime.owners.read(_OWNER, key_of(named))
    except FhirError:
        return ""
    found = {} if stored is None or stored.deleted else json.restore(stored.body)
    return " ".join(str(found.get("name", "")).split())
