"""Who answers for a person: kept in the register whenever a CareTeam is stored, and asked of it.

The register follows from the CareTeams alone. Writers of one person's teams wait for each other (`_keep`), so that each
plans on what the one before has stored.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.searching import every
from carethread.careteams.teams.people import person, persons
from carethread.careteams.teams.planning import leads, planned
from carethread.careteams.teams.reading import is_ours, of_department, ref
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.search.dates import EARLIEST
from carethread.core.ports import FOREVER, Answering, Resource, Session, Stored
from carethread.core.service import Runtime


def accountable(session: Session, patient: str, at: int, base: str | None = None) -> Answering | None:
    """Who answers for a person (`Patient/1`, under whichever of their ids) at a moment; None: nobody does."""
    ids = persons(session, patient, base)
    found = session.register.at(ids, at)
    return next((found[each] for each in (patient, *ids) if each in found), None)


def leading(session: Session, patient: str, at: int, base: str | None = None) -> str:
    """The team (`CareTeam/1`) that answers for a person as a whole at a moment; empty: none does."""
    found = accountable(session, patient, at, base)
    return found.team if found else ""


def keep_register(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Enter what CareTeams that were just stored say of who answers for whom, from now on."""
    base = runtime.base_url
    found = session.current([("CareTeam", id_) for id_ in ids])
    at: dict[str, int] = {}
    for stored in found.values():
        for each in _people(session, stored, base):
            at[each] = max(stored.updated, at.get(each, 0))
    enter(session, at, base, backfill=context.backfill)


def _people(session: Session, stored: Stored, base: str) -> set[str]:
    """Whom a version of a CareTeam of ours is about, and the version before."""
    before = session.version((stored.type, stored.id), stored.version - 1) if stored.version > 1 else None
    teams = [json.parse_object(each.body) for each in (stored, before) if each and not each.deleted]
    subjects = {ref(team, "subject", base, "Patient") for team in teams if is_ours(team) and not of_department(team)}
    return {person(session, each, base) for each in subjects if each}


def enter(session: Session, at: dict[str, int], base: str, *, backfill: bool = False) -> None:
    """Plan anew who answers for persons, by the teams that they have, each from a moment on."""
    session.lock(f"register {each}" for each in at)
    for patient, begin in sorted(at.items()):
        ids = persons(session, patient, base)
        teams = [leads(team, stored.id, stored.row, base) for stored, team in teams_of(session, ids[0], base)]
        before = session.register.at([ids[0]], begin - 1).get(ids[0])
        if backfill and not session.register.between([ids[0]], EARLIEST, FOREVER):
            told = [one.begin for each in teams for one in each.members if one.begin > EARLIEST]
            begin = min([begin, *told])
        session.register.plan(ids[0], begin, planned(ids[0], teams, before.team if before else "", begin))
        for merged in ids[1:]:
            if session.register.at([merged], begin):
                session.register.plan(merged, begin, [])


def teams_of(session: Session, patient: str, base: str) -> list[tuple[Stored, Resource]]:
    """The active CareTeams of our profile that a person has."""
    asked = [("patient", patient), ("status", "active")]
    found = [(stored, json.parse_object(stored.body)) for stored in every(session, "CareTeam", asked, base)]
    return [(stored, team) for stored, team in found if is_ours(team) and not of_department(team)]
