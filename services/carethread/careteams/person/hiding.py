"""Which risks are kept from a reader of a summary: those that rest on what the person has said of them. Pure."""

from __future__ import annotations

from collections.abc import Collection

from carethread.careteams.person.gathering import Gathered
from carethread.careteams.risk.assessments import hidden_from, rated_in
from carethread.careteams.sharing.withholding import own_key
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Key, Resource

_CLINICIANS = ("Practitioner/", "PractitionerRole/")


def hidden_risks(gathered: Gathered, receiver: Collection[str]) -> set[Key]:
    """The RiskAssessments that a receiver may not see, who is known by these references.

    Where the receiver is no clinician that is known here (a department, a team, nobody in particular), whoever was
    rated may be among the readers.
    """
    clinicians = {each for each in receiver if each.startswith(_CLINICIANS)}
    risks = (
        each for each in (*gathered.resources, *gathered.known.values()) if each["resourceType"] == "RiskAssessment"
    )
    return {own_key(each) for each in risks if _is_hidden(each, clinicians, gathered)}


def _is_hidden(assessment: Resource, clinicians: Collection[str], gathered: Gathered) -> bool:
    """Whether it is hidden from a clinician by any role of theirs; a role that nobody knows may be anybody's."""
    if hidden_from(assessment, clinicians, gathered.base_url):
        return True
    base, known = gathered.base_url, gathered.known
    for name in rated_in(assessment, base):
        kind, _, id_ = name.partition("/")
        role = known.get((kind, id_))
        behind = {f"{each}/{key}" for each, key in keys_at(role, "practitioner", base)} if role else set()
        if kind == "PractitionerRole" and (not behind or not behind.isdisjoint(clinicians)):
            return True
    return False
