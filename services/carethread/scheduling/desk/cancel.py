"""Cancel: by the patient, whose slots are free at once, or by the provider, whose own slots stay closed.

Reasons: http://hl7.org/fhir/R4/valueset-appointment-cancellation-reason.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from carethread.core.errors import Invalid
from carethread.core.fhir.definitions import code_system
from carethread.core.fhir.elements import with_extensions
from carethread.core.ports import Resource, Stored
from carethread.interactions.writing.unit import WriteUnit, refuse_other
from carethread.scheduling.desk.placing import kept, put, standing
from carethread.scheduling.desk.states import given_up
from carethread.scheduling.rules import CANCELLED_BY, REASONS, is_hold

By = Literal["patient", "provider"]

_GENERAL: dict[str, str] = {"patient": "pat", "provider": "prov"}
_DECLINES = {
    "patient": frozenset({"Patient"}),
    "provider": frozenset({"Practitioner", "PractitionerRole", "Location", "Device", "HealthcareService"}),
}


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Who cancels, and why: a CodeableConcept; None: no more is known than who."""

    by: By
    reason: Resource | None = None
    comment: str = ""


def coded(code: str) -> Resource:
    """The reason of a code such as `pat-mt`. Raises Invalid for one that is none."""
    codes = code_system(REASONS) or frozenset()
    if code not in codes:
        raise Invalid(f"A reason is one of {', '.join(sorted(codes))}.", code="code-invalid", expression="reason")
    return {"coding": [{"system": REASONS, "code": code}]}


def cancel(unit: WriteUnit, id_: str, cancellation: Cancellation, versions: frozenset[int] | None = None) -> Stored:
    """Cancel an Appointment; cancelled again it stays as it is. Nothing is stored yet.

    Raises NotFound for an id that is not here, Invalid for what is over, PreconditionFailed where it is at none of the
    versions.
    """
    before = standing(unit, id_)
    refuse_other(before, versions)
    if before["status"] == "cancelled":
        return kept(unit, id_)
    by = cancellation.by
    made = given_up(before, cancellation.reason or coded(_GENERAL[by]), _DECLINES[by])
    if cancellation.comment:
        made["comment"] = cancellation.comment
    if not is_hold(before):  # of which nobody was told
        made = with_extensions(made, {CANCELLED_BY: {"valueCode": by}})
    return put(unit, made, id_, new=False)
