"""What others are told of an Appointment: what was passed over, and which no-show was none. Pure.

Sources: http://hl7.org/fhir/R4/provenance.html, http://hl7.org/fhir/R4/auditevent.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import NAMESPACE_URL, uuid5

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource, Stored
from carethread.scheduling.rules import OVERRIDE

_TYPES = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_AGENTS = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_ROLES = "https://carethread.dev/fhir/CodeSystem/override-role"


def override_traces(
    before: Resource | None, appointment: Resource, stored: Stored, context: Context
) -> Iterator[Resource]:
    """The Provenance and the AuditEvent of conflicts that were passed over just now."""
    mark = extension(appointment, OVERRIDE)
    if before and extension(before, OVERRIDE) == mark:
        return
    parts = {part["url"]: part for part in mark.get("extension", ())}
    role = str(parts.get("role", {}).get("valueCode", ""))
    reason = str(parts.get("reason", {}).get("valueString", ""))
    now = instant(to_micros(context.clock()))
    who = {"display": context.principal.name}
    version = {"reference": f"Appointment/{stored.id}/_history/{stored.version}"}
    coded = {"coding": [{"system": _ROLES, "code": role}]}
    yield {
        "resourceType": "Provenance",
        "id": _id(stored, "override-provenance"),
        "target": [version],
        "recorded": now,
        "reason": [{"text": reason}],
        "activity": {"coding": [{"system": _OPERATION, "code": "CREATE" if stored.version == 1 else "UPDATE"}]},
        "agent": [{"type": {"coding": [{"system": _AGENTS, "code": "author"}]}, "role": [coded], "who": who}],
    }
    yield {
        "resourceType": "AuditEvent",
        "id": _id(stored, "override-audit"),
        "type": {"system": _TYPES, "code": "rest"},
        "action": "C" if stored.version == 1 else "U",
        "recorded": now,
        "outcome": "0",
        "outcomeDesc": "Conflicts were passed over.",
        "purposeOfEvent": [{"text": reason}],
        "agent": [{"role": [coded], "who": who, "requestor": True}],
        "source": {"observer": {"display": "scheduling"}},
        "entity": [{"what": version}],
    }


def correction_trace(stored: Stored, context: Context) -> Resource:
    """The Provenance of a missed visit that was none."""
    return {
        "resourceType": "Provenance",
        "id": _id(stored, "correction"),
        "target": [{"reference": f"Appointment/{stored.id}/_history/{stored.version}"}],
        "recorded": instant(to_micros(context.clock())),
        "reason": [{"text": "The visit was not missed."}],
        "activity": {"coding": [{"system": _OPERATION, "code": "UPDATE"}]},
        "agent": [
            {
                "type": {"coding": [{"system": _AGENTS, "code": "author"}]},
                "who": {"display": context.principal.name},
            }
        ],
        "entity": [
            {
                "role": "revision",
                "what": {"reference": f"Appointment/{stored.id}/_history/{stored.version - 1}"},
            }
        ],
    }


def _id(stored: Stored, what: str) -> str:
    """An id that follows from the version and what is said of it."""
    return str(uuid5(NAMESPACE_URL, f"https://carethread.dev/fhir/Appointment/{stored.id}/{stored.version}/{what}"))
