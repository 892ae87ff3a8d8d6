"""How likely two Patients are one person: weights of evidence, added up.

Each trait that both have is compared. What it says has a weight: log2 of how much likelier it is of one person than of
two. The sum, with the weight of two patients taken at random being one person, is the log2 of the odds.
Source: I. P. Fellegi, A. B. Sunter, A Theory for Record Linkage, JASA 64 (1969) 1183-1210. The figures below are of the
usual order for a hospital's register, and are not fitted to any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import log2
from typing import Literal, NamedTuple

from carethread.core.fhir.search.text import fold
from carethread.core.ports import Resource

Finding = Literal["same", "near", "other"]


class Chances(NamedTuple):
    """How often a finding comes up when the two are one person, and when they are two."""

    of_one: float
    of_two: float


WEIGHTS: Mapping[str, Mapping[Finding, Chances]] = {
    "identifier": {"same": Chances(0.95, 1e-9), "near": Chances(0.02, 1e-6), "other": Chances(0.05, 1.0)},
    "family": {"same": Chances(0.90, 2e-3), "near": Chances(0.05, 4e-3), "other": Chances(0.08, 0.99)},
    "given": {"same": Chances(0.88, 1e-2), "near": Chances(0.06, 1e-2), "other": Chances(0.08, 0.98)},
    "birthDate": {"same": Chances(0.95, 4e-5), "near": Chances(0.04, 2e-3), "other": Chances(0.01, 0.99)},
    "gender": {"same": Chances(0.98, 0.5), "other": Chances(0.02, 0.5)},
    "telecom": {"same": Chances(0.60, 5e-4), "other": Chances(0.40, 0.99)},
    "address": {"same": Chances(0.60, 3e-3), "near": Chances(0.15, 5e-2), "other": Chances(0.25, 0.95)},
}
"""By trait, what it may turn out to be. `near`: an identifier without a system; one slip in a name; one slip in a birth
date, or day and month exchanged, or as much of it as is known; the town without the street."""

AT_RANDOM = 1e-6
"""How often two patients taken at random are one person."""

GRADES: Mapping[str, float] = {"certain": 0.99, "probable": 0.8, "possible": 0.05}
"""The least score of each grade of http://hl7.org/fhir/R4/valueset-match-grade.html; below all is `certainly-not`."""


def score(one: Resource, other: Resource) -> float:
    """From 0 to 1: how likely it is that two Patients are one person."""
    weight = log2(AT_RANDOM)
    for trait, compare in _TRAITS.items():
        if finding := compare(one, other):
            chances = WEIGHTS[trait][finding]
            weight += log2(chances.of_one / chances.of_two)
    return 1 / (1 + 2**-weight)


def grade(scored: float) -> str:
    """What a score is called."""
    return next((name for name, least in GRADES.items() if scored >= least), "certainly-not")


def _identifier(one: Resource, other: Resource) -> Finding | None:
    ours, theirs = _identifiers(one), _identifiers(other)
    if common := ours & theirs:
        return "same" if any(system for system, _ in common) else "near"
    return "other" if {system for system, _ in ours} & {system for system, _ in theirs} else None


def _identifiers(patient: Resource) -> set[tuple[str, str]]:
    return {(each.get("system", ""), each["value"]) for each in patient.get("identifier", ()) if each.get("value")}


def _family(one: Resource, other: Resource) -> Finding | None:
    return _names(families(one), families(other))


def _given(one: Resource, other: Resource) -> Finding | None:
    return _names(givens(one), givens(other))


def families(patient: Resource) -> set[str]:
    """The family names, folded."""
    return {fold(name["family"]) for name in patient.get("name", ()) if name.get("family")}


def givens(patient: Resource) -> set[str]:
    """The first given name of each name, folded."""
    return {fold(name["given"][0]) for name in patient.get("name", ()) if name.get("given") and name["given"][0]}


def _names(ours: set[str], theirs: set[str]) -> Finding | None:
    if not ours or not theirs:
        return None
    if ours & theirs:
        return "same"
    near = any(min(len(one), len(other)) > 3 and one_slip(one, other) for one in ours for other in theirs)
    return "near" if near else "other"


def _birth_date(one: Resource, other: Resource) -> Finding | None:
    ours, theirs = one.get("birthDate"), other.get("birthDate")
    if not ours or not theirs:
        return None
    if ours == theirs and len(ours) == 10:
        return "same"
    if ours.startswith(theirs) or theirs.startswith(ours) or one_slip(ours, theirs):
        return "near"
    exchanged = ours[:5] + ours[8:] + "-" + ours[5:7]
    return "near" if len(ours) == 10 and exchanged == theirs else "other"


def _gender(one: Resource, other: Resource) -> Finding | None:
    ours, theirs = one.get("gender"), other.get("gender")
    if not {ours, theirs} <= {"male", "female"}:
        return None
    return "same" if ours == theirs else "other"


def _telecom(one: Resource, other: Resource) -> Finding | None:
    ours, theirs = _contacts(one), _contacts(other)
    if not ours or not theirs:
        return None
    return "same" if ours & theirs else "other"


def _contacts(patient: Resource) -> set[str]:
    """Phone numbers by their last nine digits, which leaves prefixes out, and addresses of mail."""
    found = set()
    for each in patient.get("telecom", ()):
        value = each.get("value", "")
        digits = "".join(sign for sign in value if sign.isdigit())
        found.add(fold(value) if "@" in value else digits[-9:])
    return found - {""}


def _address(one: Resource, other: Resource) -> Finding | None:
    ours, theirs = list(_places(one)), list(_places(other))
    if not ours or not theirs:
        return None
    if {place for place in ours if all(place)} & set(theirs):
        return "same"
    towns = {town for town, _ in ours} & {town for town, _ in theirs}
    return "near" if towns - {""} else "other"


def _places(patient: Resource) -> Iterable[tuple[str, str]]:
    """(postal code or town, first line) of each address, folded."""
    for each in patient.get("address", ()):
        town = fold(each.get("postalCode") or each.get("city") or "")
        line = fold((each.get("line") or [""])[0] or "")
        if town or line:
            yield town, line


def one_slip(one: str, other: str) -> bool:
    """Whether one sign more, less, other, or two neighbours exchanged, makes one text of the other."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    at = next((place for place, sign in enumerate(one) if sign != other[place]), len(one))
    if len(one) < len(other):
        return one[at:] == other[at + 1 :]
    if one[at + 1 :] == other[at + 1 :]:
        return True
    return one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]


_TRAITS: Mapping[str, Callable[[Resource, Resource], Finding | None]] = {
    "identifier": _identifier,
    "family": _family,
    "given": _given,
    "birthDate": _birth_date,
    "gender": _gender,
    "telecom": _telecom,
    "address": _address,
}
