"""Who may see and answer for a person: a RelatedPerson, by relationship, period, age and Consent. Pure.

A parent or guardian acts for a minor, but not in what is the minor's own from some age on, and no more from the day of
majority on; whose birth date is not known is taken for an adult. For an adult only a court's guardian acts by the
relationship; whoever else needs a Consent that names them. A Consent that refuses somebody wins over all of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from carethread.careteams.sharing.ages import AGES, Ages, age, own_matters
from carethread.careteams.sharing.categories import CATEGORIES
from carethread.careteams.sharing.consenting import DISCLOSE, FAMILY, Asked, decided
from carethread.core.fhir.elements import at, keys_at
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Resource

ROLES = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"

Action = Literal["see", "answer"]

ACTIONS: dict[Action, tuple[str, ...]] = {"see": DISCLOSE, "answer": ("collect", "correct")}
"""Each with its codes of http://terminology.hl7.org/CodeSystem/consentaction."""

PARENTS = frozenset({
    "PRN", "MTH", "FTH", "NMTH", "NFTH", "NPRN", "ADOPTP", "ADOPTM", "ADOPTF", "STPPRN", "STPMTH", "STPFTH",
    "PRNFOST", "MTHFOST", "FTHFOST", "GUARD",
})  # fmt: skip
"""Relationships of ROLES by which somebody acts for a minor."""

GUARDIANS = frozenset({"GUARD"})
"""Those by which somebody acts for an adult."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether somebody may act, why not (a short text without anything personal), and which categories need no Consent
    for them."""

    allowed: bool
    why: str = ""
    free: frozenset[str] = frozenset()


def may_act(
    patient: Resource,
    related: Resource,
    consents: Iterable[Resource],
    at: int,
    action: Action,
    *,
    ids: Collection[str] = (),
    ages: Ages = AGES,
    base: str | None = None,
) -> Verdict:
    """Whether a RelatedPerson may act for a Patient at a moment (microseconds).

    `ids` are those of the Patient, where several were merged. The consents are the Patient's. `base` is the URL under
    which absolute references are local.
    """
    mine = {*ids, str(patient.get("id"))}
    if not any(kind == "Patient" and id_ in mine for kind, id_ in keys_at(related, "patient", base)):
        return Verdict(False, "is related to somebody else")
    if related.get("active") is False or not _current(related, at):
        return Verdict(False, "is not in force at this time")
    if patient.get("deceasedBoolean") or "deceasedDateTime" in patient:
        return Verdict(False, "acts for nobody who is deceased")
    recipient = {f"RelatedPerson/{related.get('id')}"}
    said = decided(Asked(patient, "", recipient, FAMILY, at, ACTIONS[action], base), consents)
    if said == "deny":
        return Verdict(False, "is refused by a Consent")
    relations, years = _relations(related), age(patient.get("birthDate"), at)
    minor = years is not None and years < ages.majority
    if minor and years is not None and relations & PARENTS:
        return Verdict(True, free=frozenset(CATEGORIES) - own_matters(years, ages))
    if said == "permit" or relations & GUARDIANS:
        return Verdict(True)
    if relations & PARENTS and years is None:
        return Verdict(False, "needs a Consent, for the birth date is not known")
    return Verdict(False, "needs a Consent that names them")


def _current(related: Resource, moment: int) -> bool:
    period = related.get("period", {})
    start, end = (date_range(str(period.get(name, ""))) for name in ("start", "end"))
    return (start is None or start[0] <= moment) and (end is None or moment < end[1])


def _relations(related: Resource) -> set[str]:
    """How somebody is related, by FHIR's own codes; what another's mean nobody here knows."""
    codings = (each for each in at(related, "relationship.coding") if isinstance(each, dict))
    return {str(each.get("code")) for each in codings if each.get("system") == ROLES}
