"""The Tasks of feedback that a department has had within a time, as they are stored, and who stands behind each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from carethread.careteams.feedback.hiding import Others
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


@dataclass(frozen=True, slots=True)
class Heard:
    """Tasks of a department, or of all. Where numbers of few people are not told, `people` are who stands behind each,
    and `others` those of the other departments, where it is of one."""

    tasks: Sequence[Resource]
    people: Sequence[str]
    others: Others
    department: str


def within(runtime: Runtime, session: Session, code: str, department: str, begin: int, end: int) -> Heard:
    """Those of a kind that were authored from `begin` up to `end`, in microseconds; no department: of all."""
    asked = [("authored-on", f"ge{instant(begin)}"), ("authored-on", f"lt{instant(end)}")]
    of = department.removeprefix("Organization/")
    masks = runtime.small_cells == "mask"
    apart: defaultdict[str, list[Resource]] = defaultdict(list)
    for where, task in _found(session, code, "" if masks else of, asked, runtime.base_url):
        apart[where if of else ""].append(task)
    whose = iter(_people(runtime, session, [each for some in apart.values() for each in some]) if masks else ())
    heard = {where: (some, list(islice(whose, len(some)))) for where, some in apart.items()}
    tasks, people = heard.pop(of, ([], []))
    return Heard(tasks, people, heard, of)


def standing(session: Session, code: str, department: str, statuses: Sequence[str], base: str) -> list[Resource]:
    """Those of a kind that are at one of the statuses now."""
    of, at = department.removeprefix("Organization/"), [("status", ",".join(statuses))]
    return [task for _, task in _found(session, code, of, at, base)]


def _people(runtime: Runtime, session: Session, tasks: Sequence[Resource]) -> list[str]:
    """Who stands behind each Task: whom it is for, or who has given the response; what has no name is somebody's
    each."""
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
    session: Session, code: str, of: str, asked: Sequence[tuple[str, str]], base: str
) -> Iterator[tuple[str, Resource]]:
    """Each with its department."""
    for number, stored in enumerate(every(session, "Task", [("code", f"{TASKS}|{code}"), *asked], base)):
        if number == MOST:
            raise TooCostly(f"More than {MOST} Tasks would be looked through: ask for a shorter time.")
        if not of or stored.department == of:
            task = json.parse_object(stored.body)
            if is_of(task, code):
                yield stored.department or "", task
