"""The Parameters of the desk's operations, read into what is wanted.

Names as in IHE's scheduling profile (appointment-reference, appointment-resource, patient-resource, comment:
https://profiles.ihe.net/ITI/Scheduling), and ours beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from carethread.core.context import Context
from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.definitions import code_system
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Resource
from carethread.core.service import Call
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.scheduling.desk.cancel import By, Cancellation, coded
from carethread.scheduling.desk.hold import DEFAULT_MINUTES, MOST_MINUTES
from carethread.scheduling.desk.wishes import Override
from carethread.scheduling.rules import REASONS

REFERENCE, RESOURCE, PATIENT_RESOURCE = "appointment-reference", "appointment-resource", "patient-resource"
WISHES = (REFERENCE, RESOURCE, "slot", "patient", PATIENT_RESOURCE, "comment")
OVERRIDE = ("override-role", "override-reason")

MOST = 100
"""How many people may come to one Appointment, and how many Slots or Schedules it may be over."""

_KEY_LETTERS = 255
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


class Given:
    """The parameters of one call. Reading raises Malformed where one is not as it must be."""

    def __init__(self, call: Call, base_url: str, known: Collection[str]) -> None:
        refuse_unknown(call, f"${call.request.path.rpartition('$')[2]}", known)
        self._call = call
        self._base_url = base_url
        self._parts: list[dict[str, Any]] = list((call.body or {}).get("parameter", ()))

    def _values(self, name: str) -> Iterator[tuple[str, Any]]:
        """Each value of a parameter with the name of its member, such as valueReference."""
        for part in self._parts:
            if part["name"] == name:
                yield next(((k, v) for k, v in part.items() if k == "resource" or k.startswith("value")), ("", None))

    def _one(self, name: str) -> tuple[str, Any]:
        values = list(self._values(name))
        if len(values) > 1:
            raise _wrong(name, "is given once")
        return values[0] if values else ("", None)

    def ids(self, name: str, type_name: str) -> list[str]:
        """The ids of resources that a parameter refers to, each once; at most `MOST`."""
        found: dict[str, None] = {}
        for member, value in self._values(name):
            keys = keys_at({"value": value}, "value", self._base_url) if member == "valueReference" else []
            if len(keys) != 1 or keys[0][0] != type_name or not is_id(keys[0][1]):
                raise _wrong(name, f"has a valueReference to a {type_name} of this server, such as {type_name}/123")
            found[keys[0][1]] = None
            if len(found) > MOST:
                raise _wrong(name, f"is given {MOST} times at most", "too-costly")
        return list(found)

    def appointment(self) -> str:
        """The id of the Appointment, or proposal, that the call is about; empty where it is a new one."""
        named = self.ids(REFERENCE, "Appointment")
        if len(named) > 1 or (named and self._call.id and named[0] != self._call.id):
            raise _wrong(REFERENCE, "is given once, and names what the URL does")
        return named[0] if named else self._call.id

    def needed_appointment(self) -> str:
        """As `appointment`. Raises Malformed where none is named."""
        if not (id_ := self.appointment()):
            raise Malformed(f"{REFERENCE} is needed: the Appointment.", code="required", expression=REFERENCE)
        return id_

    def resources(self, name: str, type_name: str) -> list[Resource]:
        found = [value for _, value in self._values(name)]
        if not all(isinstance(each, dict) and each.get("resourceType") == type_name for each in found):
            raise _wrong(name, f"has a resource of type {type_name}")
        if len(found) > MOST:
            raise _wrong(name, f"is given {MOST} times at most", "too-costly")
        return found

    def resource(self, name: str, type_name: str) -> Resource:
        """One resource; empty where it is not given."""
        found = self.resources(name, type_name)
        if len(found) > 1:
            raise _wrong(name, "is given once")
        for each in found:
            if long := [part for part in ("participant", "slot") if len(each.get(part, ())) > MOST]:
                raise _wrong(name, f"has {MOST} of {long[0]} at most", "too-costly")
        return found[0] if found else {}

    def text(self, name: str) -> str:
        """A string or a code; empty where it is not given."""
        member, value = self._one(name)
        if member and member not in ("valueString", "valueCode", "valueMarkdown"):
            raise _wrong(name, "is a valueString or valueCode")
        return str(value or "")

    def minutes(self, otherwise: int = DEFAULT_MINUTES, most: int = MOST_MINUTES, what: str = "A hold") -> int:
        """For how long something is to be."""
        member, value = self._one("duration")
        if not member:
            return otherwise
        unit = str(value.get("code") or value.get("unit") or "") if member == "valueDuration" else ""
        if unit not in _MINUTES or "value" not in value:
            example = '{"value": 5, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"}'
            raise _wrong("duration", f"is a valueDuration in minutes, such as {example}")
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
            raise _wrong("reason", "is a valueCode, valueCoding or valueCodeableConcept")
        reason: Resource = {"coding": [value]} if member == "valueCoding" else value
        known = code_system(REASONS) or frozenset()
        coding = reason.get("coding", ())
        if not coding or any(each.get("system") == REASONS and each.get("code") not in known for each in coding):
            raise Invalid(f"A reason has a coding, best one of {REASONS}.", code="code-invalid", expression="reason")
        return reason

    def new_id(self, operation: str, context: Context) -> str:
        """The id of what this call makes, by its Idempotency-Key; empty without one.

        Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header.
        """
        key = self._call.request.headers.get("idempotency-key")
        if key is None:
            return ""
        key = key.strip().strip('"')
        if not 1 <= len(key) <= _KEY_LETTERS:
            raise Malformed(f"An Idempotency-Key has 1 to {_KEY_LETTERS} characters.", code="value")
        return derived("Appointment", f"{context.principal.name}/{operation}/{key}")

    def fingerprint(self) -> str:
        """Of all that this call says, by which another under the same Idempotency-Key is told."""
        return sha256(json.render({"params": dict(self._call.params), "body": self._call.body or {}})).hexdigest()


def derived(type_name: str, cause: str) -> str:
    """An id that follows from a cause: the same each time."""
    return str(uuid5(NAMESPACE_URL, f"https://carethread.dev/fhir/{type_name}/{cause}"))


def _wrong(name: str, what: str, code: str = "value") -> Malformed:
    return Malformed(f"{name} {what}.", code=code, expression=f"Parameters.parameter.where(name = '{name}')")
