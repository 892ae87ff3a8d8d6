"""What can be in the way of an Appointment, by kind: CodeSystem `conflict`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carethread.core.errors import Conflict, Invalid, Issue

KINDS: Mapping[str, str] = {
    "slot": "conflict",
    "capacity": "conflict",
    "overlap": "conflict",
    "duplicate": "duplicate",
    "unknown": "not-found",
    "status": "business-rule",
    "past": "business-rule",
    "hours": "business-rule",
    "absence": "business-rule",
    "modality": "business-rule",
    "time": "business-rule",
}
"""The kinds of conflicts, each with its code of http://hl7.org/fhir/R4/valueset-issue-type.html."""

_FOR_NOW = ("slot", "capacity", "overlap", "duplicate")
"""Kinds that are due to another Appointment, and so may pass: 409, not 422."""

FIRM = frozenset({"slot", "capacity", "unknown", "status", "time"})
"""Kinds that nobody can pass over: a seat is taken once, whoever asks; its Slot's capacity is what to change."""

GONE = Issue("not-found", "This appointment is not available any more; ask $find for others.", "Appointment", "fatal")
"""What IHE's scheduling profile wants said of it first: https://profiles.ihe.net/ITI/Scheduling/ITI-117.html."""


@dataclass(frozen=True, slots=True)
class Conflicting:
    """One thing that is in the way: of which kind, what it is, and the element that it is about."""

    kind: str
    text: str
    where: str

    def issue(self, severity: str = "error") -> Issue:
        return Issue(KINDS[self.kind], self.text, self.where, severity, self.kind)


def refusal(found: Sequence[Conflicting]) -> Conflict | Invalid:
    """The error that says all of it."""
    issues = [each.issue() for each in found]
    if any(each.kind in _FOR_NOW for each in found):
        return Conflict(issues=[GONE, *issues])
    return Invalid(issues=issues)
