"""Whom a call reaches that names no department, or where nobody of its department is there: first those of where the
person belongs, then those who are on call for the whole practice.

A person belongs where they are registered (Patient.managingOrganization), else where a team of theirs is, be it an
EHR's, else where they were last (Encounter). The whole practice is the departments above which there is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from carethread.careteams.contact import known, organization_of
from carethread.careteams.searching import every
from carethread.careteams.teams.people import escalation, persons
from carethread.careteams.teams.reading import DEPARTMENT, ESCALATES, begins, is_ours, ref
from carethread.core.fhir import json
from carethread.core.fhir.elements import extension
from carethread.core.ports import Session

MOST_VISITS = 1_000
"""Visits of one person among which the last is looked for."""

_WAS_THERE = frozenset({"arrived", "triaged", "in-progress", "onleave", "finished"})


def belonging(session: Session, patient: str, base: str) -> Iterator[str]:
    """The departments (`Organization/1`) where somebody belongs, the nearest first; some may come twice."""
    for each in persons(session, patient, base):
        yield organization_of(known(session, each), base)
    for stored in every(session, "CareTeam", [("patient", patient), ("status", "active")], base):
        yield ref(json.parse_object(stored.body), "managingOrganization", base, "Organization")
    if last := max(_visits(session, patient, base), default=None):
        yield f"Organization/{last[1]}"


def _visits(session: Session, patient: str, base: str) -> Iterator[tuple[int, str]]:
    """When somebody was where (the id of an Organization)."""
    for stored in islice(every(session, "Encounter", [("patient", patient)], base), MOST_VISITS):
        visit = json.restore(stored.body)
        if stored.department and visit.get("status") in _WAS_THERE:
            yield begins(visit.get("period", {}).get("start")), stored.department


def practice_wide(session: Session, now: int, base: str) -> Iterator[str]:
    """Who is on call for the whole practice: those of the departments above all others."""
    for each in uppermost(session, base):
        yield from escalation(session, "", each, now, base)


def uppermost(session: Session, base: str) -> Iterator[str]:
    """The departments (`Organization/1`) whose teams escalate to none, first those to which most others do."""
    teams = {}
    for stored in every(session, "CareTeam", [("_profile", DEPARTMENT), ("status", "active")], base):
        team = json.parse_object(stored.body)
        if is_ours(team):
            teams[f"CareTeam/{stored.id}"] = team
    up = {id_: ref(dict(extension(team, ESCALATES)), "valueReference", base, "CareTeam") for id_, team in teams.items()}
    below = Counter(up.values())
    for id_ in sorted((each for each in teams if not up[each]), key=lambda each: (-below[each], each)):
        yield ref(teams[id_], "managingOrganization", base, "Organization")
