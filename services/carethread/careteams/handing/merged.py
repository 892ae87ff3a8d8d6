"""What is kept by person, of those who were merged or are so no longer: their needs, and the hand-offs that are open.

Of several that move one person, each offered before the persons were one, one has the place; who offered another is
told, to withdraw one.
"""

from __future__ import annotations

from collections.abc import Iterable

from carethread.careteams.handing.alarms import SECOND, alarm, alarm_id
from carethread.careteams.handing.needs import needing
from carethread.careteams.handing.placing import open_moves
from carethread.careteams.handing.rule import HANDING, moves
from carethread.careteams.teams.people import person, persons
from carethread.careteams.teams.reading import ref
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Session
from carethread.interactions.standing import present
from carethread.interactions.writing.unit import WriteUnit


def needs_moved(session: Session, patients: Iterable[str], now: int, base: str) -> None:
    """Keep from now on for each open need whose it is."""
    ids = sorted({each for patient in patients for each in persons(session, patient, base)})
    open_ = {each.need for each in session.needs.between(ids, now, now + 1)}
    found = present(session, [key_of(each) for each in open_])
    states: dict[str, tuple[str, int]] = {}
    for key, resource in found.items():
        whose = needing(resource, now, base)
        states["/".join(key)] = (person(session, whose, base) if whose else "", now)
    session.needs.keep(states)


def hand_offs_moved(unit: WriteUnit, patients: Iterable[str]) -> None:
    """Have each open hand-off that moves a person hold the place of whoever that is now, the oldest first."""
    session, base = unit.session, unit.base_url
    ids = sorted({each for patient in patients for each in persons(session, patient, base)})
    holders = sorted({*session.claimed(HANDING, ids).values(), *open_moves(session, ids, base)})
    unit.load([key_of(each) for each in holders])
    found = [(task, holder) for holder in holders if (task := unit.find(key_of(holder)))]
    for task, holder in sorted(found, key=lambda each: (each[0].get("authoredOn", ""), each[1])):
        if not moves(task):
            session.release(HANDING, holder)
            continue
        place, sender = person(session, ref(task, "for", base), base), ref(task, "requester", base)
        first = session.claim(HANDING, place, holder)
        session.release(HANDING, holder, [place])
        if first != holder and unit.find(("Task", alarm_id(key_of(holder)[1], SECOND, sender))) is None:
            alarm(unit, task, key_of(holder)[1], SECOND, sender, unit.now)
