"""The Tasks of feedback that a department has had within a time, as they are stored, and who stands behind each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carethread.careteams.feedback.terms import is_of
from carethread.careteams.handing.following import survivors
from carethread.careteams.searching import every
from carethread.careteams.tasks import TASKS
from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant
from carethread.core.errors import TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.standing import present

MOST = 20_000
"""Tasks that are looked through for one answer."""


def within(session: Session, code: str, department: str, begin: int, end: int, base: str) -> list[Resource]:
    """Those of a kind that were authored from `begin` up to `end`, in microseconds; no department: of all."""
    asked = [("authored-on", f"ge{instant(begin)}"), ("authored-on", f"lt{instant(end)}")]
    return list(_found(session, code, department, asked, base))


def standing(session: Session, code: str, department: str, statuses: Sequence[str], base: str) -> list[Resource]:
    """Those of a kind that are at one of the statuses now."""
    return list(_found(session, code, department, [("status", ",".join(statuses))], base))


def people(runtime: Runtime, session: Session, tasks: Sequence[Resource]) -> list[str]:
    """Who stands behind each Task, where numbers of few people are not told; else nobody is looked up, and it is empty.
    It is whom the Task is for, or who has given the response; what has no name is somebody's each."""
    if runtime.small_cells != "mask":
        return []
    base = runtime.base_url
    said = [ref(task, "focus", base, "QuestionnaireResponse") for task in tasks]
    responses = present(session, {key_of(each) for each in said if each})
    whose = [
        ref(task, "for", base, "Patient") or ref(responses.get(key_of(of or "/"), {}), "subject", base, "Patient")
        for task, of in zip(tasks, said, strict=True)
    ]
    meant = survivors(session, {each for each in whose if each}, base)
    return [meant[who] if who else f"Task/{task['id']}" for who, task in zip(whose, tasks, strict=True)]


def _found(
    session: Session, code: str, department: str, asked: Sequence[tuple[str, str]], base: str
) -> Iterator[Resource]:
    of = department.removeprefix("Organization/")
    for number, stored in enumerate(every(session, "Task", [("code", f"{TASKS}|{code}"), *asked], base)):
        if number == MOST:
            raise TooCostly(f"More than {MOST} Tasks would be looked through: ask for a shorter time.")
        if not of or stored.department == of:
            task = json.parse_object(stored.body)
            if is_of(task, code):
                yield task
