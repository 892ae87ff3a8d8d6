"""The place of what moves somebody: where several such hand-offs are open, for persons were merged, the oldest has it,
and when that is answered the next one has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from carethread.careteams.handing.rule import HANDING, moves
from carethread.careteams.handing.states import is_moving, is_ours
from carethread.careteams.searching import every
from carethread.careteams.teams.people import person
from carethread.careteams.teams.reading import ref
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.standing import any_merged, present


def open_moves(session: Session, patients: Iterable[str], base: str) -> list[str]:
    """The hand-offs (`Task/1`) that move one of the persons and are not answered, the oldest first."""
    whose = ",".join(sorted(patients))
    asked = [("patient", whose), ("status", "requested,received")]
    found = [json.parse_object(stored.body) for stored in every(session, "Task", asked, base)]
    return [f"Task/{task['id']}" for task in sorted(filter(moves, found), key=_age)]


def _age(task: Resource) -> tuple[str, str]:
    return task.get("authoredOn", ""), task["id"]


def place_passed(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Give the place that an answered hand-off of a person who was merged has left to the next that is open."""
    base = runtime.base_url
    tasks = present(session, [("Task", id_) for id_ in ids]).values()
    over = [task for task in tasks if is_ours(task) and is_moving(task) and not moves(task)]
    known = {key_of(each)[1] for task in over if (each := ref(task, "for", base))}
    if not any_merged(session, known):
        return
    for patient in sorted({person(session, f"Patient/{id_}", base) for id_ in known}):
        if not session.claimed(HANDING, [patient]) and (left := open_moves(session, [patient], base)):
            session.claim(HANDING, patient, left[0])
