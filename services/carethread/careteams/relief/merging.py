"""Patients who are merged are one person: one register, one coordinator, their needs; unmerged, each has their own.

Which Patients were merged when that was last seen to is kept as places: kind `merged`, the one merged, the one in their
place.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.handing.merged import hand_offs_moved, needs_moved
from carethread.careteams.teams.answering import enter, teams_of
from carethread.careteams.teams.awaiting import have_seen_to
from carethread.careteams.teams.people import person
from carethread.careteams.teams.reading import COORDINATOR, in_role
from carethread.careteams.teams.rule import COORDINATES
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.search.merges import PATIENT, survivor
from carethread.core.ports import Session, Timer
from carethread.core.service import Runtime
from carethread.interactions.writing.unit import WriteUnit

MERGED = "merged"
"""The kind of the places, and of the timer that sees to a Patient (`Patient/1`) whose merge has changed."""

_HISTORY = b"history"
"""What the timer carries where history tells of it, of which nobody is told."""


def merge_kept(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have seen to whoever was merged, or is so no longer."""
    known = session.claimed(MERGED, [f"{PATIENT}/{id_}" for id_ in ids])
    for stored in session.current([(PATIENT, id_) for id_ in ids]).values():
        into = "" if stored.deleted else survivor(json.parse_object(stored.body), runtime.base_url)
        patient = f"{PATIENT}/{stored.id}"
        if known.get(patient, "") != (f"{PATIENT}/{into}" if into else ""):
            session.timers.set(MERGED, patient, to_micros(context.clock()), _HISTORY if context.backfill else b"")


def merge_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Plan anew who answers for a person, and for whom they were taken for before."""
    base, patient = runtime.base_url, timer.key
    stored = session.current([(PATIENT, patient.partition("/")[2])]).get((PATIENT, patient.partition("/")[2]))
    into = survivor(json.parse_object(stored.body), base) if stored and not stored.deleted else ""
    before = session.claimed(MERGED, [patient]).get(patient, "")
    if before:
        session.release(MERGED, before, [each for each in session.places(MERGED, before) if each != patient])
    if into:
        session.claim(MERGED, patient, f"{PATIENT}/{into}")
    now = to_micros(context.clock())
    people = {person(session, each, base): now for each in (patient, before) if each}
    enter(session, people, base)
    for each in sorted(people):
        _coordinate(session, each, now, base)
    needs_moved(session, people, now, base)
    unit = WriteUnit(runtime, session, context)
    hand_offs_moved(unit, people)
    unit.store()
    for each in sorted(people) if timer.payload != _HISTORY else ():
        have_seen_to(session, each, "", now)


def _coordinate(session: Session, patient: str, now: int, base: str) -> None:
    """Have the oldest of a person's teams with a coordinator be the one that coordinates."""
    for stored, team in sorted(teams_of(session, patient, base), key=lambda each: each[0].row):
        if any(member.end > now for member in in_role(team, COORDINATOR, base)):
            session.release(COORDINATES, f"CareTeam/{stored.id}", [patient])
            session.claim(COORDINATES, patient, f"CareTeam/{stored.id}")
