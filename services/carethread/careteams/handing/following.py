"""What follows from a hand-off once it is stored: its ledger, and the timers of what is waited for.

What history tells of comes into the ledger, and nobody is waited for whose time was over when it was told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from carethread.careteams.handing.replaying import next_entry
from carethread.careteams.handing.states import is_ours
from carethread.careteams.history import no_history
from carethread.careteams.teams.people import person
from carethread.careteams.teams.reading import ref
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import FOREVER, Entry, Session
from carethread.core.service import Runtime
from carethread.interactions.standing import any_merged

ANSWER_TIMER, RESULT_TIMER = "hand-off", "hand-off-result"
"""The kinds of timers that announce the end of a deadline; their key is the Task's id."""

_TIMERS = {"offered": ANSWER_TIMER, "escalated": ANSWER_TIMER, "accepted": RESULT_TIMER}


def hand_off_follows(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Add to the ledger what these Tasks say and it does not yet, and wait for what comes next.

    A timer is not cancelled when an answer comes: when it is due, it finds nothing to do. Who cancelled it would wait
    for whoever has taken it, who waits for the Task.
    """
    found = {
        stored.id: (stored, task)
        for stored in session.current([("Task", id_) for id_ in ids]).values()
        if not stored.deleted and is_ours(task := json.parse_object(stored.body))
    }
    if not found:
        return
    known: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in session.ledger.of([f"Task/{id_}" for id_ in found]):
        known[entry.about].append(entry)
    added, judged = [], no_history(session, "Task", ids, context, is_ours)
    people = survivors(session, {ref(task, "for", runtime.base_url) for _, task in found.values()}, runtime.base_url)
    waits: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for id_, (stored, task) in sorted(found.items()):
        patient = people[ref(task, "for", runtime.base_url)]
        new = next_entry(task, id_, patient, stored.updated, known[f"Task/{id_}"], runtime.base_url)
        if new is None:
            continue
        added.append(new)
        kind = _TIMERS.get(new.step)
        if kind and 0 < new.deadline < FOREVER and (id_ in judged or new.deadline > stored.updated):
            waits[kind][id_] = new.deadline
    session.ledger.add(added)
    for kind, due in waits.items():
        session.timers.set_all(kind, due)


def survivors(session: Session, patients: set[str], base: str) -> dict[str, str]:
    """Who is meant by each; where nobody was merged, two questions tell it of all."""
    ids = {each.removeprefix("Patient/") for each in patients if each}
    if not any_merged(session, ids):
        return {each: each for each in patients}
    return {each: person(session, each, base) for each in patients}
