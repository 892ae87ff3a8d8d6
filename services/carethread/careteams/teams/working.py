"""Whether somebody works here at a moment: a person, a role, a department or a team. Pure.

Sources: http://hl7.org/fhir/R4/practitionerrole.html (active, period), http://hl7.org/fhir/R4/careteam.html (status).
"""

from __future__ import annotations

from carethread.careteams.teams.reading import begins, ends
from carethread.core.ports import Resource


def away(resource: Resource, at: int) -> str:
    """Why somebody does not work here at a moment (microseconds), as a sentence goes on; empty where they do."""
    kind = resource["resourceType"]
    if resource.get("active") is False or (kind == "CareTeam" and resource.get("status") != "active"):
        return "is not active"
    period = resource.get("period", {}) if kind in ("PractitionerRole", "CareTeam") else {}
    return "" if begins(period.get("start")) <= at < ends(period.get("end")) else "is not active at this time"


def works(resource: Resource | None, at: int) -> bool:
    """Whether somebody who is known works here at a moment (microseconds)."""
    return resource is not None and not away(resource, at)
