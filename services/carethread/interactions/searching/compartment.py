"""Compartments: what belongs to one patient: http://hl7.org/fhir/R4/compartmentdefinition-patient.html.

A resource is in the compartment when one of the parameters that R4 names for its type refers to the patient.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from carethread.core.errors import NotSupported
from carethread.core.fhir.definitions import compartment, resource_types
from carethread.core.fhir.search.query import Compartment

PATIENT = "Patient"
"""The one compartment whose definition is known here."""

EVERY = "*"
"""In the place of a type: all that are in the compartment."""


def is_compartment_path(parts: list[str]) -> bool:
    """Whether a path is `Patient/id/Type`, `Patient/id/*` or either with `_search` behind it."""
    return (
        (len(parts) == 3 or (len(parts) == 4 and parts[3] == "_search"))
        and parts[0] == PATIENT
        and (parts[2] == EVERY or parts[2] in resource_types())
    )


def members(wanted: str, known: Collection[str]) -> tuple[str, ...]:
    """The types to search: the wanted one, or every known one that a compartment has. Raises NotSupported."""
    defined = compartment()
    if wanted == EVERY:
        return tuple(name for name in known if name in defined)
    if wanted not in defined:
        raise NotSupported(f"{wanted} is in no Patient's compartment; allowed: {', '.join(sorted(defined))}.")
    if wanted not in known:
        raise NotSupported(f"{wanted} is not kept here; ask the service that keeps it, or the gateway.")
    return (wanted,)


def within(id_: str, types: Iterable[str]) -> Compartment:
    """The node that keeps a search on the types to a patient's compartment."""
    defined = compartment()
    return Compartment(PATIENT, (id_,), tuple(f"{name}.{code}" for name in types for code in defined[name]))
