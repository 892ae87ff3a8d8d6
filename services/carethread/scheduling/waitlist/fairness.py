"""Whether offers were fair: of those who waited, who was offered a slot, group by group.

A group whose share is under four fifths of the best served group's is named (the four-fifths rule, 29 CFR 1607.4(D)),
once it has enough people for a share to mean something. Race and ethnicity are the extensions of US Core, disability
and an interpreter those of R4; what nobody has said is the group `unknown`.

Where numbers of few people are not told, a group is told where each way that it fared is nobody's or many people's, and
what is not told of an attribute is together: so nothing follows from the sum of another attribute's groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from carethread.core.contacting import preferred_language
from carethread.core.few import hidden
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource

FEWEST = 5
"""People in a group without whom a share says nothing."""

FOUR_FIFTHS = 0.8

UNKNOWN = "unknown"

_RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
_ETHNICITY = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"
_DISABILITY = "http://hl7.org/fhir/StructureDefinition/patient-disability"

_AGES = ((18, "under 18"), (40, "18 to 39"), (65, "40 to 64"), (80, "65 to 79"), (200, "80 and over"))


@dataclass(frozen=True, slots=True)
class Case:
    """Someone who waited in the period: who they are as far as it is known, and what became of it. `person` is the same
    of all for which one waited."""

    person: str
    patient: Resource
    priority: int
    insurance: str
    offered: bool
    accepted: bool


@dataclass(frozen=True, slots=True)
class Group:
    """How one group fared. `ratio` is its share of offers beside the best served group's. `masked`: its numbers are not
    told, nor is another's ratio to them."""

    attribute: str
    value: str
    waited: int
    offered: int
    accepted: int
    share: float
    ratio: float
    behind: bool
    masked: bool = False


def _age(case: Case, now: datetime) -> str:
    born = case.patient.get("birthDate", "")
    if not isinstance(born, str) or not born[:4].isdigit():
        return UNKNOWN
    month_day = (int(born[5:7] or 1), int(born[8:10] or 1))
    age = now.year - int(born[:4]) - ((now.month, now.day) < month_day)
    return next(name for limit, name in _AGES if age < limit or limit == _AGES[-1][0])


def _category(url: str) -> Callable[[Case, datetime], str]:
    def of(case: Case, now: datetime) -> str:
        found = extension(extension(case.patient, url), "ombCategory").get("valueCoding", {})
        return str(found.get("display") or found.get("code") or UNKNOWN)

    return of


def _disability(case: Case, now: datetime) -> str:
    return "stated" if extension(case.patient, _DISABILITY) else UNKNOWN


ATTRIBUTES: Mapping[str, Callable[[Case, datetime], str]] = {
    "language": lambda case, now: preferred_language(case.patient) or UNKNOWN,
    "age": _age,
    "race": _category(_RACE),
    "ethnicity": _category(_ETHNICITY),
    "disability": _disability,
    "insurance": lambda case, now: case.insurance,
    "need": lambda case, now: f"priority {case.priority}",
}


def groups(cases: Sequence[Case], now: datetime, *, masks: bool = False) -> Iterable[Group]:
    """Every group of every attribute, in order. `masks`: numbers of few people are not told."""
    for attribute, of in ATTRIBUTES.items():
        members: dict[str, list[Case]] = {}
        for case in cases:
            members.setdefault(of(case, now), []).append(case)
        shares = {value: sum(c.offered for c in some) / len(some) for value, some in members.items()}
        kept = _kept(members) if masks else set[str]()
        best = max((shares[v] for v, some in members.items() if len(some) >= FEWEST and v not in kept), default=0.0)
        for value, some in sorted(members.items()):
            ratio = shares[value] / best if best else 1.0
            yield Group(
                attribute,
                value,
                waited=len(some),
                offered=sum(case.offered for case in some),
                accepted=sum(case.accepted for case in some),
                share=round(shares[value], 3),
                ratio=round(ratio, 3),
                behind=len(some) >= FEWEST and ratio < FOUR_FIFTHS,
                masked=value in kept,
            )


def _kept(members: Mapping[str, Sequence[Case]]) -> set[str]:
    """The groups that are not told."""
    found: set[str] = set()
    for way in {(case.offered, case.accepted) for some in members.values() for case in some}:
        found |= hidden(
            {
                value: {case.person for case in some if (case.offered, case.accepted) == way}
                for value, some in members.items()
            }
        )
    return found
