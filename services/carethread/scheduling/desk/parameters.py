"""The Parameters of the desk's operations, read into what is wanted.

Names as in IHE's scheduling profile (appointment-reference, appointment-resource, patient-resource, comment:
https://profiles.ihe.net/ITI/Scheduling), and ours beside them.
"""

from __future__ import annotations

from carethread.core.context import Context
from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir.definitions import code_system
from carethread.core.ports import Resource
from carethread.interactions.operations import given as operations
from carethread.interactions.operations.given import MOST, wrong
from carethread.interactions.operations.once import fingerprint, new_id
from carethread.scheduling.desk.cancel import By, Cancellation, coded
from carethread.scheduling.desk.hold import DEFAULT_MINUTES, MOST_MINUTES
from carethread.scheduling.desk.wishes import Override
from carethread.scheduling.rules import REASONS

REFERENCE, RESOURCE, PATIENT_RESOURCE = "appointment-reference", "appointment-resource", "patient-resource"
WISHES = (REFERENCE, RESOURCE, "slot", "patient", PATIENT_RESOURCE, "comment")
OVERRIDE = ("override-role", "override-reason")

_MINUTES = {"s": 1 / 60, "min": 1.0, "h": 60.0}
_BY: dict[str, By] = {"patient": "patient", "provider": "provider"}


_LEFT_OUT: Resource = {
    "status": "proposed",
    "participant": [{"actor": {"display": "Somebody"}, "status": "needs-action"}],
}


def judged(body: Resource) -> Resource:
    """The Parameters as they have to be valid: an Appointment in them may leave out what the desk says itself."""
    parts = body.get("parameter")
    return {**body, "parameter": [*map(_whole, parts)]} if isinstance(parts, list) else body


def _whole(part: object) -> object:
    if not isinstance(part, dict) or part.get("name") != RESOURCE or not isinstance(part.get("resource"), dict):
        return part
    return {**part, "resource": {**_LEFT_OUT, **part["resource"]}}


class Given(operations.Given):
    """The parameters of one call of the desk."""

    def ids(self, name: str, type_name: str) -> list[str]:
        """The ids of resources that a parameter refers to, each once; at most `MOST`."""
        return [each.partition("/")[2] for each in self.references(name, type_name)]

    def appointment(self) -> str:
        """The id of the Appointment, or proposal, that the call is about; empty where it is a new one."""
        named = self.ids(REFERENCE, "Appointment")
        if len(named) > 1 or (named and self._call.id and named[0] != self._call.id):
            raise wrong(REFERENCE, "is given once, and names what the URL does")
        return named[0] if named else self._call.id

    def needed_appointment(self) -> str:
        """As `appointment`. Raises Malformed where none is named."""
        if not (id_ := self.appointment()):
            raise Malformed(f"{REFERENCE} is needed: the Appointment.", code="required", expression=REFERENCE)
        return id_

    def resource(self, name: str, type_name: str) -> Resource:
        """One resource; empty where it is not given."""
        found = self.resources(name, type_name)
        if len(found) > 1:
            raise wrong(name, "is given once")
        for each in found:
            if long := [part for part in ("participant", "slot") if len(each.get(part, ())) > MOST]:
                raise wrong(name, f"has {MOST} of {long[0]} at most", "too-costly")
        return found[0] if found else {}

    def minutes(self, otherwise: int = DEFAULT_MINUTES, most: int = MOST_MINUTES, what: str = "A hold") -> int:
        """For how long something is to be."""
        member, value = self._one("duration")
        if not member:
            return otherwise
        unit = str(value.get("code") or value.get("unit") or "") if member == "valueDuration" else ""
        if unit not in _MINUTES or "value" not in value:
            example = '{"value": 5, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"}'
            raise wrong("duration", f"is a valueDuration in minutes, such as {example}")
        minutes = float(value["value"]) * _MINUTES[unit]
        if not 1 <= minutes <= most:
            raise Invalid(f"{what} is for 1 to {most} minutes.", code="value", expression="duration")
        return int(minutes)

    def override(self) -> Override | None:
        role, reason = (self.text(name) for name in OVERRIDE)
        return Override(role, reason) if role or reason else None

    def cancellation(self) -> Cancellation:
        """Who cancels, and why: the reason says who where nothing else does."""
        reason = self._reason()
        said = self.text("by")
        if said and said not in _BY:
            raise Invalid("by is patient or provider.", code="code-invalid", expression="by")
        codes = [str(each.get("code", "")) for each in (reason or {}).get("coding", ())]
        by: By = _BY.get(said, "provider" if any(c.startswith(("prov", "maint")) for c in codes) else "patient")
        return Cancellation(by, reason, self.text("comment"))

    def _reason(self) -> Resource | None:
        member, value = self._one("reason")
        if not member:
            return None
        if member == "valueCode":
            return coded(value)
        if member not in ("valueCoding", "valueCodeableConcept"):
            raise wrong("reason", "is a valueCode, valueCoding or valueCodeableConcept")
        reason: Resource = {"coding": [value]} if member == "valueCoding" else value
        known = code_system(REASONS) or frozenset()
        coding = reason.get("coding", ())
        if not coding or any(each.get("system") == REASONS and each.get("code") not in known for each in coding):
            raise Invalid(f"A reason has a coding, best one of {REASONS}.", code="code-invalid", expression="reason")
        return reason

    def new_id(self, operation: str, context: Context) -> str:
        """The id of what this call makes, by its Idempotency-Key; empty without one."""
        return new_id(self._call, "Appointment", operation, context)

    def fingerprint(self) -> str:
        return fingerprint(self._call)
