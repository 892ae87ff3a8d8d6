"""Passing over conflicts: by whom and why stands on the Appointment, and its rule knows by that what may overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carethread.core.errors import Invalid
from carethread.core.fhir.elements import with_extensions
from carethread.core.ports import Resource
from carethread.scheduling.booking.conflicting import FIRM, Conflicting, refusal
from carethread.scheduling.desk.wishes import Override
from carethread.scheduling.rules import OVERRIDE

ROLES: Mapping[str, str] = {
    "clinician": "Clinician who gives the care",
    "charge-nurse": "Charge nurse",
    "desk-lead": "Lead of the front desk",
    "manager": "Manager of the practice",
}
"""Who may: the codes of CodeSystem override-role."""


def refuse_nobody(override: Override) -> None:
    """Raise Invalid for a role that may not, or a reason that is missing."""
    if override.role not in ROLES:
        raise Invalid(f"An override is by one of {', '.join(ROLES)}.", code="code-invalid", expression="override-role")
    if not override.reason.strip():
        raise Invalid("An override has a reason.", code="required", expression="override-reason")


def passed_over(appointment: Resource, found: Sequence[Conflicting], override: Override) -> Resource:
    """The Appointment with what was passed over, by whom and why; as it is where nothing was in the way.

    Raises Invalid for a role that may not or a reason that is missing, and the refusal where something is in the way
    that nobody can pass over.
    """
    refuse_nobody(override)
    if any(each.kind in FIRM for each in found):
        raise refusal(found)
    if not found:
        return appointment
    parts = [
        {"url": "role", "valueCode": override.role},
        {"url": "reason", "valueString": override.reason.strip()},
        *({"url": "conflict", "valueCode": kind} for kind in sorted({each.kind for each in found})),
    ]
    return with_extensions(appointment, {OVERRIDE: {"extension": parts}})
