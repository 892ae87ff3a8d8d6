"""Who is at high risk: whoever has an active Flag that says so (http://hl7.org/fhir/R4/flag.html).

Copies are kept here. A Flag can say anything, that somebody prefers tea; it says high risk by a code of `HIGH_RISK` in
its code or category.
"""

from __future__ import annotations

from collections.abc import Collection

from carethread.core.fhir import json
from carethread.core.fhir.elements import at, keys_at
from carethread.core.ports import Resource, Session

HIGH_RISK = frozenset(
    {
        ("https://carethread.dev/fhir/CodeSystem/flag-kind", "high-risk"),
        ("http://snomed.info/sct", "723509005"),
    }
)
"""System and code; SNOMED CT's is `High risk (qualifier value)`."""

_AT_ONCE = 500
_MOST = 5000
"""Flags that are read of so many patients."""


def at_risk(session: Session, patients: Collection[str]) -> set[str]:
    """Which of these (`Patient/1`) have a flag that is active and says that they are at high risk."""
    found: set[str] = set()
    keys = [("Patient", patient.removeprefix("Patient/")) for patient in sorted(patients)]
    for start in range(0, len(keys), _AT_ONCE):
        flags = session.referring(keys[start : start + _AT_ONCE], ["Flag.patient"], _MOST)
        for stored in session.current(flags).values():
            flag = json.restore(stored.body)
            if flag.get("status") == "active" and says_high_risk(flag):
                found.update(f"{kind}/{id_}" for kind, id_ in keys_at(flag, "subject"))
    return found


def says_high_risk(flag: Resource) -> bool:
    codings = [*at(flag, "code.coding"), *at(flag, "category.coding")]
    return any((each.get("system"), each.get("code")) in HIGH_RISK for each in codings)
