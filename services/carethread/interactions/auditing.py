"""An AuditEvent of who gave others the way to something, or took it: http://hl7.org/fhir/R4/auditevent.html."""

from __future__ import annotations

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.ports import Resource

CREATED, REVOKED = "C", "D"
"""Actions: http://hl7.org/fhir/R4/valueset-audit-event-action.html."""


def audit(service: str, action: str, said: str, about: str, context: Context) -> Resource:
    """What a service did for who asks: `said` in words, which name nobody; `about` is a reference such as
    `Practitioner/1`."""
    return {
        "resourceType": "AuditEvent",
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "action": action,
        "recorded": instant(to_micros(context.clock())),
        "outcome": "0",
        "outcomeDesc": said,
        "agent": [{"who": {"display": context.principal.name}, "requestor": True}],
        "source": {"observer": {"display": service}},
        "entity": [{"what": {"reference": about}}],
    }
