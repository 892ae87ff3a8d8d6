"""What is known here of somebody: whether they may be contacted, which language they speak, where they belong."""

from __future__ import annotations

from carethread.core.contacting import preferred_language
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.merges import survivor
from carethread.core.ports import Resource, Session
from carethread.interactions.standing import here


def why_no_contact(patient: Resource | None, base_url: str) -> str:
    """Why somebody is not contacted any more: `merged`, `deceased` or `inactive`; empty where they may be."""
    if patient is None:
        return ""
    if survivor(patient, base_url):
        return "merged"
    if patient.get("deceasedBoolean") or "deceasedDateTime" in patient:
        return "deceased"
    return "inactive" if patient.get("active") is False else ""


def known(session: Session, patient: str) -> Resource | None:
    """The copy of a Patient; None where there is none yet."""
    return here(session, ("Patient", patient.removeprefix("Patient/")))


def organization_of(patient: Resource | None, base_url: str) -> str:
    """Where the Patient is registered (`Organization/1`); empty where nobody said."""
    keys = keys_at(patient or {}, "managingOrganization", base_url)
    return next((f"{kind}/{id_}" for kind, id_ in keys if kind == "Organization"), "")


def language_of(patient: Resource | None) -> str:
    return preferred_language(patient or {})
