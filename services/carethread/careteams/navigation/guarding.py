"""A Flag of ours for a high risk ends by stepping down, with a reason, and not by a plain write.

What an EHR sends (`meta.source`), and any other Flag, is as it is sent.
"""

from __future__ import annotations

from carethread.careteams.navigation.navigators import reference
from carethread.careteams.navigation.terms import FLAGGED
from carethread.careteams.teams.people import person
from carethread.core.errors import Conflict
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit


def flag_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Raise Conflict where the active Flag of somebody who is navigated would end, or be another's."""
    if before is None or unit.own:
        return Ruling()
    patient = reference(before, "subject", "Patient", unit.base_url)
    if not patient or (after is not None and _same(before, after)):
        return Ruling()
    patient = person(unit.session, patient, unit.base_url)
    if unit.session.claimed(FLAGGED, [patient]).get(patient) == f"Flag/{id_}":
        where = "Flag.status" if after is not None else "Flag"
        raise Conflict(f"This Flag ends by POST {patient}/$step-down, which says why.", expression=where)
    return Ruling()


def _same(before: Resource, after: Resource) -> bool:
    return all(before.get(name) == after.get(name) for name in ("status", "subject", "code"))
