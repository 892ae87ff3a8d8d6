"""Who is called to a critical answer: who is on call in the department, its lead, those above, and in turn again.

The department is the one that the Task names, else that of the encounter or of its appointment, else that of the team
which answers for the person, else where the person belongs. Whoever stands in for somebody comes after them, and who
answers for the person last. Where none of these is there, others are called (`otherwise`). It is worked out anew each
time, so that a shift that begins meanwhile is called too.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from carethread.careteams.alerting.otherwise import belonging, practice_wide, uppermost
from carethread.careteams.handing.alarms import department_of
from carethread.careteams.handing.offering import department_of as department_of_team
from carethread.careteams.teams.answering import accountable
from carethread.careteams.teams.people import behind, can_answer, escalation
from carethread.careteams.teams.reading import ref
from carethread.careteams.teams.recalling import recalling
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Key, Resource, Session
from carethread.interactions.standing import here

MOST = 20
"""People who are called to one critical answer."""


class Next(NamedTuple):
    """The department that a call is of (`Organization/1`), who is called, and whose it is: theirs, else the
    department's, else of the one above all others. Each is empty where there is none."""

    of: str
    whom: str
    owner: str


def next_of(session: Session, task: Resource, last: str, now: int, base: str) -> Next:
    """What becomes of a call after somebody was called (empty: nobody was)."""
    known = recalling(session)
    named, patient = department(known, task, now, base), ref(task, "for", base, "Patient")
    if named and (people := chain(known, task, named, now, base)):
        whom = following(known, people, last, now, base)
        return Next(named, whom, whom or named)
    belongs = belonging(known, patient, base) if patient else ()
    places = [each for each in dict.fromkeys([named, *belongs]) if each] or [""]
    chains = (chain(known, task, each, now, base) for each in places)
    people = next(filter(None, chains), []) or list(islice(dict.fromkeys(practice_wide(known, now, base)), MOST))
    whom = following(known, people, last, now, base)
    return Next(places[0], whom, whom or places[0] or next(filter(None, uppermost(known, base)), ""))


def department(session: Session, task: Resource, now: int, base: str) -> str:
    """The department (`Organization/1`) whose people are called; empty where it is not known."""
    if named := department_of(task, base):
        return named
    for key in keys_at(task, "encounter", base):
        visit = here(session, key) or {}
        for each in (key, *keys_at(visit, "appointment", base)):
            if found := _stored_of(session, each):
                return found
    patient = ref(task, "for", base, "Patient")
    standing = accountable(session, patient, now, base) if patient else None
    return department_of_team(session, standing.team, base) if standing else ""


def _stored_of(session: Session, key: Key) -> str:
    stored = session.current([key]).get(key)
    return f"Organization/{stored.department}" if stored and stored.department and not stored.deleted else ""


def chain(session: Session, task: Resource, of: str, now: int, base: str) -> list[str]:
    """Whom to call, in order, each person once and in the role by which they come first; `of` is the department."""
    known = recalling(session)
    found: dict[str, str] = {}
    for each in _all(known, task, of, now, base):
        found.setdefault(behind(known, each, now, base) or each, each)
        if len(found) == MOST:
            break
    return list(found.values())


def _all(session: Session, task: Resource, of: str, now: int, base: str) -> Iterator[str]:
    first = escalation(session, "", of, now, base) if of else []
    for each in first:
        yield each
        yield from (one for one in escalation(session, each, of, now, base) if one not in first)
    patient = ref(task, "for", base, "Patient")
    standing = accountable(session, patient, now, base) if patient else None
    if standing and (lead := can_answer(session, standing.member, now, base)):
        yield lead


def following(session: Session, people: list[str], whom: str, now: int, base: str) -> str:
    """Who of them is called after somebody; the first after the last, and where they are none of them; empty: nobody
    is there."""
    asked = behind(session, whom, now, base) or whom if whom else ""
    who = [behind(session, each, now, base) or each for each in people]
    place = who.index(asked) + 1 if asked in who else 0
    return people[place % len(people)] if people else ""
