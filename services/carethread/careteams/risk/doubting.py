"""Conditions that nobody has confirmed, or that are not so: no rule counts one, unless it asks for what it says.

Who says nothing of it (Condition.verificationStatus) has found it, as EHRs do. Source:
http://hl7.org/fhir/R4/valueset-condition-ver-status.html.
"""

from __future__ import annotations

from carethread.core.fhir.elements import at
from carethread.core.ports import Resource

UNCONFIRMED = ("unconfirmed", "provisional", "differential")
"""Codes of Condition.verificationStatus by which nobody has confirmed it, nor refuted."""

VOID = ("refuted", "entered-in-error")
"""Codes by which it is not so."""

STATUS = "verificationStatus"


def is_doubtful(resource: Resource) -> bool:
    """Whether a resource is a Condition that is only proposed, or not so."""
    if resource["resourceType"] != "Condition":
        return False
    said = {str(each.get("code")) for each in at(resource, f"{STATUS}.coding") if isinstance(each, dict)}
    return not said.isdisjoint((*UNCONFIRMED, *VOID))
