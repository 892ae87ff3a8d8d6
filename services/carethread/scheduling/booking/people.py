"""Whether the people who are to come can: who is deceased, inactive or merged into another is booked for no more.

Who books by the desk has the owner asked, for a copy may lag; plain writes are judged by what the copy knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from carethread.core.errors import Invalid, Issue
from carethread.core.fhir import json
from carethread.core.fhir.search.merges import survivor
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.standing import present

PATIENT = "Patient"

_WHERE = "Appointment.participant.actor"


def refuse_absent(runtime: Runtime, ids: Sequence[str]) -> None:
    """Raise Invalid, one issue for each Patient who cannot come; Busy where the owner is away. Not in a transaction."""
    if issues := absences(runtime, ids):
        raise Invalid(issues=issues)


def absences(runtime: Runtime, ids: Sequence[str]) -> list[Issue]:
    """An issue for each Patient who cannot come. Raises Busy where the owner is away."""
    return [issue for id_ in dict.fromkeys(ids) if (issue := _absence(runtime, id_))]


def known_absences(session: Session, ids: Iterable[str], base_url: str) -> list[Issue]:
    """An issue for each Patient of whom the copy here says that they cannot come; of the others nothing is known."""
    found = present(session, {(PATIENT, id_) for id_ in ids})
    return [issue for (_, id_), patient in sorted(found.items()) if (issue := _issue(id_, patient, base_url))]


def _absence(runtime: Runtime, id_: str) -> Issue | None:
    owner = next(mirror.owner for mirror in runtime.service.mirrors if mirror.type == PATIENT)
    stored = runtime.owners.read(owner, (PATIENT, id_))
    if stored is None or stored.deleted:
        return Issue("not-found", f"{PATIENT}/{id_} is not here.", _WHERE)
    return _issue(id_, json.parse(stored.body), runtime.base_url)


def _issue(id_: str, patient: Resource, base_url: str) -> Issue | None:
    why = why_not(patient, base_url)
    return Issue("business-rule", f"{PATIENT}/{id_} {why}.", _WHERE) if why else None


def why_not(patient: Resource, base_url: str) -> str:
    """Why a Patient is booked for no more; empty where they can be."""
    if into := survivor(patient, base_url):
        return f"was merged into {PATIENT}/{into}; name that one"
    if patient.get("deceasedBoolean") or "deceasedDateTime" in patient:
        return "is deceased, and is booked for no more"
    return "is inactive, and is booked for no more" if patient.get("active") is False else ""
