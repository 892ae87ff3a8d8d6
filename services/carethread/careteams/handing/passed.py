"""The time of who answers for a person was over before a hand-off was accepted: the ledger says who answers meanwhile.

The offer stays open, and who accepts it takes over from whoever answers then. Without an offer the entry is about the
team.
"""

from __future__ import annotations

from carethread.careteams.handing.rule import HANDING
from carethread.careteams.handing.states import is_ours, marked, state_of
from carethread.careteams.teams.people import person
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Entry
from carethread.interactions.writing.unit import WriteUnit


def note_passed(unit: WriteUnit, team: str, patient: str, before: str, after: str, now: int, why: str) -> None:
    """Note that `after` (empty: nobody) has come to answer for a person in place of `before`, as a member of a team.

    All are references such as `Practitioner/1`; `why` is a code such as `shift-over`.
    """
    patient = person(unit.session, patient, unit.base_url)
    holder = unit.session.claimed(HANDING, [patient]).get(patient, "")
    task = unit.find(key_of(holder)) if holder else None
    about = team
    if task is not None and is_ours(task) and state_of(task) == "offered":
        about = holder
        unit.update(marked(task, "passed-on"))
    turn = unit.session.ledger.turns([about]).get(about, 0) + 1
    unit.session.ledger.add([Entry(about, turn, patient, "passed-on", now, "", before, after, 0, why)])
