"""Patients that are one person: http://hl7.org/fhir/R4/patient-definitions.html#Patient.link.

A Patient that was merged names the one to use in its place by a link of type `replaced-by`. In the index that is a
reference row of its own, `link:replaced-by`, so what follows merges needs no table, and no more care than any search:
where the Patient or a copy of it is, its link is; where the link goes, the merge goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.rows import IndexRows

PATIENT = "Patient"

REPLACED_BY = "link:replaced-by"
"""The code of the reference rows that lead from a merged Patient to the one in its place; no search names it."""


def replacing(patient: dict[str, Any], base: str | None = None) -> Iterator[tuple[int, tuple[str, str] | None]]:
    """The places in `link` of type `replaced-by`, each with (type, id) of whom it names, None if not one of ours."""
    links = patient.get("link")
    for place, link in enumerate(links if isinstance(links, list) else ()):
        if isinstance(link, dict) and link.get("type") == "replaced-by":
            keys = keys_at(link, "other", base)
            yield place, keys[0] if keys else None


def survivor(patient: dict[str, Any] | None, base: str | None = None) -> str:
    """The id of the Patient to use in place of this one; empty when it was not merged into one of ours.

    Should an imported history name several, the first counts, so that a Patient is in one set only.
    """
    found = (key[1] for _, key in replacing(patient or {}, base) if key and key[0] == PATIENT)
    return next(found, "")


def index_merge(patient: dict[str, Any], rows: IndexRows) -> None:
    """Add the row of a Patient's merge, if it was merged."""
    if into := survivor(patient, rows.base):
        rows.reference[REPLACED_BY, PATIENT, into, "", "", "", ""] = None
